"""Tests of parts by triggers: early, late, unseen and dropped ones, and the CSV file."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from part_scenes import Seen, make_stage, run_frames, run_stage, see

from inspector.core.clock import now_ns
from inspector.core.errors import ConfigError
from inspector.core.events import Part
from inspector.core.types import Inspection, Verdict
from inspector.parts.book import PartBook
from inspector.parts.grouping import SequenceGrouping, count_frames
from inspector.parts.presence import ZonePresence
from inspector.parts.stage import PartStage
from inspector.parts.triggers import (
    DroppedFrames,
    Trigger,
    TriggerGrouping,
    TriggerRules,
    read_triggers,
)


def make(
    *triggers: tuple[float, str | None],
    window_s: float | None = None,
    frames: int | None = None,
    live: bool = False,
    timeout_s: float = 0.5,
    presence: ZonePresence | None = None,
    continues: bool = False,
) -> PartStage:
    rules = TriggerRules(window_s, frames, timeout_s)
    known = [Trigger(*trigger) for trigger in triggers]

    def grouping(book: PartBook) -> TriggerGrouping:
        return TriggerGrouping(book, "run", rules, live=live, triggers=known, presence=presence)

    return make_stage(grouping, live=live, continues=continues)


def frames(words: str) -> list[Inspection]:
    """Ten frames per second. A dot is a dropped frame."""
    return [see(n, word) for n, word in enumerate(words) if word != "."]


def spans(seen: Seen) -> list[tuple[Any, ...]]:
    return [(p.part_id, p.first_frame_id, p.last_frame_id, p.frames) for p in seen.parts]


def test_a_part_lasts_until_the_next_trigger() -> None:
    seen = run_stage(make((0.2, "A"), (0.5, "B")), frames("FFPPPFFPP"))
    assert spans(seen) == [("A", 2, 4, 3), ("B", 5, 8, 4)]
    assert seen.verdicts == ["PASS", "FAIL"]
    assert seen.labels[:3] == [None, None, "A"]


def test_a_window_ends_a_part() -> None:
    seen = run_stage(make((0.2, "A"), (0.6, None), window_s=0.2), frames("FFPPFFPPFF"))
    assert spans(seen) == [("A", 2, 3, 2), ("run/p2", 6, 7, 2)]
    assert seen.verdicts == ["PASS", "PASS"]


def test_a_number_of_frames_ends_a_part_and_is_required() -> None:
    stage = make((0.2, "A"), (0.6, "B"), (1.0, "C"), frames=2)
    seen = run_stage(stage, frames("FFPPFFPPFFP"))
    assert spans(seen) == [("A", 2, 3, 2), ("B", 6, 7, 2), ("C", 10, 10, 1)]
    assert seen.causes == [None, None, "incomplete"]


@pytest.mark.parametrize(
    ("words", "cause"),
    [("PPPPPPPPPP", None), ("PPPP..PPPP", "dropped"), ("PPPPEEPPPP", "decode")],
)
def test_a_part_whose_frames_were_dropped_is_an_error(words: str, cause: str | None) -> None:
    seen = run_stage(make((0.05, "A"), (0.35, "B"), (0.55, "C"), window_s=0.2), frames(words))
    assert seen.causes == [None, cause, None]
    assert seen.parts[1].frames_dropped == 2 * (cause == "dropped")


@pytest.mark.parametrize(
    ("start_s", "end_s", "count"),
    [
        (0.0, 1.0, 9),
        (0.0, 0.25, 2),
        (0.25, 0.65, 4),
        (0.95, 3.0, 0),
        (-3.0, 0.05, 0),
        (0.15, math.inf, 8),
        (0.41, 0.42, 0),
    ],
)
def test_dropped_frames_are_spread_evenly_over_their_gap(
    start_s: float, end_s: float, count: int
) -> None:
    assert DroppedFrames(0.0, 1.0, 9).count_within(start_s, end_s) == count
    at_once = DroppedFrames(0.5, 0.5, 9)  # such as a clock of the source that stands still
    assert at_once.count_within(start_s, end_s) == 9 * (start_s <= 0.5 < end_s)


def test_a_triggered_part_that_no_frame_shows_is_an_error() -> None:
    stage = make((0.21, "A"), (0.25, "B"), (0.3, "C"), (7.0, "D"), window_s=0.19)
    seen = run_stage(stage, frames("PPPPPP"))
    assert [(p.part_id, p.cause) for p in seen.parts] == [
        ("A", "not_seen"),
        ("B", "not_seen"),
        ("C", None),
        ("D", "not_seen"),
    ]
    assert seen.ledger.not_inspected_by_cause == {"not_seen": 3}


def test_triggers_behind_the_end_of_a_stopped_run_are_not_counted() -> None:
    stage = make((0.2, "A"), (7.0, "D"), window_s=0.1)
    seen = run_stage(stage, frames("PPPPPP"), complete=False)
    assert [p.part_id for p in seen.parts] == ["A"]


def test_a_part_whose_window_a_stop_cuts_is_not_a_pass() -> None:
    stage = make((0.0, "A"), (0.3, "B"), window_s=0.3)
    seen = run_stage(stage, frames("PPPPP"), complete=False)
    assert [(p.part_id, p.cause) for p in seen.parts] == [("A", None), ("B", "incomplete")]


def test_a_trigger_that_comes_after_its_frames_takes_them_from_the_history() -> None:
    stage = make(window_s=0.25)
    for item in frames("PPFP"):
        assert stage.see(item)[0].part_id is None
    stage.trigger("late", 0.15)
    after, (part,) = stage.see(see(4))
    assert after.part_id is None
    assert isinstance(part, Part)
    assert (part.part_id, part.first_frame_id, part.last_frame_id) == ("late", 2, 3)
    assert part.verdict is Verdict.FAIL


def test_a_trigger_before_the_active_part_gets_only_the_frames_before_it() -> None:
    stage = make(window_s=0.3)
    for item in frames("PPF"):
        stage.see(item)
    stage.trigger("B", 0.3)
    stage.see(see(3))
    stage.trigger("A", 0.1)
    seen = run_stage(stage, [see(4), see(5), see(6)])
    assert spans(seen) == [("A", 1, 2, 2), ("B", 3, 5, 3)]
    assert seen.verdicts == ["FAIL", "PASS"]


def test_a_late_trigger_with_the_id_of_the_active_part_is_another_part() -> None:
    stage = make(window_s=1.0)
    stage.trigger("7", 0.3)
    parts: list[Any] = []
    for frame in frames("PPPPP"):
        parts += stage.see(frame)[1]
    stage.trigger("7", 0.1)
    for frame in [see(n, "F") for n in range(5, 9)]:
        parts += stage.see(frame)[1]
    parts += stage.flush()[:-1]
    assert [(p.part_id, p.verdict.value, p.frames) for p in parts] == [
        ("7", "PASS", 2),
        ("7", "FAIL", 6),
    ]


def test_a_trigger_before_the_active_part_gets_only_the_frames_of_its_window() -> None:
    stage = make(window_s=0.3)
    for item in frames("PPPPF"):
        stage.see(item)
    stage.trigger("B", 0.5)
    stage.see(see(5))
    stage.trigger("A", -10)
    seen = run_stage(stage, [see(6), see(7), see(8)])
    assert [(p.part_id, p.frames, p.cause) for p in seen.parts] == [
        ("A", 0, "not_seen"),
        ("B", 3, None),
    ]


def test_only_frames_with_a_part_in_the_zone_belong_to_it() -> None:
    empty, part = np.full((24, 32, 3), 50, np.uint8), np.full((24, 32, 3), 200, np.uint8)
    zone = ZonePresence((0, 0, 1, 1), min_difference=20, min_share=0.1, empty=empty)
    stage = make((0.2, "A"), (0.6, "B"), presence=zone)
    pictures = [empty, empty, empty, part, part, empty, empty, empty, empty]
    seen = run_stage(stage, [see(n, image=image) for n, image in enumerate(pictures)])
    assert [(p.part_id, p.frames, p.cause) for p in seen.parts] == [
        ("A", 2, None),
        ("B", 0, "not_seen"),
    ]


def test_a_live_part_without_frames_ends_by_time() -> None:
    stage = make(window_s=0.01, live=True, timeout_s=0.02)
    stage.trigger("A", now_ns() / 1e9 - 1.0)
    (part,) = stage.tick()
    assert (part.part_id, part.cause) == ("A", "not_seen")
    stage.trigger("B", now_ns() / 1e9 + 100.0)
    assert stage.tick() == []


def at(number: int, captured_ns: int) -> Inspection:
    item = see(number)
    return replace(item, frame=replace(item.frame, captured_ns=captured_ns))  # type: ignore[type-var]


def test_times_of_a_file_count_from_the_first_frame_of_a_live_source() -> None:
    stage = make((0.15, "A"), window_s=0.2, live=True)
    start_ns = 50_000_000_000
    items: Sequence[Inspection] = [at(n, start_ns + n * 100_000_000) for n in range(6)]
    assert spans(run_stage(stage, items)) == [("A", 2, 3, 2)]


@pytest.mark.parametrize("count", [None, 2])
def test_a_late_trigger_never_passes_a_part_that_a_change_of_a_line_cuts(
    count: int | None,
) -> None:
    before = make(window_s=0.5, frames=count)
    for item in frames("PPPP"):
        before.see(item)
    before.trigger("late", 0.25)
    assert run_stage(before, [], complete=False).causes == ["incomplete"]
    after = make(window_s=0.5, frames=count, continues=True)
    for number in (4, 5):
        after.see(see(number))
    after.trigger("late", 0.25)
    after.trigger("next", 0.8)
    seen = run_stage(after, [see(number) for number in range(6, 16)])
    assert spans(seen)[0][:2] == ("late", 4)
    assert seen.causes == ["incomplete", None]


def test_a_trigger_before_the_first_frame_of_a_run_that_continues_is_cut() -> None:
    stage = make(window_s=2.0, live=True, timeout_s=0.02, continues=True)
    now_s = now_ns() / 1e9
    stage.trigger("A", now_s - 1.0)
    assert stage.tick() == []
    seen = run_stage(stage, [at(0, int(now_s * 1e9)), at(1, int((now_s + 0.1) * 1e9))])
    assert seen.causes == ["incomplete"]


def test_triggers_of_a_stage_that_takes_none_are_refused() -> None:
    stage = make_stage(lambda book: SequenceGrouping(book, count_frames("run", 1)))
    with pytest.raises(TypeError, match=r"set parts\.by to trigger"):
        stage.trigger("A", 0.0)
    assert run_frames("").parts == []


def test_a_file_of_triggers(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("time_s,part_id\n0.5,A\n1.5,\n", encoding="utf-8-sig")
    assert read_triggers(path) == [Trigger(0.5, "A"), Trigger(1.5, None)]
    path.write_text("time_s\n0.5\n")
    assert read_triggers(path) == [Trigger(0.5, None)]
    path.write_text("part_id;time_s\nA;0,5\nB;1.5\n")
    assert read_triggers(path) == [Trigger(0.5, "A"), Trigger(1.5, "B")]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "cannot be read: No such file"),
        ("", "needs at least one row"),
        ("seconds\n1\n", "must have the column time_s with a number"),
        ("part_id;time_s\nA\n", "must have the column time_s with a number"),
        ("time_s\nsoon\n", "must have the column time_s with a number"),
        ("time_s\nnan\n", "needs at least one row, with finite numbers"),
        ("time_s,part_id\n1,A\n2,A\n", "has the part_id A more than once"),
    ],
)
def test_a_bad_file_of_triggers_is_refused(tmp_path: Path, text: str | None, sentence: str) -> None:
    path = tmp_path / "t.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=sentence):
        read_triggers(path)
