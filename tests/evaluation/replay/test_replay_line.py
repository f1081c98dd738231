"""Tests that the runs of a line can be judged again."""

import threading
from pathlib import Path

import pytest
import yaml
from line_rig import LIVE, LineRig, write_line

from inspector.core.types import Frame
from inspector.sources.synthetic import SyntheticSource
from tools.replay import main as replay

FILE = {"uri": "synthetic", "frame_size": "64x48", "fps": 50, "synthetic": {"frames": 120}}


def write_recipes(folder: Path) -> dict[str, str]:
    (folder / "recipes").mkdir()
    for number in (1, 2):
        recipe = {"verdict": {"image_threshold": 9 + number}}
        (folder / "recipes" / f"r{number}.yaml").write_text(yaml.safe_dump(recipe))
    return {"dir": str(folder / "recipes"), "start": "r1"}


def check_replays(rig: LineRig, capsys: pytest.CaptureFixture[str]) -> None:
    runs = rig.runs()
    assert [run.records[0]["recipe_id"] for run in runs] == ["r1", "r2"]
    assert len(runs[1].of_type("config_changed")) == 2
    for run in runs:
        assert replay([str(run.folder)]) == 0
        assert f"identical: {len(run.records)} records" in capsys.readouterr().out


def test_the_runs_of_a_file_give_the_same_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read, changed = SyntheticSource.read, threading.Event()

    def read_slowly(source: SyntheticSource) -> Frame | None:
        """Nearly stops before the end of the file until the change is made."""
        changed.wait(8e-3 if source._next < 90 else 0.5)
        return read(source)

    with monkeypatch.context() as patch:
        patch.setattr(SyntheticSource, "read", read_slowly)
        recipes = write_recipes(tmp_path)
        with LineRig(write_line(tmp_path, source=FILE, recipes=recipes)) as rig:
            rig.wait_for_frames()
            assert rig.ask("recipe", name="r2").done
            changed.set()
            rig.join(30)
    assert sum(run.summary["captured"] for run in rig.runs()) == 120
    check_replays(rig, capsys)


def test_the_runs_of_a_camera_give_the_same_logs_from_their_originals(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = {
        "dir": str(tmp_path / "runs" / "{number}"),
        "video": {"enabled": False},
        "originals": {"enabled": True, "format": "bmp"},
    }
    source = LIVE | {"fps": 50}
    config = write_line(tmp_path, source=source, recipes=write_recipes(tmp_path), output=output)
    with LineRig(config) as rig:
        rig.wait_for_frames()
        assert rig.ask("recipe", name="r2").done
        rig.wait_for_frames()
    check_replays(rig, capsys)
