"""Conditions that only many pictures show: light that drifts, and dirt on the optics."""

import cv2
import numpy as np
import pytest

from engines.picture_statistics import PictureMeter
from engines.spec_fields import PictureFigure
from inspector.health.dirt import DirtWatch
from inspector.health.drift import LightDrift, drift_limits

HW = (96, 128)
RAILS = np.zeros(HW, np.float32)
RAILS[:10], RAILS[:, 60:63] = 80, -50


def figure(name: str = "brightness", low: float | None = 88.0) -> PictureFigure:
    quantiles = (100.0, 101.0, 102.0, 105.0, 110.0, 115.0, 118.0, 119.0, 120.0)
    return PictureFigure(name, 110.0, 5.0, quantiles, low, 132.0)


def first_drift(values: list[float], frames: int = 20) -> int | None:
    drift = LightDrift([figure()], frames)
    return next((n for n, v in enumerate(values) if drift.see({"brightness": v})), None)


def test_the_limits_of_the_median_are_between_the_good_pictures_and_those_of_a_frame():
    assert drift_limits(figure()) == pytest.approx((96.0, 124.0))


def test_a_slow_change_is_noticed_before_a_frame_is_outside_its_limits():
    light = [110.0 + 0.05 * number for number in range(500)]
    first = first_drift(light)
    assert first is not None
    assert 124.0 < light[first] < 132.0


def test_odd_frames_are_no_drift():
    assert first_drift([131.0 if number % 3 == 0 else 110.0 for number in range(300)]) is None
    assert first_drift([131.0] * 19) is None


def test_a_drift_ends_when_the_light_is_back():
    drift = LightDrift([figure("red_green")], 20)
    symptoms = [drift.see({"red_green": value}) for value in [130.0] * 30 + [110.0] * 30]
    assert [s is None for s in symptoms] == [True] * 19 + [False] * 26 + [True] * 15
    assert symptoms[19].value == 130.0
    assert symptoms[19].limit == pytest.approx(124.0)
    assert "more red" in symptoms[19].sentence


def test_figures_without_limits_are_left_out():
    drift = LightDrift([figure(low=None), figure("sharpness")], 5)
    assert all(drift.see({"sharpness": 1.0}) is None for _ in range(20))


def web(seed: int, sigma: float = 2.0) -> np.ndarray:
    """A part of a moving texture behind fixed rails, (h, w) float32."""
    noise = np.random.default_rng(seed).standard_normal(HW, np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), sigma) if sigma else noise
    return 120 + RAILS + 8 * noise / noise.std()


def pixels(plane: np.ndarray, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng((1, seed)).standard_normal(HW, np.float32)
    grey = np.clip(np.rint(plane + 2 * noise), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def spotted(plane: np.ndarray) -> np.ndarray:
    spot = cv2.circle(np.zeros(HW, np.float32), (90, 40), 4, 1.0, -1)
    return plane * (1 - 0.3 * cv2.GaussianBlur(spot, (0, 0), 1.0))


@pytest.fixture(scope="module")
def background() -> np.ndarray:
    views = [pixels(web(1000 + seed), seed)[..., 0] for seed in range(40)]
    return np.rint(np.mean(views, axis=0)).astype(np.uint8)


def watch(background: np.ndarray, frames: list[np.ndarray], views: int = 25):
    meter = PictureMeter()
    dirt = DirtWatch(meter.band_pass(background), 40, views=views)
    return [dirt.see(meter.look(each)) for each in frames]


def test_a_spot_that_stays_while_the_product_moves_is_dirt(background):
    frames = [pixels(spotted(web(n)), n) for n in range(60)]
    symptoms = watch(background, frames)
    assert [symptom is None for symptom in symptoms] == [True] * 49 + [False] * 11
    assert "71% of the width and 42% of the height" in symptoms[-1].sentence
    assert "darker" in symptoms[-1].sentence
    assert symptoms[-1].value > symptoms[-1].limit


def test_dirt_ends_when_the_spot_is_gone(background):
    frames = [pixels(spotted(web(n)), n) for n in range(50)]
    frames += [pixels(web(100 + n), n) for n in range(30)]
    symptoms = watch(background, frames)
    assert symptoms[60] is not None
    assert symptoms[-1] is None


def test_a_fixed_background_is_no_dirt(background):
    for factor in (1.0, 1.15):
        frames = [pixels(web(n) * factor, n) for n in range(80)]
        assert not any(watch(background, frames))


def test_a_defect_on_a_product_that_stands_still_is_no_dirt(background):
    standing = spotted(web(5))
    assert not any(watch(background, [pixels(standing, n) for n in range(80)]))


def test_a_defect_on_a_product_without_texture_is_no_dirt():
    flat = np.full(HW, 150, np.float32)
    frames = [pixels(spotted(flat), n) for n in range(80)]
    assert not any(watch(np.full(HW, 150, np.uint8), frames))


def test_a_defect_that_moves_is_no_dirt(background):
    frames = [
        pixels(web(n) - 60 * np.roll(spotted(np.ones(HW, np.float32)) < 0.9, 7 * n, axis=1), n)
        for n in range(80)
    ]
    assert not any(watch(background, frames))
