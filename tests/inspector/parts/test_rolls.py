"""Tests of rolls: their ends, verdicts, lengths, and the defects that are counted in them."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from output_parts import UTC, defect
from part_scenes import see, see_all

from inspector.core.events import DefectClosed, PartCause, Roll
from inspector.core.types import Inspection, Verdict
from inspector.core.web_place import WebPlace
from inspector.parts.options import RollOptions
from inspector.parts.rolls import RollStage
from inspector.parts.stage import RunEnd

PASS_4 = ("PASS", None, 4, 4)


def run_rolls(words: str, *, frames: int | None = None, captured: int = 0) -> list[Roll]:
    stage = RollStage(RollOptions(True, None, frames), "run", live=False, tracked=False)
    stage.run_end = RunEnd(lambda: captured)
    return finish(stage, see_all(words))


def finish(stage: RollStage, frames: Sequence[Inspection]) -> list[Roll]:
    events = [event for item in frames for event in stage.see(item)[1]]
    rolls = [*events, *stage.flush()]
    assert all(isinstance(roll, Roll) for roll in rolls)
    return rolls  # type: ignore[return-value]


def shape(roll: Roll) -> tuple[str, str | None, int, int]:
    return roll.verdict.value, roll.cause, roll.first_frame_id, roll.last_frame_id


@pytest.mark.parametrize(
    ("words", "frames", "expected"),
    [
        ("PPPP", None, [("PASS", None, 0, 3)]),
        ("PPFP", None, [("FAIL", None, 0, 3)]),
        ("PEPF", None, [("FAIL", None, 0, 3)]),
        ("PEPP", None, [("ERROR", "decode", 0, 3)]),
        ("PP.P", None, [("ERROR", "dropped", 0, 3)]),
        ("P.FP", None, [("FAIL", None, 0, 3)]),
        ("PPFPP", 2, [("PASS", None, 0, 1), ("FAIL", None, 2, 3), ("PASS", None, 4, 4)]),
        ("PPFP", 2, [("PASS", None, 0, 1), ("FAIL", None, 2, 3)]),
        (
            "P...P",
            2,
            [("ERROR", "dropped", 0, 1), ("ERROR", "dropped", 2, 3), ("PASS", None, 4, 4)],
        ),
        ("", 2, []),
    ],
)
def test_rolls_end_after_their_frames_and_with_the_run(
    words: str, frames: int | None, expected: list[tuple[str, str | None, int, int]]
) -> None:
    rolls = run_rolls(words, frames=frames)
    assert [shape(roll) for roll in rolls] == expected
    assert [roll.roll_id for roll in rolls] == [f"run/r{n + 1}" for n in range(len(rolls))]
    assert sum(roll.frames + roll.frames_dropped for roll in rolls) == len(words)


def test_frames_that_were_dropped_at_the_end_belong_to_a_roll() -> None:
    (roll,) = run_rolls("PP", captured=5)
    assert (roll.frames, roll.frames_dropped, roll.last_frame_id) == (2, 3, 4)
    assert (roll.verdict, roll.cause) == (Verdict.ERROR, PartCause.DROPPED)
    assert roll.error == "3 of 5 frames were dropped"


def test_a_roll_ends_with_its_last_frame() -> None:
    stage = RollStage(RollOptions(True, None, 2), "run", live=False, tracked=False)
    assert stage.see(see(0))[1] == []
    assert len(stage.see(see(1))[1]) == 1


def test_rolls_have_a_length_and_lengths_add_up() -> None:
    lengths = [0.3 + 0.07 * n for n in range(50)]
    at = iter(lengths)
    options = RollOptions(True, 1.0)
    stage = RollStage(options, "run", live=False, tracked=True, web_length_m=lambda: next(at))
    rolls = finish(stage, see_all("P" * 50))
    assert len(rolls) == 4
    assert all(1.0 <= roll.length_m < 1.07 for roll in rolls[:-1] if roll.length_m is not None)
    assert sum(roll.length_m or 0.0 for roll in rolls) == pytest.approx(lengths[-1])


def labelled(frame_id: int, *track_ids: str) -> Inspection:
    item = see(frame_id, "F" if track_ids else "P")
    defects = tuple(replace(defect(), web=WebPlace(track_id=track_id)) for track_id in track_ids)
    return replace(item, defects=defects)


def closed(track_id: str, first: int, *merged: str) -> DefectClosed:
    return DefectClosed(
        wall_time_utc=UTC,
        track_id=track_id,
        first_frame_id=first,
        last_frame_id=first,
        best_frame_id=first,
        sightings=1,
        merged_track_ids=merged,
    )


def test_a_defect_is_counted_once_in_the_roll_that_shows_it_first() -> None:
    stage = RollStage(RollOptions(True, None, 2), "run", live=False, tracked=True)
    assert stage.see(labelled(0, "a"))[1] == []
    assert stage.see(labelled(1, "a", "b"))[1] == []  # the roll waits for both
    stage.notice([closed("a", 0)])
    assert stage.see(labelled(2, "b", "c"))[1] == []
    stage.notice([closed("b", 1)])
    (first,) = stage.see(labelled(3, "c"))[1]
    stage.notice([closed("c", 2)])
    (second,) = stage.flush()
    assert isinstance(first, Roll)
    assert isinstance(second, Roll)
    assert (first.defects, second.defects) == (2, 1)


def test_merged_tracks_are_one_defect() -> None:
    stage = RollStage(RollOptions(True, None, 2), "run", live=False, tracked=True)
    stage.see(labelled(0, "a"))
    stage.see(labelled(1, "b"))
    stage.see(labelled(2, "c"))
    stage.notice([closed("b", 0, "a", "c")])
    rolls = [*stage.see(labelled(3))[1], *stage.flush()]
    assert [roll.defects for roll in rolls if isinstance(roll, Roll)] == [1, 0]
