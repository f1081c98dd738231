"""Tests of the quilted texture."""

import cv2
import numpy as np
import pytest

from inspector.synthetic.quilt import quilt


def noise(seed: int, hw: tuple[int, int] = (60, 80)) -> np.ndarray:
    rough = np.random.default_rng(seed).uniform(0, 255, (*hw, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(rough, (0, 0), 2)
    return np.clip(128 + 6 * (smooth - 127), 0, 255).astype(np.uint8)


def seams(texture: np.ndarray) -> float:
    return float(np.quantile(np.abs(np.diff(texture.astype(int), axis=1)), 0.999))


def test_it_has_the_requested_size_and_only_colours_of_the_photographs() -> None:
    first, second = noise(1), noise(2)
    texture = quilt([first, second], (150, 201), np.random.default_rng(0), block=24, overlap=8)
    assert texture.shape == (150, 201, 3)
    known = {tuple(c) for image in (first, second) for c in image.reshape(-1, 3)}
    assert {tuple(c) for c in texture.reshape(-1, 3)} <= known


def test_cuts_are_softer_than_blocks_laid_side_by_side() -> None:
    photograph = noise(3)
    rng = np.random.default_rng(0)
    quilted = quilt([photograph], (160, 160), rng, block=24, overlap=8)
    offsets = rng.integers(0, 40, (10, 10, 2))
    rows = [
        np.concatenate([photograph[y : y + 16, x : x + 16] for y, x in row], axis=1)
        for row in offsets
    ]
    assert seams(quilted) < 0.75 * seams(np.concatenate(rows, axis=0))


def test_the_same_seed_gives_the_same_texture() -> None:
    textures = [quilt([noise(1)], (90, 90), np.random.default_rng(s), block=24) for s in (5, 5, 6)]
    assert np.array_equal(textures[0], textures[1])
    assert not np.array_equal(textures[0], textures[2])


def test_blocks_larger_than_a_photograph_are_refused() -> None:
    with pytest.raises(ValueError, match="blocks of 48 px do not fit into 40 px"):
        quilt([noise(1), noise(2, (40, 90))], (90, 90), np.random.default_rng(0))
