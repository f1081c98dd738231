import json
from pathlib import Path

import pytest
from flow_rig import Inspect, bad_picture, good_picture, write_clip, write_config

import run_inspector
from tools.fit import main as fit


@pytest.fixture
def cut_clip(tmp_path: Path) -> Path:
    """The first part of a Matroska file of 40 frames. Frames 5 to 9 are defective."""
    pictures = [bad_picture(i) if 5 <= i < 10 else good_picture(100 + i) for i in range(40)]
    path = write_clip(tmp_path / "cut.mkv", pictures)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    return path


@pytest.mark.parametrize("option", [(), ("--fail-on-anomaly",)])
def test_a_file_that_ends_early_is_exit_code_7_after_its_frames_are_written(
    inspect: Inspect, cut_clip: Path, engine: Path, margin: list[str], option: tuple[str, ...]
) -> None:
    result = inspect(cut_clip, engine, *margin, *option)
    summary = result.summary
    captured = summary["captured"]
    assert result.code == summary["exit_code"] == 7
    assert summary["status"] == "failed"
    assert 15 < captured < 35
    assert (summary["expected"], summary["missing"]) == (40, 40 - captured)
    assert summary["missing_by_cause"] == {"truncated": 40 - captured}
    assert f"{cut_clip} ends early" in summary["error"]
    assert summary["error"] in result.stderr
    assert len(result.records) == captured
    assert summary["failed"] == 5


def test_a_list_of_sources_counts_the_missing_frames_of_each(
    tmp_path: Path, cut_clip: Path, clip: Path
) -> None:
    entries = [
        {"name": "cut", "source": {"uri": str(cut_clip)}},
        {"name": "whole", "source": {"uri": str(clip)}},
    ]
    assert run_inspector.main(["--config", str(write_config(tmp_path, entries))]) == 7
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["exit_code"] == 7
    assert {s["name"]: s["exit_code"] for s in summary["sources"]} == {"cut": 7, "whole": 0}
    assert summary["total"]["expected"] == 70
    assert summary["total"]["missing"] == 70 - summary["total"]["captured"] > 0


def test_fit_warns_about_a_file_that_ends_early(
    tmp_path: Path, cut_clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "engine.onnx"
    arguments = ["--method", "rad", "--normal", str(cut_clip), "--size", "128x96"]
    assert fit([*arguments, "--out", str(out)]) == 0
    assert out.exists()
    stderr = capsys.readouterr().err
    assert "ends early" in stderr
    assert "only the frames before it are used" in stderr
