"""Tests the highest places of maps without a defect."""

import numpy as np

from inspector.core.explanation import Hotspot
from inspector.core.geometry import Affine
from inspector.explain.hotspots import find_hotspots
from inspector.explain.surroundings import InspectedArea


def find(scores: np.ndarray, most: int = 9, mask: np.ndarray | None = None) -> tuple[Hotspot, ...]:
    height, width = scores.shape
    area = InspectedArea((0, 0, 4 * width, 4 * height), mask, Affine(4.0, 4.0))
    return find_hotspots(scores.astype(np.float32), area, 0.5, most)


def test_a_peak_hides_lower_values_near_it_and_no_others() -> None:
    scores = np.full((30, 60), 0.1)
    scores[5, 5], scores[5, 9], scores[20, 50] = 0.4, 0.3, 0.2
    spots = find(scores)
    assert [spot.score for spot in spots] == [np.float32(0.4), np.float32(0.2)]
    assert spots[0].position_px == (22.0, 22.0)
    assert [spot.place for spot in spots] == ["top left", "bottom right"]
    assert find(scores, most=1) == spots[:1]


def test_a_plateau_is_a_single_place() -> None:
    scores = np.zeros((30, 30))
    scores[10:14, 10:14] = 0.3
    assert len(find(scores)) == 1


def test_places_that_are_not_inspected_are_left_out() -> None:
    scores, mask = np.full((30, 30), 0.1), np.ones((30, 30), bool)
    scores[5, 5], scores[25, 25] = 0.4, 0.2
    mask[:10] = False
    assert [spot.score for spot in find(scores, mask=mask)] == [np.float32(0.2)]
    assert find(scores, mask=np.zeros_like(mask)) == ()


def test_a_map_of_equal_scores_has_no_highest_place() -> None:
    assert find(np.full((30, 30), 0.3)) == ()
