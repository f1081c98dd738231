"""Tests of the tracking stage: labels, events, the ledger event, and its options."""

import json
from dataclasses import replace

import numpy as np
import pytest
from output_parts import run_info
from record_schema import list_schema_errors
from web_scenes import (
    SIDE,
    defect,
    inspect,
    make_stage,
    run_stage,
    run_web,
    see,
    split,
    view,
)

from calibration.plane import Calibration
from inspector.core.errors import ConfigError
from inspector.core.types import BadFrame, Cause, Inspection, Verdict
from inspector.outputs.records import event_record, inspection_records, json_value
from inspector.tracking.options import TrackingOptions, check_options

SCALE = Calibration("scale", (SIDE, SIDE), "test", "", mm_per_px=(0.1, 0.1))
SPOT = (40.0, 150.0, 50.0, 156.0)


def test_every_sighting_has_the_id_of_its_track_and_its_place_in_metres() -> None:
    positions = np.arange(0, 300, 10.0)
    options = TrackingOptions(enabled=True, direction="up")
    steps = dict.fromkeys(range(len(positions)), 1.0)  # mm
    stage = make_stage(steps, calibration=SCALE, options=options)
    labelled = [see(stage, inspect(n, view([SPOT], p)))[0] for n, p in enumerate(positions)]
    places = [d.web for i in labelled for d in i.defects]
    assert {place.track_id for place in places} == {"run/d1"}
    whole = [d.web for i in labelled for d in i.defects if not d.truncated]
    assert {(p.x_mm, round(p.y_m, 9)) for p in whole} == {(4.5, 0.0153)}
    assert all(p.x_px is None and p.y_px is None for p in places)


def test_the_verdict_score_and_other_fields_do_not_change() -> None:
    stage = make_stage({0: 0.0})
    before = inspect(0, [defect((10, 10, 20, 20))])
    after, events = see(stage, before)
    unlabelled = replace(after, defects=tuple(replace(d, web=None) for d in after.defects))
    assert replace(unlabelled, web=None) == before
    assert list(events) == []


def test_an_error_frame_has_no_sightings() -> None:
    stage = make_stage({0: 0.0, 1: 10.0})
    see(stage, inspect(0))
    bad = replace(inspect(1, cause=Cause.HEALTH), defects=(defect((10, 10, 20, 20)),))
    labelled, _ = see(stage, bad)
    assert labelled.defects[0].web is None
    closed, ledger = split(list(stage.flush()))
    assert closed == []
    assert ledger.defects == 0


def test_frames_without_a_picture_before_the_first_one_are_passed_on() -> None:
    stage = make_stage({1: 0.0})
    frame = BadFrame(0, "web", "no picture", 0, None, "t0")
    first = Inspection(frame, Verdict.ERROR, 1.0, 1.0, error="no picture", cause=Cause.DECODE)
    assert see(stage, first) == (first, ())
    assert stage.flush() == ()


def test_the_closed_defect_has_the_facts_of_its_best_frame_without_the_picture() -> None:
    closed, _ = run_web([SPOT], [10.0] * 40)
    (event,) = closed
    assert event.best is not None
    assert event.best.frame_id == event.best_frame_id
    assert event.best.frame.image is None
    assert event.best.frame.wall_time_utc == f"t{event.best_frame_id}"
    assert event.best.verdict is Verdict.FAIL


def test_the_ledger_adds_up_and_names_the_causes() -> None:
    _, ledger = run_web([SPOT], [60.0] * 10, skip=[4, 5], errors={8: Cause.HEALTH})
    assert ledger.unit == "px2"
    assert ledger.length_m is None
    parts = ledger.inspected_once + ledger.inspected_more
    parts += sum(ledger.not_inspected_by_cause.values())
    assert parts == pytest.approx(ledger.total) == pytest.approx(700 * 100)
    assert ledger.not_inspected_by_cause == pytest.approx(
        {"dropped": 8000, "health": 2000}, rel=0.01
    )
    assert ledger.frames_by_motion == {"known": 9}
    assert sum(ledger.inspected_by_times.values()) == pytest.approx(
        ledger.inspected_once + ledger.inspected_more
    )


def test_a_frame_of_another_size_gives_no_sightings_and_is_not_inspected() -> None:
    stage = make_stage({0: 0.0, 1: 40.0})
    see(stage, inspect(0))
    other = inspect(1, [defect((10, 10, 20, 20))])
    image = np.zeros((50, 50, 3), np.uint8)
    labelled, _ = see(stage, replace(other, frame=replace(other.frame, image=image)))  # type: ignore[type-var]
    _, ledger = split(list(stage.flush()))
    assert labelled.defects[0].web is None
    assert ledger.not_inspected_by_cause == pytest.approx({"size": 4000}, rel=0.01)


def test_every_event_and_labelled_frame_fits_the_schema() -> None:
    steps: dict[int, float | None] = dict.fromkeys(range(30), 20.0)
    steps[9] = None
    stage = make_stage(steps)
    inspections = [inspect(n, view([SPOT], 20.0 * n)) for n in range(30)]
    labelled = [see(stage, i)[0] for i in inspections]
    events = run_stage(make_stage(steps), inspections)
    run = run_info()
    records = [r for i in labelled for r in inspection_records(run, i)]
    records += [event_record(run, event) for event in events]
    for record in records:
        plain = json.loads(json.dumps(record, allow_nan=False, default=json_value))
        assert list_schema_errors(plain) == []
    assert any(r["type"] == "defect_closed" and "best" not in r for r in records)
    assert any(r["type"] == "ledger" and r["gaps"] for r in records)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"motion": "speed"}, "speed_m_per_min is missing"),
        ({"motion": "encoder"}, "encoder is missing"),
        ({"reverse_mm": 5.0}, "reverse_mm: millimetres need a calibration"),
        ({"web_width_mm": 5.0}, "web_width_mm: millimetres need a calibration"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_options(TrackingOptions(enabled=True, **options), calibrated=False)  # type: ignore[arg-type]


def test_after_an_abort_frames_that_are_not_in_the_log_do_not_count() -> None:
    positions = np.arange(0, 140, 10.0)
    stage = make_stage(dict.fromkeys(range(len(positions)), 10.0))
    late = (10.0, 200.0, 16.0, 206.0)
    for number, position in enumerate(positions):
        labelled = stage.follower.follow(inspect(number, view([SPOT, late], position)))
        if number < 10:
            stage.see(labelled)  # the frames 10 to 13 do not reach the output
    closed, ledger = split(list(stage.flush()))
    (event,) = closed
    assert (event.first_frame_id, event.last_frame_id, event.sightings) == (6, 9, 4)
    assert event.best_frame_id < 10
    assert event.best is not None
    assert event.best.frame_id == event.best_frame_id
    assert ledger.defects == 1


def test_a_frame_of_a_wrong_size_at_the_start_does_not_stop_the_tracking() -> None:
    stage = make_stage(dict.fromkeys(range(4), 10.0))
    small = np.zeros((50, 50, 3), np.uint8)
    first = inspect(0, cause=Cause.SIZE)
    first = replace(first, frame=replace(first.frame, image=small))  # type: ignore[type-var]
    events = run_stage(
        stage, [first, *(inspect(n, view([SPOT], 60.0 + 10 * n)) for n in (1, 2, 3))]
    )
    closed, ledger = split(events)
    assert len(closed) == 1
    assert ledger.frames_by_motion == {"known": 3}
