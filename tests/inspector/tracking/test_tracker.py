"""Tests that each defect on a moving web is counted once."""

import numpy as np
import pytest
from web_scenes import (
    defect,
    inspect,
    make_stage,
    run_stage,
    run_web,
    see,
    split,
    view,
)

from inspector.core.types import Cause
from inspector.tracking.motion import Motion, MotionState

SPOT = (40.0, 150.0, 50.0, 156.0)
THREE = [SPOT, (10.0, 180.0, 14.0, 199.0), (70.0, 260.0, 74.0, 262.0)]


@pytest.mark.parametrize("step", [3.0, 17.0, 45.0, 80.0])
def test_each_defect_is_counted_once_at_every_speed(step: float) -> None:
    closed, ledger = run_web(THREE, [step] * int(400 / step))
    assert [e.defect.length_px for e in closed] == pytest.approx([10, 19, 4])
    assert (ledger.defects, ledger.defects_low) == (3, 3)
    assert len({e.track_id for e in closed}) == 3


def test_a_defect_that_enters_cut_off_gets_the_size_of_its_whole_views() -> None:
    closed, _ = run_web([SPOT], [3.0] * 100)
    (event,) = closed
    assert not event.defect.truncated
    assert event.defect.length_px == 10.0
    assert (event.defect.web.x_px, event.defect.web.y_px) == pytest.approx((45, 153))


@pytest.mark.parametrize(
    "steps",
    [
        [10] * 8 + [0] * 20 + [10] * 30,
        [10] * 10 + [-10] * 6 + [10] * 40,
        [10] * 10 + [-10] * 6 + [10] * 6 + [-10] * 6 + [10] * 40,
        [20, 5, 1, 0.5, 40, 70, 3, 3, 20, 20, 60, 60, 60],
    ],
    ids=["stop", "reverse", "reverse twice", "speed changes"],
)
def test_disturbed_motion_neither_doubles_nor_loses_a_defect(steps: list[float]) -> None:
    closed, ledger = run_web(THREE[:2], steps)
    assert len(closed) == ledger.defects == 2


def test_a_line_that_runs_back_too_far_does_not_count_again() -> None:
    steps = [20] * 25 + [-20] * 25 + [20] * 30
    closed, _ = run_web(THREE, steps)
    assert len(closed) == 3


def test_missed_dropped_and_errored_frames_do_not_split_a_track() -> None:
    closed, _ = run_web(
        THREE, [10] * 45, skip=[8, 9, 15], missed=[11, 20], errors={12: Cause.DECODE}
    )
    assert len(closed) == 3
    # SPOT is in the frames 6 to 15. Of these, 8, 9 and 15 are dropped, 11 and 12 show nothing.
    first = closed[0]
    assert (first.first_frame_id, first.last_frame_id, first.sightings) == (6, 14, 5)


def test_a_defect_longer_than_the_frame_is_one_and_says_that_it_is_cut_off() -> None:
    closed, _ = run_web([(40.0, 150.0, 44.0, 420.0)], [15.0] * 45)
    (event,) = closed
    assert event.defect.truncated
    assert event.defect.length_px == pytest.approx(270, abs=16)
    assert "no frame shows the whole defect" in event.defect.size_note


def test_a_defect_longer_than_a_gap_is_one_and_others_beside_the_gap_are_not() -> None:
    long = (40.0, 150.0, 44.0, 620.0)
    steps = [40.0] * 20
    # Web from 300 to 360 is in no frame.
    gap = [6, 7, 8]
    assert len(run_web([long], steps, skip=gap)[0]) == 1
    ends = [(40.0, 150.0, 44.0, 305.0), (70.0, 355.0, 74.0, 480.0)]
    assert len(run_web(ends, steps, skip=gap)[0]) == 2
    short = [(40.0, 150.0, 44.0, 290.0), (40.0, 370.0, 44.0, 480.0)]
    assert len(run_web(short, steps, skip=gap)[0]) == 2


def test_legs_that_are_connected_are_one_defect() -> None:
    left, right = (20.0, 150.0, 26.0, 190.0), (50.0, 150.0, 56.0, 190.0)
    bar = (20.0, 184.0, 56.0, 190.0)

    def shown(position: float) -> list[object]:
        if position + 100 <= bar[1]:
            return view([left, right], position)
        return view([(bar, left, right)], position)

    positions = np.arange(0, 420, 6.0)
    stage = make_stage(dict.fromkeys(range(len(positions)), 6.0))
    events = run_stage(stage, [inspect(n, shown(p)) for n, p in enumerate(positions)])
    (event,), _ = split(events)
    assert event.defect.length_px == 40.0
    assert len(event.merged_track_ids) == 1


