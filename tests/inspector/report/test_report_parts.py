"""Tests what a report says about parts, rolls, ledgers and changed settings."""

from dataclasses import replace
from pathlib import Path

import pytest
from report_pages import report_of, visible
from report_runs import frames, ledger, write_log, write_run, write_summary


def test_parts_and_changes_of_settings_are_listed(tmp_path: Path):
    folder = write_run(tmp_path, frames(3))
    path = folder / "inspections.jsonl"
    envelope = '"run_id":"r","source":"main","chain":null,"frame_id":1,"wall_time_utc":"t"'
    lines = (
        '{"type":"part","seq":7,"event_id":"r/main/7",' + envelope + ',"part_id":"SN<1>",'
        '"verdict":"FAIL","rule":"any","sources":["main"],"first_frame_id":0,"last_frame_id":1,'
        '"frames":2,"frames_failed":1,"frames_errored":0,"defects":1}\n'
        '{"type":"config_changed","seq":8,"event_id":"r/main/8",' + envelope + ","
        '"key":"verdict.image_threshold","old":1.5,"new":1.6,"who":"m","why":"seam"}\n'
    )
    path.write_text(path.read_text() + lines)
    page = report_of(folder)["report.html"]
    text = visible(page)
    assert "SN<1> FAIL any 0–1 1 0 1 8" in text
    assert "verdict.image_threshold: 1.5 → 1.6, m, seam (frame 1, line 9 of the log)" in text
    assert 'class="badge fail"' in page


def part_line(number: int, verdict: str) -> str:
    envelope = '"run_id":"r","source":"main","chain":null,"frame_id":1,"wall_time_utc":"t"'
    return (
        f'{{"type":"part","seq":{number},"event_id":"r/main/{number}",{envelope},'
        f'"part_id":"P{number}","verdict":"{verdict}","rule":"any","cause":'
        + ('"incomplete","error":"2 of 3 frames"' if verdict == "ERROR" else "null")
        + ',"first_frame_id":0,"last_frame_id":0,"frames":1,"frames_failed":0,"defects":0}\n'
    )


def test_many_parts_come_worst_first_and_are_bounded(tmp_path: Path):
    folder = write_run(tmp_path, frames(3))
    path = folder / "inspections.jsonl"
    verdicts = {7: "ERROR", 900: "FAIL"}
    lines = [part_line(number, verdicts.get(number, "PASS")) for number in range(1000)]
    path.write_text(path.read_text() + "".join(lines))
    page = report_of(folder)["report.html"]
    text = visible(page)
    assert "1000 parts passed the camera: 1 failed, 1 could not be judged." in text
    assert text.index("P900 FAIL") < text.index("P7 ERROR too few frames: 2 of 3 frames any")
    assert "500 more are in inspections.jsonl." in text
    assert page.count(">PASS</td>") < 510


@pytest.mark.parametrize(("verdict", "badge"), [("ERROR", "incomplete"), ("PASS", "pass")])
def test_a_part_that_could_not_be_judged_is_not_a_pass(verdict: str, badge: str, tmp_path: Path):
    folder = write_run(tmp_path, frames(3))
    path = folder / "inspections.jsonl"
    path.write_text(path.read_text() + part_line(9, verdict))
    assert f'class="badge {badge}"' in report_of(folder)["report.html"]


def test_a_ledger_of_parts_counts_parts(tmp_path: Path):
    rows = frames(3)
    event = replace(ledger(0, lost=2.0), unit="parts", total=100, inspected_once=90, length_m=None)
    folder = write_summary(write_log(tmp_path, [*rows, event, ledger(0)]), rows)
    page = report_of(folder, unit="inch")["report.html"]
    text = visible(page)
    assert "amount, parts" in text
    assert "not inspected: only in frames that were dropped 2 2.00 %" in text
    assert "amount, in²" in text  # the ledger of the surface
    assert 'class="badge incomplete"' in page
