"""Conditions that begin and end: how many frames they need, and what is told about them."""

from dataclasses import replace

import numpy as np

from inspector.core.events import HealthChanged
from inspector.core.types import BadFrame, Cause, Frame, Inspection, Verdict
from inspector.health.condition_log import BEGIN_FRAMES, DEFECT_FRAMES, END_FRAMES, ConditionLog
from inspector.health.conditions import BLACK, COVERED, DIRT, FROZEN, MOVED, STALLED, Symptom
from inspector.health.stage import HealthStage, StallStage

PIXELS = np.zeros((4, 4, 3), np.uint8)
DARK = Symptom(BLACK, "it is darker", value=3.0, limit=60.0)
SECOND = 1_000_000_000


def frame(number: int) -> Frame:
    return Frame(number, "cam", PIXELS, number, None, "2026-01-31T12:00:00.000Z")


def inspection(number: int, verdict: Verdict = Verdict.PASS, **changes: object) -> Inspection:
    values = {"image_threshold": 1.0, "pixel_threshold": 1.0} | changes
    return Inspection(**{"frame": frame(number), "verdict": verdict} | values)


def see(log: ConditionLog, *symptoms: list[Symptom], start: int = 0) -> list[HealthChanged]:
    return [e for n, each in enumerate(symptoms) for e in log.see(frame(start + n), each)]


def test_an_odd_frame_begins_no_condition():
    log = ConditionLog()
    assert see(log, [], [DARK], [], [DARK], [DARK], []) == []
    assert log.conditions == ()
    assert log.summary() == {BLACK: {"frames": 3, "begun": 0}}


def test_a_condition_begins_and_ends_once():
    log = ConditionLog()
    (begin,) = see(log, *[[DARK]] * (BEGIN_FRAMES + 4), *[[]] * (END_FRAMES - 1), [DARK])
    assert log.conditions == (BLACK,)
    (end,) = see(log, *[[]] * (END_FRAMES + 5), start=100)
    assert log.conditions == ()
    assert (begin.condition, begin.state, begin.frame_id) == (BLACK, "begin", BEGIN_FRAMES - 1)
    assert (begin.message, begin.value, begin.limit) == ("it is darker", 3.0, 60.0)
    assert (end.condition, end.state, end.frame_id) == (BLACK, "end", 100 + END_FRAMES - 1)
    assert log.summary() == {BLACK: {"frames": BEGIN_FRAMES + 5, "begun": 1}}


def test_symptoms_of_many_frames_begin_and_end_at_once():
    events = see(ConditionLog(), [Symptom(FROZEN, "f")], [Symptom(DIRT, "d")], [])
    assert [(e.condition, e.state, e.frame_id) for e in events] == [
        (FROZEN, "begin", 0),
        (DIRT, "begin", 1),
        (FROZEN, "end", 1),
        (DIRT, "end", 2),
    ]


def test_all_active_conditions_are_named_the_oldest_first():
    log = ConditionLog()
    see(log, *[[Symptom(MOVED, "it has moved")]] * 3, *[[DARK, Symptom(MOVED, "on")]] * 3)
    assert log.conditions == (MOVED, BLACK)
    assert log.sentence == "moved: it has moved; black: it is darker"
    see(log, *[[DARK]] * END_FRAMES)
    assert log.conditions == (BLACK,)


def run_stage(stage: HealthStage, inspections: list[Inspection], symptom: Symptom) -> list[str]:
    events = []
    for item in inspections:
        stage.report(item.frame_id, [symptom])
        events += stage.see(item)[1]
    return [f"{event.condition} {event.state} {event.frame_id}" for event in events]


def test_events_come_with_the_frame_that_shows_the_change():
    assert run_stage(HealthStage(), [inspection(n) for n in range(5)], DARK) == ["black begin 2"]


def test_a_defect_in_some_frames_is_no_condition():
    part = Symptom(COVERED, "a part of it is darker", by_defect=True)
    failed = [inspection(n, Verdict.FAIL) for n in range(DEFECT_FRAMES + 1)]
    assert run_stage(HealthStage(), failed[: DEFECT_FRAMES - 1], part) == []
    assert run_stage(HealthStage(), failed, part) == [f"covered begin {DEFECT_FRAMES - 1}"]
    assert run_stage(HealthStage(), failed[:5], DARK) == ["black begin 2"]


def test_a_frame_without_a_picture_or_product_says_nothing():
    empty = inspection(1, Verdict.ERROR, cause=Cause.NO_PRODUCT, error="no product")
    damaged = replace(empty, cause=Cause.DECODE, frame=BadFrame(1, "cam", "damaged", 0, None, ""))
    for item in (empty, damaged):
        assert run_stage(HealthStage(), [item] * 5, DARK) == []
    later = [inspection(n) for n in range(5, 8)]
    assert run_stage(HealthStage(), [*later[:2], empty, later[2]], DARK) == ["black begin 7"]


def test_frames_that_were_dropped_are_passed_over():
    stage = HealthStage()
    for number in range(9):
        stage.report(number, [DARK] if number < 6 else [])
    assert stage.see(inspection(4))[1] == []
    assert stage.see(inspection(8))[1] == []
    assert stage.log.summary() == {BLACK: {"frames": 1, "begun": 0}}


def test_no_picture_for_the_limit_is_a_stall_until_one_comes():
    now = [100 * SECOND]
    stage = StallStage(5.0, "left", lambda: now[0])
    assert stage.tick() == ()  # before the first frame
    stage.see(inspection(0))
    now[0] += 4 * SECOND
    stage.report(1, [])  # a frame is on its way
    now[0] += 4 * SECOND
    assert stage.tick() == ()
    now[0] += 1 * SECOND
    (begin,) = stage.tick()
    assert (begin.condition, begin.state, begin.frame_id) == (STALLED, "begin", None)
    assert stage.log.conditions == (STALLED,)
    assert stage.tick() == ()
    _, (end,) = stage.see(inspection(1))
    assert (end.condition, end.state) == (STALLED, "end")
    assert stage.log.conditions == ()
