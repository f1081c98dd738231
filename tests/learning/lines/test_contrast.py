"""The contrast of lines: in the graph, and written literally."""

import cv2
import numpy as np
import pytest
from scipy.ndimage import correlate

from learning.lines.contrast import CELL, DARKEST, ContrastExtractor
from learning.lines.filters import APART, DIRECTIONS, GROUP, REACH, SEGMENTS, STEP, side_kernels

HW = (24, 32)


def extract(*pictures):
    pixels = np.stack([np.asarray(picture, np.uint8) for picture in pictures])
    return ContrastExtractor((pixels.shape[1], pixels.shape[2]), 1).extract(pixels)


def literal(picture):
    """(H, W, 3) uint8 -> (DIRECTIONS, H / CELL, W / CELL), sample by sample in float64."""
    level = np.log(picture.astype(np.float64).mean(axis=2) / 255 + DARKEST)
    return np.concatenate([literal_group(level), literal_group(level.T).swapaxes(1, 2)])


def literal_group(level):
    height, width = level.shape
    grids = np.zeros((GROUP, height // CELL, width // CELL))
    kernels = side_kernels()[:, 0].astype(np.float64)
    for direction in range(GROUP):
        left = correlate(level, kernels[direction], mode="mirror")
        right = correlate(level, kernels[direction + GROUP], mode="mirror")
        samples = np.where(left * right > 0, np.sign(left) * np.minimum(abs(left), abs(right)), 0.0)
        angle = np.pi * (direction - 3.5) / DIRECTIONS
        for y in range(height):
            for column in range(width // CELL):
                contrast = 0.0
                for segment in range(-(SEGMENTS // 2), SEGMENTS // 2 + 1):
                    x = column * CELL + segment * STEP
                    offsets = np.arange(-REACH, REACH + 1)
                    away = offsets - segment * STEP * np.tan(angle)
                    weights = np.exp(-0.5 * (away / 0.7) ** 2)
                    weights /= weights.sum()
                    for offset, weight in zip(offsets, weights, strict=True):
                        if 0 <= y + offset < height and 0 <= x < width:
                            contrast += weight * samples[y + offset, x] / SEGMENTS
                cell = grids[direction, y // CELL]
                cell[column] = max(cell[column], abs(contrast))
    return grids


def test_the_graph_computes_the_contrast_as_it_is_written_literally():
    picture = np.random.default_rng(0).integers(0, 256, (*HW, 3))
    assert extract(picture)[0] == pytest.approx(literal(picture), abs=1e-5)


@pytest.mark.parametrize("level", [60, 200])
@pytest.mark.parametrize("degrees", [0, 17, 45, 80, 90, 130])
def test_a_line_has_the_same_contrast_in_every_direction(degrees, level):
    picture = np.full((96, 96, 3), 120, np.uint8)
    angle = np.radians(degrees)
    x, y = 30 * np.cos(angle), 30 * np.sin(angle)
    ends = [(round(16 * (48 + s * x)), round(16 * (48 + s * y))) for s in (-1, 1)]
    cv2.line(picture, *ends, (level,) * 3, 2, cv2.LINE_AA, 4)
    contrast = extract(picture)[0].max(axis=0)
    assert 0.2 < contrast[5:7, 5:7].max() < 0.8
    assert contrast[:2, :2].max() < 0.02


def test_an_edge_has_no_contrast_but_a_line_on_it_has():
    picture = np.full((96, 96, 3), 60, np.uint8)
    picture[:, 48:] = 180
    edge = extract(picture)[0]
    picture[:, 47:49] = 250
    assert edge.max() < 0.02
    assert extract(picture)[0].max() > 0.08


def test_the_contrast_does_not_depend_on_the_light_or_on_other_pictures():
    dark = np.full((96, 96, 3), 100, np.uint8)
    dark[40:42, 20:70] = 60
    bright, other = np.uint8(2 * dark), np.zeros_like(dark)
    first, second, _ = extract(dark, bright, other)
    assert second.max() == pytest.approx(first.max(), rel=0.1)
    assert np.array_equal(first, extract(dark)[0])


def test_the_surface_beside_a_line_is_outside_of_it():
    kernels = side_kernels()
    assert kernels.shape == (2 * GROUP, 1, 9, 9)
    assert np.abs(kernels.sum(axis=(1, 2, 3))).max() < 1e-6
    assert APART > 2
