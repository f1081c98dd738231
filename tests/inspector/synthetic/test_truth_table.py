"""Tests of the table of sizes and of the contact sheet."""

import numpy as np
import pytest

from inspector.synthetic.contact_sheet import MEASURED_BGR, TILE_HW, TRUE_BGR, draw_sheet, draw_tile
from inspector.synthetic.rendered_defects import Appearance, RenderedDefect
from inspector.synthetic.truth import MeasuredRegion, compare
from inspector.synthetic.truth_table import format_table, make_rows, summarize
from inspector.synthetic.web import VisibleDefect

HW = (200, 300)
LOOK = Appearance((0.0, 0.0, 0.0), 0.0)


def defect(kind: str, x: float, y: float, side: float = 20) -> RenderedDefect:
    corners = np.array(((0.0, 0.0), (side, 0.0), (side, side), (0.0, side)))
    return RenderedDefect.of(kind, corners + np.array((x, y)), 0.1, LOOK)


def region(x: float, y: float, length_mm: float, source: str = "refined") -> MeasuredRegion:
    corners = np.array(((0.0, 0.0), (20.0, 0.0), (20.0, 20.0), (0.0, 20.0)))
    polygons = (corners + np.array((x, y)),)
    return MeasuredRegion(polygons, 4.4, length_mm, 2.5, source, length_expanded_u_mm=0.31)


def passing(web_id: int, kind: str, x: float, detected_in: set[int]) -> list:
    """Ten complete sightings moving down. Measured length 2.8 + 0.1 per frame."""
    return [
        (
            i,
            [VisibleDefect(web_id, defect(kind, x, 15.0 * i), True)],
            [region(x, 15.0 * i, 2.8 + 0.1 * i)] if i in detected_in else [],
        )
        for i in range(10)
    ]


@pytest.fixture
def rows() -> list:
    frames = [
        *passing(0, "hole", 140, set(range(10))),
        *passing(1, "scratch", 100, set()),
        *passing(2, "hole", 60, {0, 1}),
    ]
    return make_rows(compare(frames, HW, tolerance_px=3))


def test_every_defect_has_a_row_and_a_missed_defect_is_marked(rows: list) -> None:
    lines = format_table(rows)
    assert len(rows) == 3
    assert len(lines) == 2 + 3
    (missed,) = [line for line in lines if "missed" in line]
    assert missed.startswith("scratch")
    assert "0/10" in missed


def test_a_row_holds_true_and_measured_sizes_and_their_spread(rows: list) -> None:
    row = next(row for row in rows if row.web_id == 0)
    assert row.true == pytest.approx((20 * 2**0.5 / 10, 2.0, 4.0))
    # The square is centred on the middle row of the picture in frame 6.
    assert row.frame_id == 6
    assert row.measured == pytest.approx((3.4, 2.5, 4.4))
    assert (row.detected_frames, row.whole_frames) == (10, 10)
    assert row.length_sd_mm == pytest.approx(np.std(2.8 + 0.1 * np.arange(10), ddof=1))
    assert row.ratios == pytest.approx((3.4 / 20 / 2**0.5 * 10, 1.25, 1.1))


@pytest.mark.parametrize(("source", "shown"), [("refined", "0.31  frame"), ("map", "up to  map")])
def test_the_table_shows_the_uncertainty_of_a_size_and_marks_a_size_of_the_map(
    source: str, shown: str
) -> None:
    seen = [VisibleDefect(0, defect("hole", 140, 90), True)]
    (row,) = make_rows(compare([(0, seen, [region(140, 90, 2.8, source)])], HW, tolerance_px=3))
    assert row.length_expanded_u_mm == 0.31
    assert format_table([row])[2].endswith(shown)


def test_summaries_count_found_and_steadily_found_defects(rows: list) -> None:
    hole, scratch, every = summarize(rows)
    assert (hole.rendered, hole.detected, hole.mostly_detected) == (2, 2, 1)
    assert (scratch.rendered, scratch.detected, scratch.mostly_detected) == (1, 0, 0)
    assert scratch.ratios is None
    assert (every.kind, every.rendered, every.detected, every.mostly_detected) == ("all", 3, 2, 1)
    assert hole.ratios is not None
    assert hole.ratios[2] == pytest.approx(1.1)


def test_a_tile_shows_both_outlines_around_the_defect() -> None:
    image = np.full((*HW, 3), 128, np.uint8)
    view = draw_tile(image, defect("hole", 100, 80), [region(104, 84, 2.8)], "hole 2.83 mm")
    assert view.shape[1] == TILE_HW[1]
    below = view[-TILE_HW[0] :].astype(int)
    for colour in (TRUE_BGR, MEASURED_BGR):
        lines, columns = np.nonzero(np.abs(below - colour).sum(axis=2) < 140)
        assert len(lines) > 200
        assert abs(lines.mean() - TILE_HW[0] / 2) < 40
        assert abs(columns.mean() - TILE_HW[1] / 2) < 40
    grid = draw_sheet([[view, view], [view]])
    assert grid.shape[1] >= 2 * TILE_HW[1]
    assert grid.shape[0] > 2 * view.shape[0]
