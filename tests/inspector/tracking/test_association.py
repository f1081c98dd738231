"""Tests of the distance between outlines."""

import numpy as np
import pytest
from web_scenes import Box, outline

from inspector.tracking.association import assign, outline_distance

SQUARE = (0.0, 0.0, 10.0, 10.0)


@pytest.mark.parametrize(
    ("other", "distance"),
    [
        (SQUARE, 0.0),
        ((2.0, 2.0, 4.0, 4.0), 0.0),  # inside
        ((-5.0, -5.0, 20.0, 20.0), 0.0),  # around it
        ((4.0, -50.0, 5.0, 50.0), 0.0),  # across it, no vertex of one is inside the other
        ((13.0, 2.0, 15.0, 4.0), 3.0),
        ((13.0, 14.0, 15.0, 16.0), 5.0),  # corner to corner
        ((2.0, 10.5, 3.0, 90.0), 0.5),
    ],
)
@pytest.mark.parametrize("place", [0.0, 1e8])
def test_the_distance_is_that_of_the_nearest_points(
    other: Box, distance: float, place: float
) -> None:
    first, second = outline(SQUARE) + place, outline(other) + place
    assert outline_distance([first], [second]) == pytest.approx(distance, abs=1e-6)
    assert outline_distance([second], [first]) == pytest.approx(distance, abs=1e-6)


def test_the_nearest_of_several_outlines_counts() -> None:
    far, near = outline((50.0, 0.0, 60.0, 10.0)), outline((11.0, 0.0, 12.0, 10.0))
    assert outline_distance([outline(SQUARE)], [far, near]) == pytest.approx(1.0)


def test_outlines_with_thousands_of_vertices_are_compared_at_once() -> None:
    angle = np.linspace(0, 2 * np.pi, 20_000, endpoint=False)
    circle = np.column_stack((np.cos(angle), np.sin(angle))) * 100
    assert outline_distance([circle], [np.add(circle, (203.0, 0.0))]) == pytest.approx(3.0, abs=0.1)
    assert outline_distance([circle], [np.add(circle, (150.0, 0.0))]) == 0.0


def test_each_track_gets_one_sighting_and_the_nearest_first() -> None:
    pairs = sorted([(0.0, 2.0, 0, 0), (0.0, 1.0, 1, 0), (0.5, 3.0, 0, 1), (0.0, 4.0, 1, 1)])
    assert assign(pairs) == {1: 0, 0: 1}
