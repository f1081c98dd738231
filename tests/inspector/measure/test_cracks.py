"""Compares the sizes of cracks and of composed defects with rendered truth."""

from itertools import pairwise

import numpy as np
import pytest
from measure_scenes import FRAME_HW, THRESHOLD, TO_FRAME, bar, ellipse
from size_scenes import cover, map_of, paint_defect, plain, true_sizes

from calibration.scale import from_scale
from inspector.core.arrays import Image, Map
from inspector.core.geometry import Points
from inspector.core.types import Defect
from inspector.measure.analyzer import MapAnalyzer
from inspector.measure.options import MeasureOptions


def analyze(image: Image, anomaly_map: Map) -> tuple[Defect, ...]:
    """Measures with a scale of 1 mm per pixel."""
    analyzer = MapAnalyzer(from_scale(1.0, FRAME_HW), MeasureOptions(max_refined=20))
    return analyzer.analyze(image, anomaly_map, TO_FRAME, THRESHOLD)


def line_through(corners: list[tuple[float, float]], thickness: float) -> list[Points]:
    """Bars along a polyline."""
    bars = []
    for (x0, y0), (x1, y1) in pairwise(corners):
        degrees = float(np.degrees(np.arctan2(y1 - y0, x1 - x0)))
        length = float(np.hypot(x1 - x0, y1 - y0)) + 0.5 * thickness
        bars.append(bar(((x0 + x1) / 2, (y0 + y1) / 2), length, thickness, degrees))
    return bars


TRUNK = [(200.0, 150.0), (235.0, 170.0), (268.0, 165.0), (300.0, 190.0), (345.0, 192.0)]
BRANCHES = [[(268.0, 165.0), (285.0, 140.0), (292.0, 118.0)], [(235.0, 170.0), (250.0, 215.0)]]


def within(measured: float | None, u: float | None, true: float) -> bool:
    assert measured is not None
    assert u is not None
    return abs(measured - true) <= 2 * u


@pytest.mark.parametrize("thickness", [1.5, 2.0, 3.0, 6.0])
@pytest.mark.parametrize("branches", [0, 1, 2])
@pytest.mark.parametrize("gain", [0.5, 1.4])
def test_a_crack_keeps_its_branches(thickness: float, branches: int, gain: float) -> None:
    lines = [TRUNK, *BRANCHES[:branches]]
    polygons = [part for line in lines for part in line_through(line, thickness)]
    image = paint_defect(plain(3), [(cover(polygons), gain)])
    (measured,) = analyze(image, map_of(polygons))
    area, length, width = true_sizes(polygons)
    assert measured.size_source == "refined"
    assert measured.length_mm == pytest.approx(length, rel=0.05)
    assert measured.width_mm == pytest.approx(width, rel=0.1 if branches else 0.2)
    assert measured.area_mm2 == pytest.approx(area, rel=0.35 if thickness < 2.5 else 0.12)
    assert within(measured.area_mm2, measured.area_u_mm2, area)
    assert within(measured.length_mm, measured.length_u_mm, length)
    assert within(measured.width_mm, measured.width_u_mm, width)


@pytest.mark.parametrize("gain", [0.4, 0.7, 1.5])
@pytest.mark.parametrize("degrees", [-35.0, 20.0, 80.0])
def test_a_long_scratch_outside_the_region_of_its_spot_is_measured(
    degrees: float, gain: float
) -> None:
    """The map shows the spot only."""
    centre = (300.0, 180.0)
    direction = np.array((np.cos(np.radians(degrees)), np.sin(np.radians(degrees))))
    spot = ellipse(centre, 60.0, 60.0, 0.0)
    x, y = np.array(centre) + direction * 70.0
    polygons = [spot, bar((float(x), float(y)), 100.0, 9.0, degrees)]
    image = paint_defect(plain(5), [(cover(polygons), gain)])
    (measured,) = analyze(image, map_of([spot]))
    area, length, width = true_sizes(polygons)
    assert measured.length_mm == pytest.approx(length, rel=0.03)
    assert measured.area_mm2 == pytest.approx(area, rel=0.06)
    assert within(measured.length_mm, measured.length_u_mm, length)
    assert within(measured.width_mm, measured.width_u_mm, width)


@pytest.mark.parametrize("shrink", [0.7, 0.85])
def test_a_rim_that_the_map_misses_belongs_to_its_core(shrink: float) -> None:
    """The region of the map is smaller than the defect, so a part of the rim lies in the ring."""
    outer, inner = (ellipse((300.0, 180.0), side, side, 0.0) for side in (90.0, 50.0))
    middle = cover([inner])
    image = paint_defect(plain(6), [(cover([outer]) - middle, 0.5), (middle, 1.5)])
    seen = ellipse((300.0, 180.0), 90.0 * shrink, 90.0 * shrink, 0.0)
    (measured,) = analyze(image, map_of([seen]))
    assert measured.length_mm == pytest.approx(90.0, rel=0.03)


@pytest.mark.parametrize("thickness", [2.0, 4.0])
@pytest.mark.parametrize("degrees", [0.0, 25.0])
def test_two_regions_on_one_scratch_are_one_row(thickness: float, degrees: float) -> None:
    scratch = bar((300.0, 180.0), 220.0, thickness, degrees)
    step = np.array((np.cos(np.radians(degrees)), np.sin(np.radians(degrees)))) * 75.0
    image = paint_defect(plain(7), [(cover([scratch]), 0.5)])
    x, y = step.tolist()
    ends = [bar((300.0 + s * x, 180.0 + s * y), 70.0, thickness, degrees) for s in (-1, 1)]
    (measured,) = analyze(image, map_of(ends))
    assert measured.size_source == "refined"
    assert measured.length_mm == pytest.approx(220.0, rel=0.03)
    assert within(measured.width_mm, measured.width_u_mm, thickness)


def test_two_defects_with_two_regions_stay_two_rows() -> None:
    discs = [ellipse((x, 180.0), 40.0, 40.0, 0.0) for x in (240.0, 360.0)]
    image = paint_defect(plain(8), [(cover(discs), 0.5)])
    rows = analyze(image, map_of(discs))
    assert [row.size_source for row in rows] == ["refined", "refined"]
    assert sorted(row.centroid_px[0] for row in rows) == pytest.approx([240.0, 360.0], abs=1.0)
