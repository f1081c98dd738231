"""The decision between manifold and hypersphere."""

import numpy as np
import pytest

from inspector.core.errors import ConfigError
from learning.methods.glass.training.distribution import (
    _judge_spectrum,
    is_hypersphere,
    judge,
    mean_picture,
)


def pictures(value, count=3, hw=(64, 96)):
    return np.full((count, *hw, 3), value, np.uint8)


def ringed():
    """A small bright disc on black: a spectrum that is strong all around its centre."""
    y, x = np.mgrid[:288, :288]
    disc = np.hypot(y - 144, x - 144) < 30
    return np.repeat((255 * disc[None, :, :, None]).astype(np.uint8), 3, axis=3)


def test_pictures_of_one_level_are_a_manifold():
    judgement = judge(pictures(120))
    assert not judgement.hypersphere
    assert judgement.points == 1
    assert judgement.radius == 0


def test_the_judgement_follows_the_formulas():
    """Computes the formulas again, on the spectrum of the same mean picture."""
    import cv2

    data = ringed()
    gray = cv2.cvtColor(cv2.resize(mean_picture(data), (289, 289)), cv2.COLOR_RGB2GRAY)
    both = cv2.dft(cv2.blur(gray, (39, 39)).astype(np.float32), flags=cv2.DFT_COMPLEX_OUTPUT)
    shifted = np.fft.fftshift(both, axes=(0, 1))
    strong = 20 * np.log(cv2.magnitude(shifted[:, :, 0], shifted[:, :, 1]) + 1e-30) > 170
    points = np.argwhere(strong)
    away = np.abs(points - 144)
    sides = np.maximum(away.max(axis=0), 1)
    judgement = judge(data)
    assert abs(judgement.points - len(points)) <= 2
    assert judgement.radius == pytest.approx(np.hypot(*away.T).max(), abs=1)
    assert judgement.l1_density == pytest.approx(len(points) / (4 * sides[0] * sides[1]), rel=0.1)


def test_many_strong_points_near_the_centre_are_a_hypersphere_and_a_thin_cross_is_not():
    y, x = np.mgrid[-144:145, -144:145]
    disc = np.hypot(y, x) <= 20
    assert _judge_spectrum(disc).hypersphere
    assert _judge_spectrum(disc).l2_density == pytest.approx(1, abs=0.01)
    cross = ((y == 0) | (x == 0)) & (np.hypot(y, x) <= 40)
    assert not _judge_spectrum(cross).hypersphere
    assert not _judge_spectrum(np.hypot(y, x) <= 12).hypersphere


def test_the_mean_weighs_every_batch_of_eight_alike():
    data = np.concatenate([pictures(10, 8), pictures(50, 1)])
    assert (mean_picture(data) == 30).all()


def test_a_word_overrules_the_judgement_and_an_unknown_one_is_refused():
    assert is_hypersphere("hypersphere", pictures(120))
    assert not is_hypersphere("manifold", pictures(120))
    assert not is_hypersphere("auto", pictures(120))
    with pytest.raises(ConfigError, match="auto, manifold, hypersphere"):
        is_hypersphere("sphere", pictures(120))
