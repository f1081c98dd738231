"""Tests of the heat colours."""

import numpy as np

from inspector.render.colormap import heat_bgr, oklab, scale_position, score_levels

RANGE = (1.0, 3.0)


def test_lightness_rises_along_the_scale() -> None:
    lightness = oklab(heat_bgr()[:, ::-1].astype(np.float64))[:, 0]
    assert np.all(np.diff(lightness) > -2e-3)
    assert lightness[0] < 0.25
    assert lightness[-1] > 0.9


def test_the_cold_end_is_blue_and_the_hot_end_is_not() -> None:
    blue, _, red = heat_bgr()[:64].astype(int).T
    assert np.all(blue > red + 30)
    blue, _, red = heat_bgr()[170:].astype(int).T
    assert np.all(red > blue + 30)


def test_the_fixed_range_decides_the_position_of_a_score() -> None:
    scores = np.array(((-5.0, 1.0, 2.0), (2.5, 3.0, 900.0)), np.float32)
    assert score_levels(scores, RANGE).tolist() == [[0, 0, 180], [221, 255, 255]]
    assert [scale_position(value, RANGE) for value in (0.0, 1.5, 4.0)] == [0.0, 0.5, 1.0]


def test_the_level_of_a_score_does_not_depend_on_the_rest_of_the_map() -> None:
    calm = np.full((4, 4), 1.7, np.float32)
    wild = calm.copy()
    wild[0] = 50
    assert score_levels(calm, RANGE)[3, 3] == score_levels(wild, RANGE)[3, 3]


def test_a_defect_far_below_the_middle_of_the_range_is_not_blue() -> None:
    level = score_levels(np.array([[1.5]], np.float32), RANGE)[0, 0]
    blue, _, red = heat_bgr()[level].astype(int)
    assert red > blue


def test_the_map_is_not_changed() -> None:
    anomaly_map = np.full((4, 4), 1.7, np.float32)
    anomaly_map.flags.writeable = False
    score_levels(anomaly_map, RANGE)
    assert np.all(anomaly_map == np.float32(1.7))
