"""Warnings about tilt and distortion, only from what a picture really shows."""

import cv2
import numpy as np
import pytest

from benchmarks.board_pictures import Camera, charuco, checkerboard, photograph, pose
from calibration.uneven_scale import describe_uneven_scale
from inspector.core.arrays import Image


def plate(corners: list[tuple[int, int]]) -> Image:
    """Texture with a bright plate that has a window."""
    texture = np.full((900, 1500), 60, np.uint8)
    cv2.fillPoly(texture, [np.array(corners, np.int32)], (180,))
    cv2.rectangle(texture, (500, 300), (1100, 600), (90,), -1)
    return texture


RECTANGLE = plate([(100, 100), (1400, 100), (1400, 800), (100, 800)])


@pytest.mark.parametrize(
    ("barrel", "words"),
    [(0.03, "% of barrel"), (0.1, "% of barrel"), (-0.05, "% of pincushion")],
)
def test_bent_edges_suggest_distortion(barrel: float, words: str) -> None:
    image = photograph(RECTANGLE, Camera(barrel=barrel), pose(10.0, distance_mm=170.0))
    (sentence,) = describe_uneven_scale(image)
    assert words in sentence
    assert "If they are straight on the product" in sentence
    stated = float(sentence.split(" with ")[1].split(" %")[0])
    assert stated == pytest.approx(100 * abs(barrel), rel=0.2)


@pytest.mark.parametrize("tilt", [0.0, 20.0])
def test_straight_edges_show_nothing_also_if_the_camera_is_tilted(tilt: float) -> None:
    assert (
        describe_uneven_scale(photograph(RECTANGLE, Camera(), pose(tilt, distance_mm=170.0))) == []
    )


def test_a_product_with_a_round_side_is_not_a_lens() -> None:
    arc = [
        (round(700 + 600 * np.cos(a)), round(450 + 420 * np.sin(a)))
        for a in np.arange(0, 6.3, 0.02)
    ]
    assert describe_uneven_scale(photograph(plate(arc), Camera(), pose(distance_mm=170.0))) == []
    half = [
        (100, 100),
        (1400, 100),
        *((x, round(800 - 60 * ((x - 750) / 650) ** 2)) for x in range(1400, 99, -20)),
    ]
    assert describe_uneven_scale(photograph(plate(half), Camera(), pose(distance_mm=170.0))) == []


def test_a_texture_shows_nothing() -> None:
    noise = np.random.default_rng(1).normal(120, 40, (720, 1280))
    soft = cv2.GaussianBlur(noise, (0, 0), 3) * 3 - 240
    image = np.repeat(np.clip(soft, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    assert describe_uneven_scale(image) == []


@pytest.mark.parametrize(("tilt", "barrel"), [(15.0, 0.0), (0.0, 0.08)])
def test_a_checkerboard_shows_tilt_and_distortion(tilt: float, barrel: float) -> None:
    plane = pose(tilt, distance_mm=200.0)
    sentences = describe_uneven_scale(photograph(checkerboard(9, 6), Camera(barrel=barrel), plane))
    assert "its checkerboard shows that the scale differs by" in sentences[0]
    assert (
        describe_uneven_scale(photograph(checkerboard(9, 6), Camera(), pose(distance_mm=200.0)))
        == []
    )


def test_markers_of_any_dictionary_show_tilt() -> None:
    texture = charuco(9, 6, 7.0, markers="6X6_50")
    texture[::2] = texture[::2] // 2 + 60  # no checkerboard for the other check
    tilted = photograph(texture, Camera(), pose(25.0, distance_mm=220.0))
    assert any("the sides of its 27 markers" in text for text in describe_uneven_scale(tilted))
    level = photograph(texture, Camera(), pose(distance_mm=220.0))
    assert not any("markers" in text for text in describe_uneven_scale(level))
