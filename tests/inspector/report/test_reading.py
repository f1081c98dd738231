"""Tests what the report reads from the log of a run: frames, gaps, defects, problems."""

from dataclasses import replace
from pathlib import Path

import pytest
from output_parts import inspection
from report_runs import closed, frames, ledger, scratch, tracked_run, write_log, write_run

from inspector.core.errors import ConfigError
from inspector.core.types import Severity, Verdict
from inspector.outputs.folder import find_runs
from inspector.report.reading import read_run
from inspector.report.run_log import frame_ranges


def test_every_frame_and_every_gap_is_in_one_range(tmp_path: Path):
    rows = frames(30, {5: (scratch(0, 1.0),), 6: (scratch(0, 1.0),)}, skip=(0, 10, 11, 29))
    rows[15] = inspection(rows[15].frame_id, verdict=Verdict.ERROR, pts_s=0.8)
    log = read_run(write_run(tmp_path, rows, dropped=4))
    ranges = list(frame_ranges(log.frames))
    assert [(part.first_id, part.last_id, part.verdict) for part in ranges] == [
        (0, 0, None),
        (1, 4, "PASS"),
        (5, 6, "FAIL"),
        (7, 9, "PASS"),
        (10, 11, None),
        (12, 17, "PASS"),
        (18, 18, "ERROR"),
        (19, 28, "PASS"),
    ]
    assert sum(part.end - part.start for part in ranges) == len(log.frames) == 26


def test_lines_and_seq_lead_to_the_measured_line(tmp_path: Path):
    log = read_run(write_run(tmp_path, frames(4, {2: (scratch(0, 1.0),)})))
    lines = (tmp_path / "inspections.jsonl").read_text().splitlines()
    defect = log.defects[0]
    line = lines[defect.best.line - 1]
    assert '"type":"measured"' in line
    assert f'"seq":{defect.best.seq},' in line
    assert f'"event_id":"{defect.event_id}"' in line
    assert list(log.frames.lines) == [3, 5, 7, 9]


def test_a_tracked_defect_counts_once_with_all_its_sightings(tmp_path: Path):
    log = read_run(tracked_run(tmp_path, 5))
    assert len(log.defects) == 5
    assert {defect.count for defect in log.defects} == {3}
    assert all(len(defect.sightings) == 3 for defect in log.defects)
    assert all(defect.closed_line is not None for defect in log.defects)
    assert [defect.number for defect in log.defects] == [1, 2, 3, 4, 5]


def test_sightings_of_merged_tracks_belong_to_their_defect(tmp_path: Path):
    size = scratch(1, 2.0, track_id="run/main/d1")
    part = scratch(1, 1.0, track_id="run/main/d2")
    rows = frames(4, {0: (size,), 1: (size, part), 2: (size,)})
    event = closed("run/main/d1", size, 0, 2, 0, merged_track_ids=("run/main/d2",))
    log = read_run(write_log(tmp_path, [*rows, event, ledger(1)], tracking={"enabled": True}))
    assert len(log.defects) == 1
    assert len(log.defects[0].sightings) == 4


def test_web_that_had_passed_gives_no_defect(tmp_path: Path):
    size = scratch(1, 2.0, track_id="run/main/d1")
    assert size.web is not None
    passed = replace(size, web=replace(size.web, track_id=None))
    log = read_run(write_log(tmp_path, frames(2, {0: (passed,)}), tracking={"enabled": True}))
    assert (len(log.defects), log.repeated) == (0, 1)


def test_defects_come_worst_first(tmp_path: Path):
    sizes = (scratch(0, 9.0), scratch(3, 1.0), scratch(3, 2.0), scratch(2, 5.0))
    log = read_run(write_run(tmp_path, frames(2, {0: sizes})))
    ranked = [(d.severity, d.values["length_mm"]) for d in log.defects]
    assert ranked == [("critical", 2.0), ("critical", 1.0), ("high", 5.0), ("low", 9.0)]
    assert str(Severity.CRITICAL) == ranked[0][0]


def test_a_killed_run_has_its_open_defects_and_says_so(tmp_path: Path):
    folder = tracked_run(tmp_path, 4, ended=False)
    path = folder / "inspections.jsonl"
    path.write_bytes(path.read_bytes() + b'{"type": "verdict", "fra')
    log = read_run(folder)
    assert len(log.defects) == 4
    assert sum(defect.closed_line is None for defect in log.defects) == 1
    assert log.problems == ["problem_no_summary", "problem_torn"]


def test_a_frame_without_its_measurement_keeps_its_verdict(tmp_path: Path):
    folder = write_log(tmp_path, frames(3))
    path = folder / "inspections.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    log = read_run(folder)
    assert len(log.frames) == 3
    assert log.problems == ["problem_no_summary", "problem_unmeasured"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"passed": 2}, "problem_counts_differ"),
        ({"errored": 1}, "problem_counts_differ"),
        ({"run_id": "another"}, "problem_other_run"),
    ],
)
def test_a_summary_that_does_not_agree_with_the_log(
    changes: dict[str, object], problem: str, tmp_path: Path
):
    assert read_run(write_run(tmp_path, frames(3), **changes)).problems == [problem]


def test_a_log_of_format_1(tmp_path: Path):
    old = Path(__file__).parents[1] / "outputs" / "format_1.jsonl"
    (tmp_path / "inspections.jsonl").write_bytes(old.read_bytes())
    log = read_run(tmp_path)
    assert len(log.frames) > 0


@pytest.mark.parametrize("content", [b"", b"{}\n", b"no json\n", b'{"type": "verdict"}\n'])
def test_a_file_that_is_no_log_is_refused_in_one_sentence(content: bytes, tmp_path: Path):
    (tmp_path / "inspections.jsonl").write_bytes(content)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_run(tmp_path)


@pytest.mark.parametrize("field", ["frame_id", "verdict", "defects"])
def test_a_record_without_a_field_is_refused_in_one_sentence(field: str, tmp_path: Path):
    path = write_run(tmp_path, frames(2)) / "inspections.jsonl"
    path.write_text(path.read_text().replace(f'"{field}":', '"other":'))
    with pytest.raises(ConfigError, match=f"a record lacks '{field}'"):
        read_run(tmp_path)


def test_the_folder_of_a_session_gives_all_its_sources(tmp_path: Path):
    for name in ("right", "left"):
        write_run(tmp_path / "line" / name, frames(2))
    assert [path.name for path in find_runs(tmp_path / "line")] == ["left", "right"]
    assert find_runs(tmp_path / "line" / "left") == [tmp_path / "line" / "left"]
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ConfigError, match="has no inspections"):
        find_runs(empty)
    with pytest.raises(ConfigError, match="is not a folder"):
        find_runs(tmp_path / "nothing")
