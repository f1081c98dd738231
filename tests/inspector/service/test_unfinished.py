"""Tests what a line says after it was interrupted, and how it finds that."""

import json
from pathlib import Path

import pytest
from log_lines import warnings_of

from inspector.interruption import LastFrame, measure_blind
from inspector.service.unfinished import (
    FILE,
    MarkedRun,
    find_interruption,
    find_unfinished,
    read_last_frame,
    read_marker,
    remove_marker,
    write_marker,
)

HEADER = {"type": "header", "run_id": "r", "wall_time_utc": "2026-01-31T12:00:00.000Z"}


def frame(number: int) -> dict[str, object]:
    second = f"2026-01-31T12:00:{number:02d}.000Z"
    values = {"frame_id": number, "wall_time_utc": second, "captured_ns": number * 10**9}
    return {"type": "measured", **values}


def write_log(run: Path, *records: dict[str, object], rest: bytes = b"") -> None:
    run.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(record, separators=(",", ":")).encode() + b"\n" for record in records]
    (run / "inspections.jsonl").write_bytes(b"".join(lines) + rest)


LAST = LastFrame("r", 7, "2026-01-31T12:00:00.000Z", 50 * 10**9, "boot")


@pytest.mark.parametrize(
    ("wall", "captured_s", "boot", "seconds", "at_least_s", "note"),
    [
        ("12:00:30", 80, "boot", 30.0, 30.0, ""),
        # The machine ran on, and its clock was set forward by an hour, or back.
        ("13:00:30", 80, "boot", 30.0, 30.0, "set by +3600 s"),
        ("11:59:50", 80, "boot", 30.0, 30.0, "set by -40 s"),
        # The machine was started again 20 s before the frame.
        ("12:05:00", 20, "other", 300.0, 20.0, "at least 20 s"),
        ("12:00:10", 20, "other", None, 20.0, "the clock of the machine was set back"),
        ("11:00:00", 20, "other", None, 20.0, "the clock of the machine was set back"),
        # Nothing is known about the starts of the machine.
        ("12:05:00", 20, None, 300.0, 20.0, "by the clock of the machine"),
    ],
)
def test_the_time_without_inspection(
    wall: str,
    captured_s: int,
    boot: str | None,
    seconds: float | None,
    at_least_s: float,
    note: str,
) -> None:
    blind = measure_blind(LAST, f"2026-01-31T{wall}.000Z", captured_s * 10**9, boot)
    assert blind.seconds == seconds
    assert blind.at_least_s == at_least_s
    assert note in blind.note
    assert bool(blind.note) == bool(note)


def test_a_run_without_a_frame_counts_from_its_start() -> None:
    last = LastFrame("r", None, "2026-01-31T12:00:00.000Z", None, "boot")
    blind = measure_blind(last, "2026-01-31T12:00:09.000Z", 80 * 10**9, "boot")
    assert (blind.seconds, blind.at_least_s) == (9.0, 0.0)


def test_the_last_frame_is_read_from_the_end_of_a_log(tmp_path: Path) -> None:
    many = [frame(number % 60) for number in range(3000)]
    write_log(tmp_path, HEADER, *many, frame(59), {"type": "ledger"}, rest=b'{"type":"measured",')
    last = read_last_frame(tmp_path, "boot")
    assert last == LastFrame("r", 59, "2026-01-31T12:00:59.000Z", 59 * 10**9, "boot")


def test_the_last_frame_may_be_far_before_the_end(tmp_path: Path) -> None:
    long = [{"type": "ledger", "gaps": "x" * 50_000}] * 60
    write_log(tmp_path, HEADER, frame(3), *long)
    last = read_last_frame(tmp_path)
    assert last is not None
    assert last.frame_id == 3


def test_a_log_without_a_frame_and_without_a_header(tmp_path: Path) -> None:
    write_log(tmp_path, HEADER)
    last = read_last_frame(tmp_path, "boot")
    assert last == LastFrame("r", None, "2026-01-31T12:00:00.000Z", None, "boot")
    write_log(tmp_path, rest=b'{"type":"header","run')
    assert read_last_frame(tmp_path) is None
    write_log(tmp_path)
    assert read_last_frame(tmp_path) is None
    assert read_last_frame(tmp_path / "missing") is None


def test_the_marker_names_the_runs_of_a_line_that_did_not_end(tmp_path: Path) -> None:
    assert read_marker(tmp_path) == {}
    for name in ("left", "right"):
        write_log(tmp_path / "run" / name, HEADER, frame(5))
    runs = {
        name: MarkedRun(tmp_path / "run" / name, f"boot of {name}")
        for name in ("left", "right", "gone")
    }
    write_marker(tmp_path, runs)
    assert read_marker(tmp_path) == runs
    last = find_interruption(runs)
    assert set(last) == {"left", "right"}
    assert last["left"].boot_id == "boot of left"
    remove_marker(tmp_path)
    remove_marker(tmp_path)
    assert read_marker(tmp_path) == {}


@pytest.mark.parametrize(
    "rubbish", [b"", b"\xff", b"[]", b"{}", b'{"runs": []}', b'{"runs": {"a": 1}}']
)
def test_a_damaged_marker_is_a_warning(tmp_path: Path, rubbish: bytes) -> None:
    (tmp_path / FILE).write_bytes(rubbish)
    with warnings_of() as lines:
        assert read_marker(tmp_path) == {}
    assert len(lines) == 1


def test_unfinished_runs_have_a_log_and_no_summary(tmp_path: Path) -> None:
    base = tmp_path / "ru[n]s"
    write_log(base / "2026-01-31" / "12-00-00", HEADER, frame(1))
    write_log(base / "2026-01-31" / "12-00-00_2", HEADER, frame(1))
    write_log(base / "2026-01-31" / "13-00-00", HEADER, frame(1))
    (base / "2026-01-31" / "13-00-00" / "summary.json").write_text("{}")
    write_log(base / "2026-01-31" / "14-00-00", rest=b'{"type"')  # nothing can be completed
    write_log(base / "2026-02-01" / "12-00-00" / "left", HEADER)
    write_log(base / "2026-02-01" / "12-00-00" / "right", HEADER)
    (base / "2026-02-01" / "12-00-00" / "right" / "summary.json").write_text("{}")
    (base / "2026-02-01" / "15-00-00").mkdir()
    expected = ["2026-01-31/12-00-00", "2026-01-31/12-00-00_2", "2026-02-01/12-00-00"]
    folders = find_unfinished(f"{base}/{{date}}/{{time}}")
    assert [str(folder.relative_to(base)) for folder in folders] == expected
