"""Tests that a running line removes old results, and raises an alarm when its disk is full."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from line_rig import LineRig, write_line
from waiting import wait_for

from inspector.core.errors import ConfigError, SinkError
from inspector.evidence.signing import load_signing_key
from inspector.service import disk_guard, disk_keeper
from inspector.service.disk_keeper import DiskKeeper
from inspector.store.alarms import find_alarms, raise_alarm


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
        wait_for(lambda: any((tmp_path / "runs" / "0002" / "originals").iterdir()))
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
    refused: list[SinkError] = []

    def refuse(*args: Any, **fields: Any) -> int:
        """The store cannot write either, at first."""
        if len(refused) < 3:
            refused.append(SinkError("the store: no space left"))
            raise refused[-1]
        return raise_alarm(*args, **fields)

    monkeypatch.setattr(disk_keeper, "raise_alarm", refuse)
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
        assert len(refused) == 3
    assert rig.code == 0


def write_key(path: Path, letter: str) -> str:
    path.write_text(64 * letter)
    return str(path)


def test_a_reload_changes_the_limits_and_the_key(tmp_path: Path) -> None:
    output = {
        "dir": str(tmp_path / "runs" / "{number}"),
        "video": {"enabled": False},
        "originals": {"enabled": True, "format": "bmp"},
    }
    evidence = {"key_file": write_key(tmp_path / "first", "a")}
    rig = LineRig(write_line(tmp_path, output=output, evidence=evidence))
    start(rig)
    other = write_key(tmp_path / "other", "b")
    with rig:
        rig.wait_for_frames()
        limits = {"originals": {"max_gb": 1e-9}}
        write_line(tmp_path, output=output, evidence={"key_file": other}, retention=limits)
        assert rig.ask("reload").done
        record = tmp_path / "runs" / "0001" / "removed.jsonl"
        wait_for(lambda: record.exists() and record.read_text().endswith("\n"))
    line = json.loads(record.read_text().splitlines()[0])
    assert line["key_id"] == load_signing_key(Path(other), "key").key_id


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_end_of_the_retention_raises_an_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no sense")

    monkeypatch.setattr(disk_keeper.Retention, "apply", fail)
    rig = LineRig(write_line(tmp_path, retention={"min_free_gb": 1e-9}))
    start(rig)
    with rig:
        rig.wait_for_frames()
        wait_for(lambda: find_alarms(rig.line.store.store))
        (alarm,) = find_alarms(rig.line.store.store)
        assert alarm.kind == "disk_keeper"
    assert rig.code == 0


def test_a_key_that_cannot_sign_is_refused(tmp_path: Path) -> None:
    rig = LineRig(write_line(tmp_path, evidence={"key_file": str(tmp_path / "gone")}))
    with pytest.raises(ConfigError, match=r"evidence\.key_file: cannot read"):
        DiskKeeper(rig.line)
    rig.line.store.close()
