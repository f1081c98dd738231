"""The command fit: several sources, existing files, and what it says."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.spec_file import read_spec
from inspector.core.types import BadFrame, Frame, SourceInfo
from inspector.synthetic.media import H264Writer
from tools._normals import frames_of
from tools.fit import main as fit

HW = (96, 128)


def good(seed: int) -> np.ndarray:
    """(96, 128, 3) uint8 BGR."""
    rng = np.random.default_rng(seed)
    picture = rng.normal(160, 6, (*HW, 3))
    cv2.circle(picture, tuple(int(at) for at in rng.integers((40, 30), (90, 70))), 20, (90, 80, 70))
    return picture.clip(0, 255).astype(np.uint8)


def pictures(place: Path, seeds: range, suffix: str = ".png") -> Path:
    place.mkdir(parents=True)
    for seed in seeds:
        cv2.imwrite(str(place / f"{seed}{suffix}"), good(seed))
    return place


def clip(path: Path, seeds: range, fps: float = 5) -> Path:
    with H264Writer(path, HW, fps) as video:
        for seed in seeds:
            video.write(good(seed))
    return path


def run(out: Path, *more: str | Path) -> int:
    options = ("--method", "rad", "--size", "96x64", "--radius", "0", "--threads", "1")
    return fit([*options, "--out", str(out), *map(str, more)])


def test_several_folders_globs_and_videos_are_fitted_together(tmp_path, capsys):
    day = pictures(tmp_path / "day", range(6))
    night = pictures(tmp_path / "night", range(6, 10))
    late = pictures(tmp_path / "late", range(10, 13), ".bmp")
    video = clip(tmp_path / "web.mp4", range(20, 25))
    out = tmp_path / "e.onnx"
    sources = ("--normal", day, night, "--normal", late / "*.bmp", "--normal", video)
    assert run(out, *sources) == 0
    trained = read_spec(out).trained_on
    expected = {str(day): 6, str(night): 4, str(late / "*.bmp"): 3, "web.mp4": 5}
    assert trained["sources"] == expected
    assert trained["count"] == 18
    text = capsys.readouterr()
    for name, count in expected.items():
        assert f"{name} {count}" in text.err


def test_files_of_the_same_name_in_several_folders_are_different_pictures(tmp_path):
    first = pictures(tmp_path / "a", range(5))
    second = pictures(tmp_path / "b", range(5))
    for seed in range(5):
        cv2.imwrite(str(second / f"{seed}.png"), good(50 + seed))
    assert run(tmp_path / "e.onnx", "--normal", first, second) == 0
    assert read_spec(tmp_path / "e.onnx").trained_on["count"] == 10


def test_one_source_named_twice_and_two_data_sets_are_refused(tmp_path, capsys):
    folder = pictures(tmp_path / "a", range(5))
    assert run(tmp_path / "e.onnx", "--normal", folder, "--normal", folder) == 2
    assert f"--normal names {folder} twice" in capsys.readouterr().err
    assert run(tmp_path / "engines", "--normal", folder, tmp_path) == 2
    assert "a data set must be one folder" in capsys.readouterr().err


def test_the_synthetic_web_is_a_source_of_good_pictures(tmp_path):
    out = tmp_path / "e.onnx"
    assert run(out, "--normal", "synthetic", "--max-pictures", "12") == 0
    spec = read_spec(out)
    assert spec.trained_on["count"] == 12
    assert spec.frame_hw == (720, 1280)


def test_frames_of_a_video_are_named_with_their_time(tmp_path, capsys):
    video = clip(tmp_path / "web.mp4", range(8))
    with H264Writer(tmp_path / "odd.mp4", HW, 5) as writer:
        for seed in range(8):
            writer.write(good(seed))
        writer.write(255 - good(9))
    assert run(tmp_path / "a.onnx", "--normal", video) == 0
    capsys.readouterr()
    assert run(tmp_path / "b.onnx", "--normal", tmp_path / "odd.mp4") == 0
    assert "odd.mp4#8 at 1.60 s" in capsys.readouterr().err


def test_an_existing_engine_is_replaced_with_overwrite_only(tmp_path, capsys):
    folder, out = pictures(tmp_path / "a", range(5)), tmp_path / "e.onnx"
    out.write_bytes(b"an engine")
    assert run(out, "--normal", folder) == 2
    assert f"--out {out} exists already; give --overwrite" in capsys.readouterr().err
    assert out.read_bytes() == b"an engine"
    assert run(out, "--normal", folder, "--overwrite") == 0
    assert read_spec(out).trained_on["count"] == 5


def test_the_sizes_of_many_pictures_are_counted_and_only_some_are_named(tmp_path, capsys):
    for index in range(40):
        cv2.imwrite(str(tmp_path / f"{index}.png"), good(index)[:, : 128 - max(0, index - 20)])
    assert run(tmp_path / "e.onnx", "--normal", tmp_path) == 0
    line = next(
        row for row in capsys.readouterr().err.splitlines() if "do not have the size" in row
    )
    assert line.startswith("WARNING 19 of 40 pictures")
    assert line.count(".png") == 8


def test_the_contact_sheet_is_written_and_the_line_says_where_to_look(tmp_path, capsys):
    folder, out = tmp_path / "a", tmp_path / "e.onnx"
    folder.mkdir()
    for seed in range(9):
        noise = np.random.default_rng(seed).normal(160, 4 + 0.1 * seed, (*HW, 3))
        cv2.imwrite(str(folder / f"{seed}.png"), noise.clip(0, 255).astype(np.uint8))
    assert run(out, "--normal", folder) == 0
    sheet = cv2.imread(str(tmp_path / "e.sheet.png"))
    assert sheet is not None
    line = next(row for row in capsys.readouterr().out.splitlines() if row.startswith("contact"))
    assert f"{tmp_path / 'e.sheet.png'}; look at the good pictures most unlike" in line
    assert line.count(".png (score 0.") == 3
    cv2.imwrite(str(folder / "odd.png"), 255 - good(50))
    assert run(out, "--normal", folder, "--overwrite") == 0
    assert "e.sheet.png; the pictures that stand out are its first ones" in capsys.readouterr().out


@pytest.mark.parametrize("options", [("--hold-out", "0.4"), ("--suspects", "drop")])
def test_pictures_without_a_score_are_on_the_sheet_too(tmp_path, options):
    folder, out = pictures(tmp_path / "a", range(9)), tmp_path / "e.onnx"
    cv2.imwrite(str(folder / "odd.png"), 255 - good(50))
    assert run(out, "--normal", folder, *options) == 0
    assert (tmp_path / "e.sheet.png").is_file()


def test_no_sheet_writes_none(tmp_path):
    folder, out = pictures(tmp_path / "a", range(5)), tmp_path / "e.onnx"
    assert run(out, "--normal", folder, "--no-sheet") == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "e.fit", "e.onnx"]


def test_an_empty_name_is_not_the_working_folder(tmp_path, capsys):
    assert run(tmp_path / "e.onnx", "--normal", "") == 2
    assert "the name of a source is empty" in capsys.readouterr().err


def test_a_suffix_in_capitals_means_a_file(tmp_path):
    day = pictures(tmp_path / "day", range(4))
    assert run(tmp_path / "E.ONNX", "--normal", day) == 0
    assert (tmp_path / "E.ONNX").is_file()


class LiveSource:
    """A live source with a frame every 0.1 s of simulated time. Every third frame is damaged."""

    def __init__(self) -> None:
        self.info = SourceInfo("line", live=True)
        self.count = 0

    def read(self) -> Frame | BadFrame:
        number, self.count = self.count, self.count + 1
        at = number * 100_000_000
        if number % 3 == 2:
            return BadFrame(number, "line", "damaged", at, None, "")
        return Frame(number, "line", good(number), at, None, "")

    def close(self) -> None:
        """Nothing to close."""


def test_a_live_source_is_read_for_some_seconds_and_damaged_frames_are_left_out():
    line = LiveSource()
    frames = list(frames_of(line, seconds=2.0))
    assert line.count == 22
    assert len(frames) == 14