@pytest.mark.parametrize(("joined", "count"), [(0, 2), (2, 2), (9, 1)])
def test_two_outlines_in_most_views_are_two_defects(joined: int, count: int) -> None:
    """In `joined` of the ten frames that show both defects whole, they have one outline."""
    first, second = (20.0, 110.0, 30.0, 120.0), (30.8, 112.0, 40.0, 119.0)
    positions = np.arange(0, 400, 10.0)
    stage = make_stage(dict.fromkeys(range(len(positions)), 10.0))
    inspections = []
    for number, position in enumerate(positions):
        together = 3 <= number < 3 + joined
        shown = [(first, second)] if together else [first, second]
        inspections.append(inspect(number, view(shown, position)))
    closed, _ = split(run_stage(stage, inspections))
    assert len(closed) == count
    if count == 2:
        assert sorted(e.defect.length_px for e in closed) == pytest.approx([9.2, 10])


def test_unknown_motion_gives_an_interval_that_holds_the_truth() -> None:
    for hidden in (0.0, 40.0, 300.0):
        positions = [0, 20, 40, 60, 80, *(80 + hidden + 20 * np.arange(30))]
        steps: dict[int, float | None] = dict.fromkeys(range(len(positions)), 20.0)
        steps[5] = None
        inspections = [inspect(n, view(THREE, p)) for n, p in enumerate(positions)]
        seen = {box for box in THREE for p in positions if box[3] > p and box[1] < p + 100}
        _, ledger = split(run_stage(make_stage(steps), inspections))
        assert ledger.defects_low <= len(seen) <= ledger.defects
        assert ledger.gap_count == 1
        assert (ledger.gaps[0]["last_frame_id"], ledger.gaps[0]["first_frame_id"]) == (4, 5)


def test_defects_before_two_unknown_motions_may_be_seen_again_after_both() -> None:
    steps: dict[int, float | None] = dict.fromkeys(range(20), 20.0)
    steps[4] = steps[6] = None
    inspections = [inspect(n, view(THREE, 20.0 * n)) for n in range(4)]
    inspections += [inspect(n, cause=Cause.HEALTH) for n in (4, 5)]
    # In truth the web has not moved since frame 3.
    inspections += [inspect(n, view(THREE, 20.0 * (n - 3))) for n in range(6, 20)]
    _, ledger = split(run_stage(make_stage(steps), inspections))
    assert ledger.defects_low <= 3 < ledger.defects


def test_an_uncertain_motion_widens_the_search_but_not_the_known_ones() -> None:
    def count(u: float) -> int:
        steps: dict[int, float | Motion | None] = {
            1: Motion(20.0, 0.0, u, MotionState.ASSUMED),
            2: 20.0,
        }
        # The web moves by 28 px first, 8 px more than the motion says.
        boxes = [(40, 70, 44, 74), (40, 42, 44, 46), (40, 22, 44, 26)]
        inspections = [inspect(n, [defect(box)]) for n, box in enumerate(boxes)]
        return len(split(run_stage(make_stage(steps), inspections))[0])

    assert count(0.1) == 2
    assert count(2.0) == 1


def test_a_closed_track_is_written_as_soon_as_it_is_far_enough_outside() -> None:
    positions = np.arange(0, 400, 10.0)
    stage = make_stage(dict.fromkeys(range(len(positions)), 10.0))
    closing = [n for n, p in enumerate(positions) if see(stage, inspect(n, view([SPOT], p)))[1]]
    # SPOT leaves at position 156; the line may run back by one frame.
    assert closing == [26]


def test_the_memory_of_a_long_run_does_not_grow() -> None:
    stage = make_stage(dict.fromkeys(range(100_000), 30.0))
    sizes = []
    for n in range(1000):
        position = 30.0 * n
        boxes = [
            (40.0, y, 45.0, y + 4.0) for y in np.arange(position // 50 * 50, position + 150, 50)
        ]
        see(stage, inspect(n, view(boxes, position)))
        sizes.append(stage.follower.tracker.open_tracks)
    assert max(sizes[700:]) <= max(sizes[100:400]) <= 8
