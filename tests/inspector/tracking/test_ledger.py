"""Tests that every square millimetre of the web is accounted for."""

from collections.abc import Iterable

import numpy as np
import pytest

from calibration.plane import Calibration
from inspector.tracking.ledger import (
    DROPPED,
    MASKED,
    MOTION_UNKNOWN,
    NOT_CAPTURED,
    OUTSIDE_CROP,
    OUTSIDE_FRAME,
    SurfaceLedger,
    Totals,
)
from inspector.tracking.plane import WebPlane

HW = (200, 300)
SCALE = Calibration("scale", HW, "test", "", mm_per_px=(0.1, 0.1))
WIDTH, LENGTH = 30.0, 20.0
PLANE = WebPlane(HW, "up", SCALE)


def add_up(ledger: SurfaceLedger, positions: Iterable[float], gap: str = NOT_CAPTURED) -> Totals:
    for position in positions:
        ledger.add(position, cause=None, gap=gap)
        ledger.pass_rows(position - LENGTH)
    return ledger.finish()


def areas(totals: Totals) -> dict[str, float]:
    """In mm of web, that is, divided by the width."""
    parts = {str(times): area for times, area in totals.by_times.items()}
    return {name: area / WIDTH for name, area in (parts | totals.not_inspected).items()}


@pytest.mark.parametrize("step", [0.37, 5.0, 13.3, 19.99])
def test_overlapping_frames_inspect_everything(step: float) -> None:
    positions = np.arange(0, 3000, step)
    totals = add_up(SurfaceLedger(PLANE), positions)
    assert totals.not_inspected == {}
    assert totals.total == pytest.approx((positions[-1] + LENGTH) * WIDTH, rel=1e-4)
    assert sum(times * area for times, area in totals.by_times.items() if times < 9) <= (
        len(positions) * LENGTH * WIDTH * 1.001
    )


def test_times_and_gaps_are_exact() -> None:
    totals = add_up(SurfaceLedger(PLANE), [0, 15, 40, 61], gap=DROPPED)
    assert areas(totals) == pytest.approx(
        {"1": 15 + 15 + 20 + 20, "2": 5, DROPPED: 5 + 1}, abs=0.02
    )


def test_a_line_that_stands_and_runs_back_adds_no_web() -> None:
    positions = [
        *np.arange(0, 30, 5.0),
        *[25.0] * 1000,
        *np.arange(25, 10, -5.0),
        *np.arange(10, 60, 5.0),
    ]
    totals = add_up(SurfaceLedger(PLANE), positions)
    assert totals.total == pytest.approx((55 + LENGTH) * WIDTH, rel=1e-3)


def test_web_that_has_passed_is_not_counted_again_when_the_line_runs_back_far() -> None:
    ledger = SurfaceLedger(PLANE)
    for position in (*np.arange(0, 200, 10.0), *np.arange(200, 95, -3.0), *np.arange(95, 400, 7.0)):
        ledger.add(float(position), cause=None, gap=NOT_CAPTURED)
        ledger.pass_rows(float(position) - LENGTH)
    totals = ledger.finish()
    assert totals.not_inspected == {}
    assert totals.total == pytest.approx((396 + LENGTH) * WIDTH, rel=1e-3)


def test_an_errored_frame_counts_only_where_no_other_frame_inspected() -> None:
    ledger = SurfaceLedger(PLANE)
    for number, position in enumerate([0.0, 15.0, 30.0]):
        ledger.add(position, cause="health" if number == 1 else None, gap=NOT_CAPTURED)
    assert areas(ledger.finish()) == pytest.approx({"1": 40, "health": 10}, abs=0.02)


def test_masked_web_and_web_outside_the_crop_are_never_inspected() -> None:
    inspected = np.ones((20, 20), bool)
    inspected[:, 5:10] = False
    ledger = SurfaceLedger(PLANE, inspected=inspected, crop=(0.1, 0.0, 1.0, 1.0))
    totals = add_up(ledger, np.arange(0, 1000, 7.0))
    whole = (994 + LENGTH) * WIDTH
    assert totals.total == pytest.approx(whole, rel=1e-4)
    shares = {cause: area / whole for cause, area in totals.not_inspected.items()}
    assert shares == pytest.approx({OUTSIDE_CROP: 0.1, MASKED: 0.9 * 0.25}, abs=1e-3)


def test_web_below_a_mask_that_covers_a_part_of_the_frame_is_inspected_elsewhere() -> None:
    inspected = np.ones((20, 20), bool)
    inspected[:10, :] = False  # the upper half
    totals = add_up(SurfaceLedger(PLANE, inspected=inspected), np.arange(0, 1000, 9.0))
    assert totals.not_inspected[MASKED] == pytest.approx(LENGTH / 2 * WIDTH, rel=0.01)


def test_a_mask_that_hides_a_lane_hides_it_also_in_gaps() -> None:
    inspected = np.ones((20, 20), bool)
    inspected[:, :5] = False
    totals = add_up(SurfaceLedger(PLANE, inspected=inspected), [0, 50], gap=DROPPED)
    assert totals.not_inspected[MASKED] == pytest.approx(70 * WIDTH / 4, rel=1e-3)
    assert totals.not_inspected[DROPPED] == pytest.approx(30 * WIDTH * 3 / 4, rel=1e-3)


