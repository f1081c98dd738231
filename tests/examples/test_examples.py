"""Tests each example: runs its command in a separate process."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
from flow_rig import bad_picture, good_picture, write_pictures

from calibration import save_calibration
from calibration.scale import from_scale

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def run(name: str, *arguments: object) -> str:
    """The standard output of an example."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_has_a_test_and_says_how_to_run_it() -> None:
    tests = Path(__file__).read_text(encoding="utf-8")
    for path in EXAMPLES.glob("*.py"):
        assert f'run("{path.stem}"' in tests, path
        assert f"python examples/{path.name} " in path.read_text(encoding="utf-8"), path


def test_measure_mask(tmp_path: Path) -> None:
    mask = np.zeros((80, 120), np.uint8)
    mask[10:30, 10:30] = mask[50:60, 60:100] = 255
    mask[5, 100] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    out = tmp_path / "out"
    printed = run("measure_mask", tmp_path / "mask.png", out, "--mm-per-px", 0.1)
    assert "2 defects, 8.33 % of the mask" in printed
    assert "total 7.990 mm2" in printed
    assert json.loads((out / "defects.json").read_text())["num_defects"] == 2
    with (out / "defects.csv").open(newline="") as file:
        assert [row["severity"] for row in csv.DictReader(file)] == ["critical", "critical"]
    drawing = cv2.imread(str(out / "drawing.png"))
    assert drawing is not None
    assert drawing.shape == (80, 120, 3)


def test_predict_pictures(tmp_path: Path, engine: Path) -> None:
    folder = write_pictures(tmp_path / "p", [good_picture(3), bad_picture(4)])
    printed = run("predict_pictures", engine, *sorted(folder.glob("*.png")))
    lines = printed.splitlines()
    assert lines[0].startswith("000.png: PASS, score ")
    assert lines[1].startswith("001.png: FAIL, score ")
    assert any(line.endswith((" px, high", " px, critical")) for line in lines[2:])


def test_fit_and_predict(tmp_path: Path) -> None:
    printed = run("fit_and_predict", tmp_path / "part.onnx")
    lines = printed.splitlines()
    assert lines[0].startswith("image threshold ")
    assert lines[1].startswith("good: PASS, score ")
    assert lines[2].startswith("scratched: FAIL, score ")
    assert (tmp_path / "part.onnx").is_file()


def test_inspect_video(clip: Path, engine: Path) -> None:
    printed = run("inspect_video", clip, engine, "--stop-after", 2)
    lines = printed.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("frame ") and "FAIL, score " in line for line in lines[:2])
    assert lines[2].startswith("2 of ")
    full = run("inspect_video", clip, engine)
    assert full.splitlines()[-1].endswith("of 30 captured frames did not pass")


def test_run_pipeline(tmp_path: Path, clip: Path, engine: Path) -> None:
    calibration = tmp_path / "cal.yaml"
    save_calibration(from_scale(0.1, (192, 256)), calibration)
    out = tmp_path / "out"
    printed = run("run_pipeline", clip, engine, out, "--calibration", calibration)
    assert printed.startswith("30 frames: ")
    summary = json.loads((out / "summary.json").read_text())
    assert summary["defects"]["length_mm"]["largest"] > 1
    assert summary["failed"] >= 5
    assert (out / "annotated.mp4").stat().st_size > 0
