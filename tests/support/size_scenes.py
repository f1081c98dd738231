"""Pictures with composed, soft and very thin defects, by averaging 8x8 samples of each pixel."""

from collections.abc import Sequence

import cv2
import numpy as np
from measure_scenes import FRAME_HW, swollen, texture

from inspector.core.arrays import Image, Map
from inspector.core.geometry import Points
from inspector.measure import shape

FINENESS = 8
BLUR_PX = 0.6


def cover(polygons: Sequence[Points]) -> Map:
    """Covered share of each pixel by the union of polygons."""
    height, width = FRAME_HW
    mask = np.zeros((height * FINENESS, width * FINENESS), np.uint8)
    for polygon in polygons:
        places = np.rint((polygon * FINENESS - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(mask, [places], 1, shift=4)
    small = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def paint_defect(surface: Image, layers: Sequence[tuple[Map, float]], seed: int = 0) -> Image:
    """Multiplies the surface by each gain where it is covered, blurs like a lens and adds noise."""
    picture = surface.astype(np.float32)
    for covered, gain in layers:
        picture *= 1 + covered[..., None] * np.float32(gain - 1)
    picture = cv2.GaussianBlur(picture, (0, 0), BLUR_PX)
    picture += np.random.default_rng(seed).normal(0, 1.0, picture.shape)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def plain(seed: int) -> Image:
    """A nearly even surface."""
    return texture(seed, grain=1.5, contrast=2.0)


def weave(seed: int) -> Image:
    """Threads in two colours, over and under each other."""
    rows, columns = np.mgrid[0 : FRAME_HW[0], 0 : FRAME_HW[1]].astype(np.float32)
    rows, columns = rows / 13.0, columns / 16.0
    over = (np.floor(rows) + np.floor(columns)) % 2 == 0
    across = np.where(over, rows % 1, columns % 1)
    shade = np.clip(1.6 * np.sin(np.pi * across), 0.55, 1.0)[..., None]
    colours = np.where(over[..., None], (120.0, 140.0, 160.0), (170.0, 130.0, 95.0))
    noise = np.random.default_rng(seed).normal(0, 2.0, (*FRAME_HW, 1))
    return np.clip(colours * shade + noise, 0, 255).astype(np.uint8)


def map_of(polygons: Sequence[Points]) -> Map:
    """The map of an engine for defects in these places."""
    return swollen(cover(polygons))


def true_sizes(polygons: Sequence[Points]) -> tuple[float, float, float]:
    """Area, length and width of the union of polygons, in pixels."""
    points = np.concatenate(list(polygons))
    area = float(cover(polygons).sum(dtype=np.float64))
    return area, shape.max_feret(points)[0], shape.min_feret(points)
