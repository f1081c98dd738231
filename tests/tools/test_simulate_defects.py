"""The command simulate-defects: pictures, masks and JSON agree."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from inspector.synthetic.defect_shapes import KINDS
from tools.simulate_defects import main


@pytest.fixture
def normal(tmp_path: Path) -> Path:
    folder = tmp_path / "good"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(2):
        image = rng.integers(110, 150, (240, 320, 3)).astype(np.uint8)
        assert cv2.imwrite(str(folder / f"web_{number}.png"), image)
    return folder


def run(normal: Path, out: Path, *more: str) -> dict:
    assert main(["--normal", str(normal), "--out", str(out), *more]) == 0
    return json.loads((out / "truth.json").read_text())


def test_every_kind_is_written_in_the_mvtec_layout(normal: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    truth = run(normal, out, "--mm-per-px", "0.2")
    assert len(truth["pictures"]) == 2 * len(KINDS)
    for kind in KINDS:
        for stem in ("web_0", "web_1"):
            assert (out / "test" / kind / f"{stem}.png").is_file()
            assert (out / "ground_truth" / kind / f"{stem}_mask.png").is_file()


def test_masks_pictures_and_json_agree(normal: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    truth = run(normal, out, "--mm-per-px", "0.1", "--kinds", "hole", "stain", "--per-picture", "2")
    for entry in truth["pictures"]:
        drawn = cv2.imread(str(out / entry["mask"]), cv2.IMREAD_GRAYSCALE)
        area = sum(defect["area_px"] for defect in entry["defects"])
        assert len(entry["defects"]) == 2
        assert np.count_nonzero(drawn) == pytest.approx(area, rel=0.03)
        count, _, _, centres = cv2.connectedComponentsWithStats(drawn)
        assert count - 1 == 2
        for defect in entry["defects"]:
            nearest = np.abs(centres[1:] + 0.5 - defect["centroid_px"]).sum(axis=1).min()
            assert nearest < 1
            assert defect["area_mm2"] == pytest.approx(defect["area_px"] * 0.01)
            assert defect["length_mm"] == pytest.approx(defect["length_px"] * 0.1)
        painted = cv2.imread(str(out / entry["file"])).astype(int)
        change = np.abs(painted - cv2.imread(entry["source"])).max(axis=2)
        assert change[drawn > 0].mean() > 10 * change[drawn == 0].mean()


def test_without_a_scale_millimetres_are_null(normal: Path, tmp_path: Path) -> None:
    truth = run(normal, tmp_path / "set", "--kinds", "scratch")
    assert truth["mm_per_px"] is None
    for entry in truth["pictures"]:
        (defect,) = entry["defects"]
        assert defect["length_mm"] is None
        assert defect["area_mm2"] is None
        assert defect["length_px"] > defect["width_px"] > 0


def test_the_seed_sets_the_defects(normal: Path, tmp_path: Path) -> None:
    texts = [
        run(normal, tmp_path / name, "--kinds", "slub", "--seed", seed)["pictures"]
        for name, seed in (("a", "4"), ("b", "4"), ("c", "5"))
    ]
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--per-picture", "0"], "--per-picture must be at least 1"),
        (["--mm-per-px", "0"], "--mm-per-px must lie between"),
        (["--per-picture", "500", "--kinds", "stain"], "500 defects of kind stain do not fit"),
    ],
)
def test_bad_settings_are_one_sentence_and_exit_code_2(
    normal: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    sentence: str,
) -> None:
    assert main(["--normal", str(normal), "--out", str(tmp_path / "set"), *more]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


def test_a_folder_without_pictures_and_existing_results_are_refused(
    normal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    out = str(tmp_path / "set")
    assert main(["--normal", str(tmp_path / "empty"), "--out", out]) == 2
    assert "holds no pictures" in capsys.readouterr().err
    assert main(["--normal", str(tmp_path / "none"), "--out", out]) == 2
    assert "does not exist" in capsys.readouterr().err
    run(normal, tmp_path / "set", "--kinds", "hole")
    assert main(["--normal", str(normal), "--out", out, "--kinds", "hole"]) == 2
    assert "--overwrite" in capsys.readouterr().err


def test_pictures_that_would_overwrite_each_other_are_refused(
    normal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (normal / "web_0.jpg").write_bytes((normal / "web_0.png").read_bytes())
    assert main(["--normal", str(normal), "--out", str(tmp_path / "set")]) != 0
    assert "would both be written as web_0.png" in capsys.readouterr().err


def test_the_good_pictures_of_a_class_are_used(normal: Path, tmp_path: Path) -> None:
    folder = tmp_path / "class"
    (folder / "train").mkdir(parents=True)
    normal.rename(folder / "train" / "OK")
    assert len(run(folder, tmp_path / "set")["pictures"]) == 2 * len(KINDS)


@pytest.mark.parametrize("part", ["test", "ground_truth"])
def test_pictures_and_masks_of_a_data_set_are_not_replaced(
    normal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], part: str
) -> None:
    mask = tmp_path / "class" / part / "hole" / "001.png"
    mask.parent.mkdir(parents=True)
    mask.write_bytes(b"drawn by hand")
    command = ["--normal", str(normal), "--out", str(tmp_path / "class")]
    assert main(command) == 2
    assert f"{mask.parent} exists already" in capsys.readouterr().err
    assert mask.read_bytes() == b"drawn by hand"
    assert main([*command, "--kinds", "stain"]) == 0
