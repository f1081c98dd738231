"""Tests the page of a report: what it says, that every figure can be traced, and its size."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest
from output_parts import inspection
from report_pages import dead_links, parse, report_of, visible
from report_runs import (
    closed,
    frames,
    ledger,
    scratch,
    tracked_run,
    write_log,
    write_run,
    write_summary,
)

from inspector.core.types import Verdict
from inspector.report.context import MOST_IN_FULL

TRACKING = {"enabled": True}
HOSTILE = "<script>alert('x')</script> & \"Lot\" 'A'"
BEFORE_DEFECTS = "Defects by severity"


def bad_run(folder: Path, **changes: object) -> Path:
    """Frames that fail, that are ERROR and that were dropped."""
    rows = frames(40, {5: (scratch(0, 3.0), scratch(3, 8.0)), 6: (scratch(1, 4.0),)}, skip=(9, 10))
    rows[20] = inspection(rows[20].frame_id, verdict=Verdict.ERROR, pts_s=0.9, name=HOSTILE)
    return write_run(folder, rows, dropped=2, **changes)


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_link_leads_to_a_row(language: str, tmp_path: Path):
    folders = (bad_run(tmp_path / "a"), tracked_run(tmp_path / "b", 30))
    limits = {"length_mm": 4.0, "area_mm2": 0.1}
    out = tmp_path / "all.html"
    files = report_of(*folders, out=out, limits=limits, language=language)
    assert dead_links(files) == []
    page = parse(files["all.html"])
    assert len(page.ids) == len(set(page.ids))
    assert len(page.links) > 100


def test_the_report_of_a_routine_check_says_that_it_is_one(tmp_path: Path):
    folder = write_run(tmp_path, frames(3))
    assert "Routine check" not in visible(report_of(folder)["report.html"])
    log = folder / "inspections.jsonl"
    log.write_text(log.read_text().replace('"check":null', '"check":"daily"'))
    page = visible(report_of(folder)["report.html"])
    assert re.search(r"Routine check, not production\s*daily", page)


def test_links_of_a_report_with_many_defects_and_many_ranges(tmp_path: Path):
    rows = frames(2600, {k: (scratch(k, 1 + k % 9),) for k in range(0, 2600, 2)})
    files = report_of(write_run(tmp_path, rows))
    assert dead_links(files) == []
    assert set(files) == {
        *("report.html", "report_defects_2.html", "report_defects_3.html"),
        *("report_frames_2.html", "report_frames_3.html"),
    }
    for name, page in files.items():
        if name != "report.html":  # the signature under the report also covers its other pages
            assert hashlib.sha256(page.encode()).hexdigest() in files["report.html"]
    everything = "".join(files.values())
    for number in range(1, 1301):
        assert len(re.findall(rf'id="r1-d{number}"', everything)) == 1
    for frame_id in range(2600):
        assert len(re.findall(rf'id="r1-frame-{frame_id}"', everything)) == 1


def test_the_first_section_has_failed_error_and_dropped_frames(tmp_path: Path):
    text = visible(report_of(bad_run(tmp_path))["report.html"]).split(BEFORE_DEFECTS)[0]
    assert "captured 40 = inspected 37 + dropped 2 + errored 1; missing 0" in text
    assert "Failed: 2 of 37 inspected frames." in text
    assert "Not inspected: 3 frames" in text
    assert "the picture is damaged" in text
    assert "the source was faster than the machine" in text


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "PASS"),
        ({"dropped": 1}, "NOT COMPLETE"),
        ({"missing": 4}, "NOT COMPLETE"),
        ({"status": "failed", "error": "the disk is full"}, "NOT COMPLETE"),
        ({"captured": 12}, "NOT COMPLETE"),
    ],
)
def test_the_verdict_of_a_run_without_failures(
    changes: dict[str, object], verdict: str, tmp_path: Path
):
    page = report_of(write_run(tmp_path, frames(10), **changes))["report.html"]
    badge = re.search(r'<p class="badge \w+">([^<]*)</p>', page)
    assert badge is not None
    assert badge[1] == verdict
    if "error" in changes:
        assert "The run failed: the disk is full" in visible(page).split("Product and run")[0]


def test_surface_that_was_not_inspected_is_not_a_pass(tmp_path: Path):
    rows = frames(10)
    for name, lost in (("whole", 0.0), ("lost", 500.0)):
        write_log(tmp_path / name, [*rows, ledger(0, lost=lost)], tracking={"enabled": True})
        write_summary(tmp_path / name, rows)
    assert 'class="badge pass"' in report_of(tmp_path / "whole")["report.html"]
    page = report_of(tmp_path / "lost")["report.html"]
    assert 'class="badge incomplete"' in page
    assert "not inspected: only in frames that were dropped 500 0.50 %" in visible(page)


def test_a_killed_run_says_first_that_it_did_not_end(tmp_path: Path):
    page = report_of(tracked_run(tmp_path, 3, ended=False))["report.html"]
    text = visible(page)
    assert "The run did not end" in text.split("Product and run")[0]
    assert "captured ≥ 9 = inspected 9 + dropped ≥ 0 + errored 0; missing unknown" in text
    assert "Defects still in view when the log ended: 1." in text
    assert "The warnings of the run are unknown" in text


def test_results_that_were_completed_after_a_kill_are_no_pass(tmp_path: Path):
    folder = write_run(tmp_path, frames(10, skip=(4,)), status="killed", dropped=0)
    page = report_of(folder)["report.html"]
    assert 'class="badge incomplete"' in page
    text = visible(page)
    assert "The run was killed." in text.split("Product and run")[0]
    assert "captured ≥ 10 = inspected 9 + dropped ≥ 1 + errored 0; missing unknown" in text


def test_labels_of_two_runs_lead_to_no_wrong_row(tmp_path: Path):
    """A web that continues can show d1 of the earlier run and d1 of this run."""
    sizes = [scratch(k, 1.0, track_id=f"{run}/main/d1") for k, run in enumerate(("a", "b"))]
    rows = frames(2, {0: sizes})
    events = [
        closed(f"{run}/main/d1", size, 0, 0, 0) for run, size in zip("ab", sizes, strict=True)
    ]
    event = replace(ledger(2), defects=2)
    write_log(tmp_path, [*rows, *events, event], tracking={"enabled": True})
    page = report_of(write_summary(tmp_path, rows))["report.html"]
    assert 'id="r1-track-d1"' not in page
    assert len(parse(page).ids) == len(set(parse(page).ids))


def test_runs_without_frames_and_with_errors_only(tmp_path: Path):
    assert "No frame was inspected." in visible(
        report_of(write_run(tmp_path / "a", []))["report.html"]
    )
    errors = [inspection(k, verdict=Verdict.ERROR, pts_s=k / 25) for k in range(5)]
    text = visible(report_of(write_run(tmp_path / "b", errors))["report.html"])
    assert "captured 5 = inspected 0 + dropped 0 + errored 5" in text
    assert "NOT COMPLETE" in text


def test_an_interval_of_the_count_of_defects(tmp_path: Path):
    size = scratch(1, 2.0, track_id="run/main/d1")
    other = scratch(1, 3.0, track_id="run/main/d2")
    rows = frames(3, {0: (size,), 2: (other,)})
    events = [closed("run/main/d1", size, 0, 0, 0), closed("run/main/d2", other, 2, 2, 2)]
    write_log(tmp_path, [*rows, *events, ledger(2, low=1)], tracking={"enabled": True})
    text = visible(report_of(write_summary(tmp_path, rows))["report.html"])
    assert "There are between 1 and 2 different defects." in text


def test_texts_of_others_are_escaped(tmp_path: Path):
    folder = bad_run(tmp_path / HOSTILE.replace("/", "_"), warnings=[HOSTILE])
    files = report_of(folder, product=HOSTILE, lot=HOSTILE, operator=HOSTILE)
    for page in files.values():
        assert "script" not in parse(page).tags
    assert visible(files["report.html"]).count("<script>alert('x')</script>") >= 5


def test_the_page_loads_nothing(tmp_path: Path):
    page = report_of(bad_run(tmp_path))["report.html"]
    assert all(source.startswith("data:image/jpeg;base64,") for source in parse(page).sources)
    assert not re.search(r"(https?:|@import|url\()", page)


def test_numbers_with_a_comma_and_in_another_unit(tmp_path: Path):
    size = scratch(3, 25.4, area_mm2=645.16, area_u_mm2=6.4516)
    folder = write_run(tmp_path, frames(2, {0: (size,)}))
    page = report_of(folder, unit="inch", decimal="comma", language="de")["report.html"]
    text = visible(page)
    assert "1,00 ± 0,04 × " in text
    assert "Fläche 1,000 ± 0,020 in²" in text
    assert '<html lang="de">' in page
    assert "Prüfbericht" in text


def test_sizes_say_when_they_are_only_limits(tmp_path: Path):
    rough = scratch(3, 9.0, size_source="map", length_u_mm=None, width_u_mm=None)
    cut = scratch(2, 8.0, truncated=True)
    text = visible(report_of(write_run(tmp_path, frames(2, {0: (rough, cut)})))["report.html"])
    assert "up to 9.00 × up to 0.400 mm" in text
    assert "> 8.0 ± 0.4 × > 0.400 ± 0.020 mm" in text


def test_a_report_of_ten_thousand_defects_is_bounded(tmp_path: Path):
    files = report_of(tracked_run(tmp_path, 10_000))
    main = files["report.html"]
    assert main.count('class="card"') == MOST_IN_FULL
    assert len(main) < 2e6
    assert max(map(len, files.values())) < 2e6
    assert visible(main).count("Different defects: 10 000, each counted once.") == 1


def test_the_score_chart_has_the_same_size_for_any_number_of_frames(tmp_path: Path):
    sizes = []
    for count in (5_000, 50_000):
        page = report_of(write_run(tmp_path / str(count), frames(count)))["report.html"]
        chart = re.search(r'<path d="([^"]*)" class="spread s0"', page)
        assert chart is not None
        sizes.append(len(chart[1]))
    assert sizes[1] < 1.2 * sizes[0] < 20_000


def test_several_runs_have_a_total_and_missing_sources_are_named(tmp_path: Path):
    session = tmp_path / "line"
    write_run(session / "left", frames(10))
    bad_run(session / "right")
    (session / "summary.json").write_text(
        '{"sources": [{"name": "left", "dir": "left", "status": "finished"},'
        '{"name": "top", "dir": "top", "status": "failed", "error": "no camera"}]}'
    )
    text = visible(report_of(session)["report.html"])
    assert "no log; status failed: no camera" in text
    assert re.search(r"Total FAIL 50 47 2 1 2 0 3", text)


def test_a_defect_that_goes_on_in_the_next_run_counts_once_in_the_total(tmp_path: Path):
    runs = [tracked_run(tmp_path / name, count) for name, count in (("a", 3), ("b", 5))]
    text = visible(report_of(*runs, out=tmp_path / "shift.html")["shift.html"])
    assert re.search(r"Total \w+ 22 22 18 0 0 0 5 ", text), text[:900]


def test_the_total_is_an_interval_if_the_number_of_a_run_is_one(tmp_path: Path):
    rows = frames(2)
    size = scratch(0, 1.0, track_id="a/main/d1")
    events = [closed(f"a/main/d{k}", size, 0, 0, 0) for k in (1, 2, 3)]
    for name, low in (("a", 2), ("b", 1)):
        content = [*rows, *(replace(e, track_id=f"{name}/{e.track_id}") for e in events)]
        folder = write_log(tmp_path / name, [*content, ledger(3, low=low)], tracking=TRACKING)
        write_summary(folder, rows)
    text = visible(report_of(tmp_path / "a", tmp_path / "b", out=tmp_path / "x.html")["x.html"])
    assert re.search(r"Total \w+ 4 4 \d 0 0 0 3–6 ", text), text[:900]


def test_options_come_from_the_run_and_the_command_replaces_them(tmp_path: Path):
    rows = frames(2)
    section = {"product": "foil", "lot": "L1", "language": "de", "limits": {"length_mm": 4.0}}
    folder = write_summary(write_log(tmp_path, rows, report=section), rows)
    text = visible(report_of(folder, lot="L2")["report.html"])
    assert "Prüfbericht, foil, L2" in text


def test_a_log_of_format_1_has_a_report(tmp_path: Path):
    old = Path(__file__).parents[1] / "outputs" / "format_1.jsonl"
    (tmp_path / "inspections.jsonl").write_bytes(old.read_bytes())
    files = report_of(tmp_path, language="de")
    assert dead_links(files) == []
    assert "nicht im Protokoll" in visible(files["report.html"])


def test_an_earlier_report_leaves_no_page(tmp_path: Path):
    rows = frames(600, {k: (scratch(k, 2.0),) for k in range(0, 600, 2)})
    folder = write_run(tmp_path, rows)
    assert "report_defects_2.html" in report_of(folder)
    (folder / "report_notes_2.html").write_text("mine")
    report_of(write_run(tmp_path, frames(3)))
    assert not (folder / "report_defects_2.html").exists()
    assert (folder / "report_notes_2.html").exists()


def test_the_promise_of_the_engine_holds_only_for_its_thresholds(tmp_path: Path):
    text = visible(report_of(write_run(tmp_path / "a", frames(2)))["report.html"])
    assert "With 95 % confidence at most 7.2 % of new good pictures fail in the long run." in text
    path = tmp_path / "a" / "inspections.jsonl"
    path.write_text(path.read_text().replace('"name":"web"', '"name":"web","image_threshold":9.0'))
    text = visible(report_of(tmp_path / "a")["report.html"])
    assert "so the promise of the engine file does not hold" in text
    assert "7.2 %" not in text


def test_a_run_without_calibration_is_in_pixels(tmp_path: Path):
    size = replace(scratch(3, 1.0), length_mm=None, width_mm=None, area_mm2=None, length_u_px=0.5)
    rows = frames(2, {0: (size,)})
    folder = write_summary(write_log(tmp_path, rows, calibrated=False), rows)
    text = visible(report_of(folder, unit="inch", limits={"length_mm": 2.0})["report.html"])
    assert "none: sizes are in pixels" in text
    assert "Limits in millimetres need a calibration." in text
    assert "10.0 ± 1.0 × 4.00 px" in text
