"""The command make-video: the video shows the pictures that its JSON names."""

import json
import shutil
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from inspector.core.arrays import Image
from tools.make_video import main

COLOURS = {"good": (40, 160, 40), "hole": (30, 30, 200), "oil": (200, 60, 30)}
HW = (48, 64)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    for kind, colour in COLOURS.items():
        folder = tmp_path / "set" / "test" / kind
        folder.mkdir(parents=True)
        for number in range(3):
            level = np.array(colour) + 15 * number
            image = np.full((*HW, 3), level, np.uint8)
            assert cv2.imwrite(str(folder / f"{number:03}.png"), image)
    return tmp_path / "set"


def frames_of(path: Path) -> list[Image]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def sidecar_of(path: Path) -> dict:
    return json.loads(path.with_suffix(".json").read_text())


def test_every_picture_is_one_frame_and_the_json_names_it(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "all.mp4"
    assert main([str(dataset), "--output", str(out)]) == 0
    frames, sidecar = frames_of(out), sidecar_of(out)
    assert len(frames) == len(sidecar["frames"]) == 9
    for image, entry in zip(frames, sidecar["frames"], strict=True):
        (shown,) = entry["pictures"]
        assert shown["label"] == Path(shown["file"]).parent.name
        truth = cv2.imread(shown["file"])
        assert np.abs(image.astype(int) - truth).mean() < 4


def test_each_picture_of_a_kind_is_held_for_several_frames(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "oil.mp4"
    command = [str(dataset), "--defect", "oil", "--output", str(out), "--hold", "4", "--fps", "5"]
    assert main(command) == 0
    entries = sidecar_of(out)["frames"]
    assert [Path(e["pictures"][0]["file"]).name for e in entries[::4]] == [
        "000.png", "001.png", "002.png",
    ]  # fmt: skip
    assert {shown["label"] for e in entries for shown in e["pictures"]} == {"oil"}
    with av.open(str(out)) as container:
        assert container.streams.video[0].average_rate == 5
        assert container.streams.video[0].frames == 12


def test_scrolling_shows_all_pictures_and_names_their_places(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "belt.mp4"
    assert main([str(dataset), "--scroll", "--speed", "10.5", "--output", str(out)]) == 0
    frames, entries = frames_of(out), sidecar_of(out)["frames"]
    assert len(frames) == len(entries) == int(np.ceil(8 * 64 / 10.5)) + 1
    assert entries[0]["pictures"][0]["box_px"] == [0, 0, 64, 48]
    assert entries[-1]["pictures"][-1]["box_px"] == [0, 0, 64, 48]
    assert len({shown["file"] for entry in entries for shown in entry["pictures"]}) == 9
    for image, entry in zip(frames, entries, strict=True):
        assert sum(s["box_px"][2] - s["box_px"][0] for s in entry["pictures"]) == 64
        for shown in entry["pictures"]:
            x0, y0, x1, y1 = (int(v) for v in shown["box_px"])
            if x1 - x0 >= 24:
                part = image[y0 + 4 : y1 - 4, x0 + 8 : x1 - 8].reshape(-1, 3).mean(axis=0)
                truth = cv2.imread(shown["file"])[0, 0]
                assert part == pytest.approx(truth, abs=6)


def test_a_plain_folder_and_a_picture_of_another_size(tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), np.full((49, 65, 3), 90, np.uint8))
    cv2.imwrite(str(folder / "b.png"), np.full((96, 64, 3), 220, np.uint8))
    out = tmp_path / "plain.mp4"
    assert main([str(folder), "--output", str(out)]) == 0
    entries = sidecar_of(out)["frames"]
    assert entries[0]["pictures"][0]["label"] is None
    assert entries[0]["pictures"][0]["box_px"] == [0, 0, 64, 48]
    assert entries[1]["pictures"][0]["box_px"] == [16, 0, 48, 48]
    image = frames_of(out)[1]
    assert image[:, 20:44].mean() == pytest.approx(220, abs=3)
    assert image[:, :12].mean() < 5


def test_unreadable_pictures_are_named_and_skipped(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (dataset / "test" / "oil" / "0005.png").write_bytes(b"")
    (dataset / "test" / "oil" / "0006.png").write_bytes(b"no picture")
    out = tmp_path / "oil.mp4"
    assert main([str(dataset), "--defect", "oil", "--output", str(out)]) == 0
    output = capsys.readouterr().out
    assert "0005.png" in output
    assert "0006.png" in output
    assert "2 skipped" in output
    assert len(frames_of(out)) == 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["{set}", "--defect", "tear"], "kinds: good, hole, oil"),
        (["{set}/nothing"], "is not a folder"),
        (["{empty}"], "holds no pictures"),
        (["{set}", "--fps", "0"], "--fps must lie between"),
        (["{set}", "--scroll", "--speed", "-1"], "--speed must lie"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    dataset: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    (tmp_path / "empty").mkdir()
    command = [text.format(set=dataset, empty=tmp_path / "empty") for text in arguments]
    out = tmp_path / "x.mp4"
    assert main([*command, "--output", str(out)]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
    assert not list(tmp_path.glob("x.*"))


def test_an_existing_video_is_replaced_only_with_overwrite(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "all.mp4"
    out.write_text("another file")
    assert main([str(dataset), "--output", str(out)]) == 2
    assert out.read_text() == "another file"
    assert main([str(dataset), "--output", str(out), "--overwrite"]) == 0
    assert len(frames_of(out)) == 9


@pytest.mark.parametrize("name", [".ipynb_checkpoints", "__MACOSX", "@eaDir"])
def test_folders_of_systems_are_no_kinds(dataset: Path, tmp_path: Path, name: str) -> None:
    folder = dataset / "test" / "good"
    shutil.copytree(folder, dataset / "test" / name)
    for path in sorted(folder.glob("*.png")):
        (folder / f"._{path.name}").write_bytes(b"resource fork")
    out = tmp_path / "video.mp4"
    assert main([str(dataset), "--out", str(out)]) == 0
    labels = {shown["label"] for frame in sidecar_of(out)["frames"] for shown in frame["pictures"]}
    assert labels == set(COLOURS)
