"""Tests sizes of known shapes, and properties of all shapes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from inspector.core.geometry import Points
from inspector.measure import shape

RECTANGLE = np.array(((1, 2), (7, 2), (7, 4), (1, 4)), dtype=np.float64)
TRIANGLE = np.array(((0, 0), (4, 0), (0, 3)), dtype=np.float64)
L_SHAPE = np.array(((0, 0), (4, 0), (4, 1), (1, 1), (1, 3), (0, 3)), dtype=np.float64)

POINTS = arrays(np.float64, st.tuples(st.integers(3, 30), st.just(2)), elements=st.floats(-50, 50))


def make_circle(radius: float, corners: int = 720) -> Points:
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return radius * np.column_stack((np.cos(angles), np.sin(angles)))


def turn(points: Points, degrees: float) -> Points:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return points @ np.array(((c, s), (-s, c)))


@pytest.mark.parametrize(
    ("polygon", "area", "length", "width", "perimeter"),
    [
        (RECTANGLE, 12.0, math.hypot(6, 2), 2.0, 16.0),
        (TRIANGLE, 6.0, 5.0, 2.4, 12.0),
        (L_SHAPE, 6.0, 5.0, 3.0, 14.0),
    ],
)
def test_known_shapes_have_their_known_sizes(
    polygon: Points, area: float, length: float, width: float, perimeter: float
) -> None:
    for points in (polygon, polygon[::-1]):
        assert shape.area(points) == pytest.approx(area)
        assert shape.max_feret(points)[0] == pytest.approx(length)
        assert shape.min_feret(points) == pytest.approx(width)
        assert shape.perimeter(points) == pytest.approx(perimeter)


def test_length_and_width_of_a_circle_equal_its_equivalent_diameter() -> None:
    points = make_circle(10.0) + np.array((5000.0, 3000.0))
    assert shape.max_feret(points)[0] == pytest.approx(20.0, rel=1e-4)
    assert shape.min_feret(points) == pytest.approx(20.0, rel=1e-4)
    assert shape.equivalent_diameter(shape.area(points)) == pytest.approx(20.0, rel=1e-4)


def test_a_hole_takes_its_area_away_and_moves_the_centre() -> None:
    outer = np.array(((0, 0), (4, 0), (4, 4), (0, 4)), dtype=np.float64)
    hole = np.array(((2, 1), (4, 1), (4, 3), (2, 3)), dtype=np.float64)
    assert shape.region_area((outer, hole), 1) == pytest.approx(12.0)
    x, y = shape.region_centroid((outer, hole), 1)
    assert (x, y) == pytest.approx(((16 * 2 - 4 * 3) / 12, 2.0))


@pytest.mark.parametrize("degrees", [0.0, 30.0, 90.0, 135.0, 179.0])
def test_the_orientation_is_the_direction_of_the_length_from_x_towards_y(degrees: float) -> None:
    line = turn(np.array(((-5, -0.1), (5, -0.1), (5, 0.1), (-5, 0.1))), degrees)
    _, orientation = shape.max_feret(line)
    off = abs((orientation - degrees + 90) % 180 - 90)
    assert off < 1.2  # of the diagonal
    assert 0 <= orientation < 180


def test_points_on_one_line_have_no_width_and_no_area() -> None:
    line = np.array(((0, 0), (1, 1), (3, 3)), dtype=np.float64)
    assert shape.min_feret(line) == pytest.approx(0.0, abs=1e-12)
    assert shape.max_feret(line) == (pytest.approx(math.sqrt(18)), pytest.approx(45.0))
    assert shape.area(line) == 0.0


@given(POINTS, st.floats(0, 360), st.floats(0.1, 10), st.floats(-1e3, 1e3))
def test_sizes_depend_on_scale_but_not_on_place_and_direction(
    points: Points, degrees: float, scale: float, shift: float
) -> None:
    moved = turn(points, degrees) * scale + shift
    tolerance = {"rel": 1e-4, "abs": 1e-3 * scale}
    assert shape.max_feret(moved)[0] == pytest.approx(
        scale * shape.max_feret(points)[0], **tolerance
    )
    assert shape.min_feret(moved) == pytest.approx(scale * shape.min_feret(points), **tolerance)
    assert shape.area(moved) == pytest.approx(scale**2 * shape.area(points), rel=1e-6, abs=1e-3)


@given(POINTS)
def test_the_width_is_at_most_the_length_and_the_hull_fits_into_both(points: Points) -> None:
    length, width = shape.max_feret(points)[0], shape.min_feret(points)
    assert width <= length * (1 + 1e-6) + 1e-6
    hull = shape.area(shape.convex_hull(points))
    assert hull <= length * width * (1 + 1e-4) + 1e-3
    x0, y0, x1, y1 = shape.bounding_box(points)
    assert max(x1 - x0, y1 - y0) <= length + 1e-4
