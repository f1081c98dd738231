"""Tests that the code blocks of docs/python-api.md run, from the first to the last."""

import re
import shutil
from pathlib import Path
from typing import Any

import cv2
import pytest
from flow_rig import bad_picture, good_picture, write_pictures

from calibration import save_calibration
from calibration.scale import from_scale

PAGE = Path(__file__).parents[2] / "docs" / "python-api.md"


def test_the_blocks_of_the_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Path, clip: Path
) -> None:
    shutil.copy(engine, tmp_path / "e.onnx")
    shutil.copy(clip, tmp_path / "web.mp4")
    write_pictures(tmp_path / "good_parts", [good_picture(i, (64, 96)) for i in range(12)])
    cv2.imwrite(str(tmp_path / "part.png"), bad_picture(1))
    save_calibration(from_scale(0.1, (192, 256)), tmp_path / "cal.yaml")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 8
    names: dict[str, Any] = {}
    for number, block in enumerate(blocks):
        exec(compile(block, f"{PAGE.name}, block {number}", "exec"), names)
    assert names["counts"]["captured"] == 30
    assert names["summary"]["captured"] == 30
    assert names["prediction"].verdict == "FAIL"
    assert names["drawing"].shape == (192, 256, 3)
    assert (tmp_path / "out" / "inspections.jsonl").is_file()
    assert names["result"].path.name == "part.onnx"
