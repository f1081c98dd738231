"""Tests that the evidence tells what the retention removed from what others removed."""

import json
import shutil
from pathlib import Path

import pytest
from evidence_runs import OTHER_SECRET, make_run, write_key
from retention_runs import (
    KINDS,
    apply,
    make_sessions,
    run_at,
)

from inspector.evidence.signing import load_signing_key
from tools.verify import main as verify


def test_a_source_that_retention_removed_is_no_forgery(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = make_sessions(tmp_path)
    session, key = base / "0001", ["--key", str(tmp_path / "key")]
    for name in ("snapshots", "defects"):  # as of a source without failures
        shutil.rmtree(session / "left" / name)
    apply(base, {"logs": {"days": 5}, "failures_days": 30})
    assert sorted(path.name for path in session.iterdir() if path.is_dir()) == ["right"]
    capsys.readouterr()
    assert verify([str(session), *key]) == 0
    assert "left: removed by retention at 20" in capsys.readouterr().out
    assert verify([str(session)]) == 9

    record = base / "removed_runs.jsonl"
    genuine = record.read_bytes()
    record.unlink()
    assert verify([str(session), *key]) == 8
    assert "left/summary.json: missing" in capsys.readouterr().out
    record.write_bytes(genuine.replace(b"older than 5 days", b"older than 4 days"))
    assert verify([str(session), *key]) == 8
    record.write_bytes(genuine)
    shutil.rmtree(session / "right")
    assert verify([str(session), *key]) == 8
    assert "right/summary.json: missing" in capsys.readouterr().out


def test_removed_files_are_a_fact_for_verify(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    apply(base, {kind: {"days": 2.5} for kind in KINDS})
    run, key = str(run_at(base, 3)), str(base.parent / "key")
    assert verify([run, "--key", key]) == 0
    assert "files were removed by retention, from 20" in capsys.readouterr().out
    assert verify([run]) == 9
    assert "says removed.jsonl; its signature was not checked: use --key" in capsys.readouterr().out
    other = write_key(base.parent / "other", OTHER_SECRET)
    assert verify([run, "--key", str(other)]) == 8
    assert verify([str(run_at(base, 2)), "--key", key]) == 0


def test_more_than_retention_removed_is_a_finding(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    apply(base, {"originals": {"days": 2.5}})
    snapshot = next((run_at(base, 3) / "snapshots").iterdir())
    snapshot.unlink()
    assert verify([str(run_at(base, 3)), "--key", str(base.parent / "key")]) == 8
    text = capsys.readouterr().out
    assert f"snapshots/{snapshot.name}: missing" in text
    assert "originals/" not in text


def test_a_forged_record_is_a_finding(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the key, with another key, of another run, edited, and not signed."""
    run, key = run_at(base, 3), ["--key", str(base.parent / "key")]
    forged = write_key(base.parent / "forged", OTHER_SECRET)
    apply(base, {"video": {"days": 2.5}}, key=load_signing_key(forged, "key"))
    assert verify([str(run), *key]) == 8
    assert "removed.jsonl, line 1: unsigned" in capsys.readouterr().out

    other = run_at(base, 2)
    apply(base, {"originals": {"days": 1.5}})
    genuine = (other / "removed.jsonl").read_bytes()
    (other / "removed.jsonl").write_bytes(genuine.replace(b"frame_00000000", b"frame_00000001"))
    assert verify([str(other), *key]) == 8
    assert verify([str(other)]) == 8
    assert "removed.jsonl, line 1: edited" in capsys.readouterr().out
    (other / "removed.jsonl").write_bytes(genuine)
    assert verify([str(other), *key]) == 0
    (other / "removed.jsonl").unlink()
    assert verify([str(other), *key]) == 8

    newest = run_at(base, 1)
    apply(base, {"video": {"days": 0.5}}, key=None)
    capsys.readouterr()
    assert verify([str(newest)]) == 9
    assert "it has no signature, so anybody can have written it" in capsys.readouterr().out
    assert verify([str(newest), *key]) == 8


def test_a_record_of_another_run_does_not_fit(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = make_run(tmp_path / "second", frames=10, evidence={"key_file": str(tmp_path / "key")})
    apply(base, {"video": {"days": 2.5}})
    shutil.copy(run_at(base, 3) / "removed.jsonl", second / "removed.jsonl")
    assert verify([str(second), "--key", str(tmp_path / "key")]) == 8
    assert "removed.jsonl, line 1: edited" in capsys.readouterr().out


def test_removed_runs_are_recorded_with_their_chain(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = tmp_path / "copy.json"
    shutil.copy(run_at(base, 3) / "summary.json", summary)
    apply(base, {"logs": {"days": 2.5}})
    record, key = str(base / "removed_runs.jsonl"), ["--key", str(base.parent / "key")]
    capsys.readouterr()
    assert verify([record, *key, "--checkpoint", str(summary)]) == 0
    assert "(day3/run): removed by retention at 20" in capsys.readouterr().out
    assert verify([record, "--checkpoint", str(summary)]) == 9
    assert verify([str(run_at(base, 2)), *key, "--checkpoint", str(summary)]) == 0
    changed = json.loads(summary.read_bytes())
    changed["chain"] = "0" * 64
    summary.write_text(json.dumps(changed, indent=2) + "\n")
    assert verify([record, *key, "--checkpoint", str(summary)]) == 8
