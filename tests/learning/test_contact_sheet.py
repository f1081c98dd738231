"""The contact sheet of the good pictures."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from learning.contact_sheet import (
    BLUE,
    MOST_TILES,
    ORANGE,
    RED,
    WIDTH,
    SheetPicture,
    draw_sheet,
    sort_by_score,
    write_sheet,
)


def pictures(count: int, hw: tuple[int, int] = (48, 64)) -> list[SheetPicture]:
    rng = np.random.default_rng(0)
    scores = rng.gamma(4, 0.05, count)
    return [
        SheetPicture(f"{index}.png", np.full((*hw, 3), 90 + index % 100, np.uint8), float(score))
        for index, score in enumerate(scores)
    ]


def has(sheet: np.ndarray, bgr: tuple[int, int, int]) -> bool:
    return bool((sheet == bgr).all(axis=2).any())


def test_dropped_pictures_come_first_then_falling_scores_then_those_without():
    pixels = np.zeros((8, 8, 3), np.uint8)
    listed = [
        SheetPicture("low", pixels, 0.1),
        SheetPicture("fitted", pixels, None),
        SheetPicture("high", pixels, 0.9),
        SheetPicture("dropped", pixels, None, stands_out=True, dropped=True),
    ]
    assert [each.name for each in sort_by_score(listed)] == ["dropped", "high", "low", "fitted"]


def test_suspects_and_the_threshold_have_colours_of_their_own():
    plain = draw_sheet("web", pictures(12), 0.5)
    assert plain.shape[1] == WIDTH
    assert has(plain, RED)
    assert has(plain, BLUE)
    assert not has(plain, ORANGE)
    marked = [*pictures(11), SheetPicture("odd", np.zeros((48, 64, 3), np.uint8), 0.9, True)]
    assert has(draw_sheet("web", marked, 0.5), ORANGE)
    assert has(draw_sheet("web", pictures(12), 0.5, cut=6), ORANGE)


def test_tiles_show_the_pictures_in_their_colours_from_the_highest_score():
    red = np.zeros((48, 64, 3), np.uint8)
    red[..., 0] = 200
    sheet = draw_sheet("web", [*pictures(12), SheetPicture("first", red, 9.0)], 0.5)
    where = np.argwhere((sheet == (0, 0, 200)).all(axis=2))
    assert len(where) > 10_000
    assert where[:, 1].max() < WIDTH / 8


@pytest.mark.parametrize("hw", [(48, 64), (256, 64), (32, 1024), (1024, 32)])
def test_the_size_is_bounded_for_any_number_and_shape_of_pictures(hw):
    largest = draw_sheet("web", pictures(MOST_TILES, hw), 0.5).shape
    assert draw_sheet("web", pictures(700, hw), 0.5).shape == largest
    assert largest[0] < 5000


@pytest.mark.parametrize("count", [1, 2, 8, 9, 97])
def test_any_number_of_pictures_makes_a_png(tmp_path: Path, count: int):
    path = tmp_path / "e.sheet.png"
    write_sheet(path, "über " * 60, pictures(count), 0.5, cut=1 if count > 1 else None)
    assert cv2.imread(str(path)).shape[1] == WIDTH
