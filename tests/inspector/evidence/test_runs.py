"""Tests of the evidence of runs that are whole, cut, old, or have several sources."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from evidence_runs import make_run, write_key, write_products

from inspector.app import main
from inspector.core.errors import SinkError
from inspector.run import Run
from tools.verify import main as verify

ROOT = Path(__file__).parents[3]
FORMAT_1 = ROOT / "tests" / "data" / "inspections_format1.jsonl"
LOG = "inspections.jsonl"


def test_a_log_of_an_earlier_version_is_not_chained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = make_run(tmp_path, frames=4)
    lines = [json.loads(line) for line in (out / LOG).read_bytes().splitlines()]
    old = [json.dumps(line | {"chain": None}) + "\n" for line in lines]
    summary = json.loads((out / "summary.json").read_text())
    for key in ("evidence", "signature", "chain"):
        del summary[key]
    (out / LOG).write_text("".join(old))
    assert verify([str(out)]) == 8, "a chained summary belongs to a chained log"
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    capsys.readouterr()
    assert verify([str(out)]) == 9
    assert "not chained: an earlier version wrote it" in capsys.readouterr().out
    assert verify([str(out), "--key", str(write_key(tmp_path / "key"))]) == 8


def test_only_a_chained_log_without_its_summary_is_no_old_run(tmp_path: Path) -> None:
    out = make_run(tmp_path, frames=4)
    lines = (out / LOG).read_bytes().splitlines(keepends=True)
    (out / LOG).write_bytes(b"".join([lines[0][:-67] + b"null}\n", *lines[1:]]))
    assert verify([str(out)]) == 8


def test_reports_are_not_named_as_other_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = make_run(tmp_path, frames=4)
    for name in ("report.html", "report.pdf", "report_defects_2.html", "report_r2_frames_3.html"):
        (out / name).write_text("x")
    assert verify([str(out)]) == 0
    assert "not written by the run" not in capsys.readouterr().out
    (out / "report_2.html").write_text("x")
    assert verify([str(out)]) == 0
    assert "not written by the run, not compared: report_2.html" in capsys.readouterr().out


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    assert verify([str(tmp_path)]) == 2
    assert verify([str(tmp_path / "nothing")]) == 2


def test_a_changed_run_among_whole_runs_decides_the_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [make_run(tmp_path / name, frames=4) for name in ("a", "b")]
    assert verify(list(map(str, runs))) == 0
    (runs[0] / "defects.csv").write_text("")
    capsys.readouterr()
    assert verify(list(map(str, runs))) == 8
    text = capsys.readouterr().out
    assert f"{runs[0]}: CHANGED" in text
    assert f"{runs[1]}: whole" in text


def test_a_folder_that_cannot_be_read_does_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = make_run(tmp_path / "a", frames=4)
    capsys.readouterr()
    assert verify([str(tmp_path / "none"), str(out)]) == 2
    shown = capsys.readouterr()
    assert f"error: {tmp_path / 'none'} is not a folder" in shown.err
    assert f"{out}: whole" in shown.out
    (out / "defects.csv").unlink()
    assert verify([str(tmp_path / "none"), str(out)]) == 8


def test_two_runs_of_the_same_pictures_have_the_same_lines_but_for_times(tmp_path: Path) -> None:
    types = []
    for name in ("a", "b"):
        out = make_run(tmp_path / name, frames=9)
        records = [json.loads(line) for line in (out / LOG).read_bytes().splitlines()]
        types.append([(r["type"], r["seq"], r["frame_id"]) for r in records])
    assert types[0] == types[1]
    assert [frame for kind, _, frame in types[0] if kind == "checkpoint"] == [3, 7]


def make_session(
    folder: Path, key: Path | None = None, code: int = 0, parts: dict[str, Any] | None = None
) -> Path:
    sources = [
        {"name": name, "source": {"uri": str(write_products(folder / name, 5, seed))}}
        for name, seed in (("left", 0), ("right", 50))
    ]
    values = {
        "engine": {"backend": "fake"},
        "output": {"dir": str(folder / "out"), "video": {"enabled": False}},
        "evidence": {"key_file": None if key is None else str(key)},
        "log": {"path": None},
        "parts": parts or {},
        "sources": sources,
    }
    path = folder / "session.yaml"
    path.write_text(yaml.safe_dump(values))
    assert main(["--config", str(path)]) == code
    return folder / "out"


def test_all_sources_of_a_session_are_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = write_key(tmp_path / "key")
    out = make_session(tmp_path, key)
    capsys.readouterr()
    assert verify([str(out), "--key", str(key)]) == 0
    text = capsys.readouterr().out
    assert [line.partition(":")[0] for line in text.splitlines()] == [
        str(out / "left"),
        str(out / "right"),
        str(out),
    ]
    lines = (out / "right" / LOG).read_bytes().splitlines(keepends=True)
    (out / "right" / LOG).write_bytes(b"".join(lines[:3] + lines[4:]))
    assert verify([str(out)]) == 8
    assert f"{out / 'right'}: {LOG}, line 4: deleted" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["changed", "missing", "longer", "shorter"])
def test_the_parts_of_several_sources_are_verified(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = make_session(tmp_path, parts={"enabled": True, "by": "frame", "join": True})
    table = out / "parts.csv"
    content = table.read_bytes()
    assert content.count(b"\n") == 6
    assert verify([str(out)]) == 0
    changed = {
        "changed": content.replace(b"FAIL", b"PASS").replace(b",any,", b",all,"),
        "missing": None,
        "longer": content + content[-20:],
        "shorter": content[:-20],
    }[kind]
    table.unlink() if changed is None else table.write_bytes(changed)
    capsys.readouterr()
    assert verify([str(out)]) == 8
    assert "parts.csv" in capsys.readouterr().out


def test_a_source_without_a_summary_was_cut_and_is_not_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write = Run.write_summary

    def lose_the_right(run: Run, *arguments: Any) -> None:
        if run.info.source_name == "right":
            raise SinkError("No space left on device")
        write(run, *arguments)

    monkeypatch.setattr(Run, "write_summary", lose_the_right)
    out = make_session(tmp_path, code=1)
    capsys.readouterr()
    assert verify([str(out)]) == 9
    text = capsys.readouterr().out
    assert f"{out / 'right'}: summary.json is missing: the run was cut" in text
    assert f"{out / 'left'}: whole" in text


@pytest.mark.parametrize("change", ["removed", "replaced", "added"])
def test_a_source_that_is_removed_replaced_or_added_is_noticed(
    change: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = make_session(tmp_path)
    if change != "added":
        shutil.rmtree(out / "right")
    if change == "replaced":
        shutil.copytree(make_run(tmp_path / "other", frames=4), out / "right")
    if change == "added":
        shutil.copytree(out / "right", out / "third")
    capsys.readouterr()
    assert verify([str(out)]) == 8
    text = capsys.readouterr().out
    expected = {
        "removed": "right/summary.json: missing",
        "replaced": "right/summary.json: replaced",
        "added": "third: added",
    }
    assert f"{out}: {expected[change]}" in text


def kill_run(folder: Path, **evidence: object) -> Path:
    """Starts a run of many pictures and kills it after its second checkpoint."""
    values = {
        "source": {"uri": str(write_products(folder / "pictures", 400))},
        "engine": {"backend": "fake"},
        "output": {"dir": str(folder / "out"), "snapshots": {"max_count": 3}},
        "evidence": {"checkpoint_frames": 4} | evidence,
        "log": {"path": None},
    }
    path = folder / "line.yaml"
    path.write_text(yaml.safe_dump(values))
    command = [sys.executable, "run_inspector.py", "--config", str(path)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    log = folder / "out" / LOG
    while process.poll() is None:
        if log.exists() and log.read_bytes().count(b'{"type":"checkpoint"') >= 2:
            os.kill(process.pid, signal.SIGKILL)
            break
        time.sleep(0.02)
    assert process.wait() == -signal.SIGKILL
    return folder / "out"


def test_a_killed_run_is_verified_up_to_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = write_key(tmp_path / "key")
    out = kill_run(tmp_path, key_file=str(key))
    with (out / LOG).open("ab") as file:
        file.write(b'{"type":"verdict","run')
    capsys.readouterr()
    assert verify([str(out), "--key", str(key)]) == 9
    text = capsys.readouterr().out
    assert "summary.json is missing: the run was cut" in text
    assert "the last line is incomplete" in text
    assert "have no signature" in text
    lines = (out / LOG).read_bytes().splitlines(keepends=True)
    (out / LOG).write_bytes(b"".join([*lines[:4], *lines[5:]]))
    assert verify([str(out)]) == 8
    assert f"{LOG}, line 5: deleted" in capsys.readouterr().out


def test_a_change_before_the_last_checkpoint_of_a_killed_run_is_noticed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = kill_run(tmp_path)
    table = (out / "defects.csv").read_bytes()
    (out / "defects.csv").write_bytes(table.replace(b"FAIL", b"PASS", 1))
    assert verify([str(out)]) == 8
    assert "defects.csv, lines 1 to" in capsys.readouterr().out
    (out / "defects.csv").write_bytes(table)
    assert verify([str(out)]) == 9
    shutil.rmtree(out / "snapshots")
    assert verify([str(out)]) == 8
    assert "missing" in capsys.readouterr().out
