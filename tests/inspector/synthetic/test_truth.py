"""Tests of matching measured regions with rendered defects."""

import numpy as np
import pytest

from inspector.synthetic.rendered_defects import Appearance, RenderedDefect
from inspector.synthetic.truth import MeasuredRegion, TruthComparison, compare
from inspector.synthetic.web import VisibleDefect

HW = (200, 300)
LOOK = Appearance((0.0, 0.0, 0.0), 0.0)


def box(x: float, y: float, width: float, height: float) -> np.ndarray:
    return np.array(((x, y), (x + width, y), (x + width, y + height), (x, y + height)))


def true(web_id: int, x: float, y: float, width: float = 20, height: float = 20) -> VisibleDefect:
    defect = RenderedDefect.of("hole", box(x, y, width, height), 0.1, LOOK)
    x0, y0, x1, y1 = defect.bounds
    complete = x0 >= 0 and y0 >= 0 and x1 <= HW[1] and y1 <= HW[0]
    return VisibleDefect(web_id, defect, complete)


def measured(x: float, y: float, width: float = 20, height: float = 20) -> MeasuredRegion:
    size = width * height / 100, np.hypot(width, height) / 10, min(width, height) / 10
    return MeasuredRegion((box(x, y, width, height),), *size, "refined")


def compare_frame(visible: list[VisibleDefect], regions: list[MeasuredRegion]) -> TruthComparison:
    return compare([(0, visible, regions)], HW, tolerance_px=3)


def test_a_region_on_the_defect_matches_at_any_size() -> None:
    result = compare_frame([true(0, 50, 50)], [measured(0, 0, 150, 150)])
    assert len(result.tracks[0].sightings[0].regions) == 1
    assert result.false == []


def test_a_region_elsewhere_is_false_even_with_the_right_size() -> None:
    result = compare_frame([true(0, 50, 50)], [measured(150, 50)])
    assert result.tracks[0].sightings[0].regions == ()
    assert result.tracks[0].best is None
    assert [frame_id for frame_id, _ in result.false] == [0]


def test_every_region_of_a_clean_frame_is_false() -> None:
    result = compare_frame([], [measured(10, 10), measured(100, 100)])
    assert len(result.false) == 2
    assert result.tracks == {}


def test_of_two_defects_each_gets_the_region_that_lies_on_it() -> None:
    first, second = measured(48, 50, 25, 22), measured(101, 49, 18, 20)
    result = compare_frame([true(0, 50, 50), true(1, 100, 50)], [second, first])
    assert result.tracks[0].sightings[0].regions == (first,)
    assert result.tracks[1].sightings[0].regions == (second,)


def test_a_region_over_two_defects_goes_to_the_larger_overlap() -> None:
    result = compare_frame([true(0, 50, 50), true(1, 100, 50)], [measured(65, 50, 60, 20)])
    assert result.tracks[0].sightings[0].regions == ()
    assert len(result.tracks[1].sightings[0].regions) == 1
    assert result.false == []


def test_all_pieces_of_a_defect_belong_to_it_and_the_largest_comes_first() -> None:
    small, large = measured(50, 50, 5, 20), measured(57, 50, 13, 20)
    result = compare_frame([true(0, 50, 50)], [small, large])
    assert result.tracks[0].sightings[0].regions == (large, small)
    assert result.false == []


def test_a_region_within_the_tolerance_matches() -> None:
    near = compare_frame([true(0, 50, 50)], [measured(72, 50)])
    far = compare_frame([true(0, 50, 50)], [measured(76, 50)])
    assert len(near.tracks[0].sightings[0].regions) == 1
    assert len(far.false) == 1


def test_best_is_the_detected_complete_sighting_nearest_to_the_centre() -> None:
    frames = [
        (0, [true(7, 140, -5)], [measured(140, -5)]),
        (1, [true(7, 140, 20)], [measured(140, 20)]),
        (2, [true(7, 140, 90)], []),
        (3, [true(7, 140, 125)], [measured(140, 125)]),
    ]
    track = compare(frames, HW, tolerance_px=3).tracks[7]
    assert [sighting.frame_id for sighting in track.complete] == [2, 3, 1]
    assert track.best is not None
    assert track.best.frame_id == 3
    assert len(track.sightings) == 4


def test_from_record_reads_the_outer_outlines_without_holes() -> None:
    record = {
        "polygons": [box(0, 0, 9, 9).tolist(), box(2, 2, 3, 3).tolist()],
        "holes": 1,
        "area_mm2": 0.72,
        "length_mm": 1.27,
        "width_mm": 0.9,
        "size_source": "map",
    }
    region = MeasuredRegion.from_record(record)
    assert len(region.polygons) == 1
    assert region.polygons[0].max() == 9
    assert region.area_mm2 == pytest.approx(0.72)
    assert region.size_source == "map"