def test_a_web_that_is_wider_than_the_frame_has_uncovered_edges() -> None:
    totals = add_up(SurfaceLedger(PLANE, web_width=40.0), [0, 10, 100])
    assert totals.not_inspected[OUTSIDE_FRAME] == pytest.approx(120 * 10, rel=1e-3)
    assert totals.total == pytest.approx(120 * 40, rel=1e-3)


@pytest.mark.parametrize("gap", [100.0, 1e4, 1e7])
def test_a_gap_of_any_length_needs_no_memory(gap: float) -> None:
    ledger = SurfaceLedger(PLANE)
    for position in (0.0, gap):
        ledger.add(position, cause=None, gap=MOTION_UNKNOWN)
    assert ledger.memory_bytes < 20e6
    assert areas(ledger.finish()) == pytest.approx({"1": 40, MOTION_UNKNOWN: gap - 20}, rel=1e-3)


def test_the_memory_of_a_long_web_does_not_grow() -> None:
    ledger = SurfaceLedger(PLANE)
    sizes = []
    for number in range(500):
        ledger.add(17.0 * number, cause=None, gap=DROPPED)
        ledger.pass_rows(17.0 * number - LENGTH)
        sizes.append(ledger.memory_bytes)
    assert sizes[-1] == sizes[10]


def test_a_tilted_camera_leaves_edges_that_no_frame_shows() -> None:
    homography = ((0.1, 0.0, -15.0), (0.0, 0.12, 0.0), (0.0, 1e-3, 1.0))
    calibration = Calibration("homography", HW, "test", "", homography=homography)
    plane = WebPlane(HW, "up", calibration)
    totals = add_up(SurfaceLedger(plane), np.arange(0, 60, 0.1))
    # The narrow end of the view leaves corners, but only at one end of the run.
    x, y = plane.corners.T
    shown = 0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1))
    corners = plane.length * plane.width - shown
    assert totals.not_inspected == pytest.approx({OUTSIDE_FRAME: corners}, rel=0.03)
    assert totals.total == pytest.approx((59.9 + plane.length) * plane.width, rel=1e-3)


def lost(ledger: SurfaceLedger) -> list[tuple[float, float, str]]:
    return [(round(s.start, 1), round(s.end, 1), s.cause) for s in ledger.lost.newest]


def test_lengths_without_inspection_are_listed_with_their_place_and_cause() -> None:
    ledger = SurfaceLedger(PLANE)
    add_up(ledger, [0, 15, 40, 61], gap=DROPPED)
    assert lost(ledger) == [(35.0, 40.0, DROPPED), (60.0, 61.0, DROPPED)]
    assert ledger.width == pytest.approx(WIDTH)
    assert ledger.lost_bands == []


@pytest.mark.parametrize("direction", ["up", "down", "left", "right"])
def test_a_long_gap_and_errors_are_listed_for_every_direction(direction: str) -> None:
    plane = WebPlane(HW, direction, SCALE)
    ledger = SurfaceLedger(plane)
    length = plane.length
    for position, cause in ((0.0, None), (500.0, None), (500 + length, "decode")):
        ledger.add(position, cause=cause, gap=MOTION_UNKNOWN)
    ledger.finish()
    expected = [(length, 500, MOTION_UNKNOWN), (500 + length, 500 + 2 * length, "decode")]
    for span, (start, end, cause) in zip(ledger.lost.newest, expected, strict=True):
        assert (span.start, span.end) == pytest.approx((start, end), abs=length / 1000)
        assert span.cause == cause


def test_a_length_that_is_passed_in_pieces_is_one_length() -> None:
    ledger = SurfaceLedger(PLANE)
    for step in range(200):
        ledger.add(step * 7.0, cause=None if step < 50 else "stale", gap=NOT_CAPTURED)
        ledger.pass_rows(step * 7.0 - LENGTH)
    ledger.finish()
    assert lost(ledger) == [(363.0, 1413.0, "stale")]
    assert ledger.lost.count == 1


def test_the_list_of_lengths_does_not_grow_without_end() -> None:
    ledger = SurfaceLedger(PLANE)
    add_up(ledger, np.arange(0, 25.0 * 2500, 25.0), gap=DROPPED)
    assert ledger.lost.count == 2499
    assert len(ledger.lost.newest) == 2000
    assert lost(ledger)[-1] == (62470.0, 62475.0, DROPPED)


def test_bands_that_no_frame_inspects_are_listed() -> None:
    inspected = np.ones((20, 30), bool)
    inspected[:, 10:15] = False
    ledger = SurfaceLedger(PLANE, inspected=inspected, crop=(0, 0, 1, 1), web_width=35.0)
    ledger.add(0.0, cause=None, gap=DROPPED)
    ledger.finish()
    bands = [(round(b.start, 1), round(b.end, 1), b.cause) for b in ledger.lost_bands]
    assert bands == [(10.0, 15.0, MASKED), (30.0, 35.0, OUTSIDE_FRAME)]
    assert lost(ledger) == []


def test_an_edge_of_the_web_outside_the_crop_is_listed() -> None:
    ledger = SurfaceLedger(PLANE, crop=(0.0, 0.25, 1.0, 1.0))
    add_up(ledger, [0, 5, 10])
    assert lost(ledger) in ([(0.0, 5.0, OUTSIDE_CROP)], [(25.0, 30.0, OUTSIDE_CROP)])
