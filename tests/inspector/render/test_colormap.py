"""The heat colours."""

import numpy as np

from inspector.render.colormap import heat_bgr, levels, oklab, place

RANGE = (1.0, 3.0)


def test_lightness_rises_all_along_the_scale() -> None:
    lightness = oklab(heat_bgr()[:, ::-1].astype(np.float64))[:, 0]
    assert np.all(np.diff(lightness) > -2e-3)
    assert lightness[0] < 0.25
    assert lightness[-1] > 0.9


def test_the_cold_end_is_blue_and_the_hot_end_is_not() -> None:
    blue, _, red = heat_bgr()[:64].astype(int).T
    assert np.all(blue > red + 30)
    blue, _, red = heat_bgr()[170:].astype(int).T
    assert np.all(red > blue + 30)


def test_scores_lie_where_the_fixed_range_puts_them() -> None:
    scores = np.array(((-5.0, 1.0, 2.0), (2.5, 3.0, 900.0)), np.float32)
    assert levels(scores, RANGE).tolist() == [[0, 0, 128], [191, 255, 255]]
    assert [place(value, RANGE) for value in (0.0, 2.0, 4.0)] == [0.0, 0.5, 1.0]


def test_a_score_has_one_level_whatever_else_is_in_the_map() -> None:
    calm = np.full((4, 4), 1.7, np.float32)
    wild = calm.copy()
    wild[0] = 50
    assert levels(calm, RANGE)[3, 3] == levels(wild, RANGE)[3, 3]
