"""Tests that a running line removes old results, and raises an alarm when its disk is full."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from line_rig import LineRig, wait_for, write_line

from inspector.core.errors import ConfigError
from inspector.service import disk_guard
from inspector.service.disk_keeper import DiskKeeper
from inspector.store.alarms import find_alarms


def start(rig: LineRig) -> None:
    rig.line.attendants.add(DiskKeeper(rig.line, period_s=0.01))


def test_a_line_removes_old_results_but_not_those_of_its_run(tmp_path: Path) -> None:
    output = {
        "dir": str(tmp_path / "runs" / "{number}"),
        "video": {"enabled": False},
        "originals": {"enabled": True, "format": "bmp"},
    }
    with LineRig(write_line(tmp_path, output=output)) as first:
        first.wait_for_frames()
    limits: dict[str, Any] = {"originals": {"max_gb": 1e-9}}
    rig = LineRig(write_line(tmp_path, output=output, retention=limits))
    start(rig)
    with rig:
        rig.wait_for_frames()
        old = tmp_path / "runs" / "0001"
        wait_for(lambda: not any((old / "originals").iterdir()))
        assert any((tmp_path / "runs" / "0002" / "originals").iterdir())
        assert not (tmp_path / "runs" / "0002" / "removed.jsonl").exists()
    assert rig.code == 0
    assert (old / "removed.jsonl").exists()


def test_a_disk_that_is_nearly_full_is_in_the_state_and_raises_an_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    free = {"bytes": 10**12}
    monkeypatch.setattr(disk_guard, "PERIOD_NS", 0)
    monkeypatch.setattr(
        disk_guard.shutil, "disk_usage", lambda _: usage._replace(free=free["bytes"])
    )
    output = {
        "dir": str(tmp_path / "runs" / "{number}"),
        "video": {"enabled": False},
        "disk": {"less_below_gb": 2.0, "verdicts_below_gb": 1.0},
    }
    rig = LineRig(write_line(tmp_path, output=output))
    start(rig)
    with rig:
        rig.wait_for_frames()
        free["bytes"] = 10**8
        wait_for(lambda: find_alarms(rig.line.store.store))
        disk = rig.line.state().disk
        assert disk is not None
        assert (disk.level, disk.free_mb) == (2, 100.0)
        (alarm,) = find_alarms(rig.line.store.store)
        assert alarm.kind == "disk_full"
        assert "the inspection goes on" in alarm.text
    assert rig.code == 0


def test_a_key_that_cannot_sign_is_refused(tmp_path: Path) -> None:
    rig = LineRig(write_line(tmp_path, evidence={"key_file": str(tmp_path / "gone")}))
    with pytest.raises(ConfigError, match=r"evidence\.key_file: cannot read"):
        DiskKeeper(rig.line)
    rig.line.store.close()
