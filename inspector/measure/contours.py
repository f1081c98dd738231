"""Finds the regions of an anomaly map at or above a threshold, with sub-pixel outlines."""

from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt
from contourpy import FillType, contour_generator

from inspector.core.arrays import Map
from inspector.core.geometry import Box, Points

_Filled = tuple[list[Points], list[npt.NDArray[np.uint32]]]


@dataclass(frozen=True, slots=True)
class MapRegion:
    """polygons: outer polygons first, then holes, in map pixels; (0, 0) is the corner of the map.
    holes: number of holes."""

    polygons: tuple[Points, ...]
    holes: int

    @property
    def outer(self) -> Points:
        """The vertices of all outer polygons, (n, 2)."""
        return np.concatenate(self.polygons[: len(self.polygons) - self.holes])


def find_regions(anomaly_map: Map, threshold: float) -> tuple[MapRegion, ...]:
    """Finds where the map is at or above the threshold, in map pixels.

    A region that reaches the border of the map ends there.
    """
    above = anomaly_map >= threshold
    columns, rows = np.flatnonzero(above.any(axis=0)), np.flatnonzero(above.any(axis=1))
    if not len(rows):
        return ()
    height, width = anomaly_map.shape
    x0, x1 = max(int(columns[0]) - 1, 0), min(int(columns[-1]) + 2, width)
    y0, y1 = max(int(rows[0]) - 1, 0), min(int(rows[-1]) + 2, height)
    return trace_regions(anomaly_map[y0:y1, x0:x1], threshold, origin=(x0, y0))


def trace_regions(
    values: npt.NDArray[np.float32], level: float, *, origin: tuple[int, int] = (0, 0)
) -> tuple[MapRegion, ...]:
    """Finds where a grid is at or above a level. origin: (x, y) of the first value on the grid.

    A value belongs to the middle of its pixel, so outlines are shifted by half a pixel. The border
    values are repeated once: otherwise a region at the border would end in the middle of its last
    pixel.
    """
    padded = cv2.copyMakeBorder(values, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    generator = contour_generator(z=padded, name="serial", fill_type=FillType.OuterOffset)
    # The type that filled() returns depends on fill_type. Type hints cannot express this.
    chains, offsets = cast(_Filled, generator.filled(level, np.inf))
    limit = np.array((values.shape[1], values.shape[0]), dtype=np.float64)
    shift = np.array(origin, dtype=np.float64)
    regions = []
    for chain, ends in zip(chains, offsets, strict=True):
        places = np.clip(chain - 0.5, 0.0, limit) + shift
        rings = [places[a : b - 1] for a, b in pairwise(ends.tolist())]
        regions.append(MapRegion(tuple(rings), holes=len(rings) - 1))
    return tuple(regions)


def open_map(anomaly_map: Map, opening_px: int) -> Map:
    """Removes what is narrower than opening_px map pixels, by a grey opening with a disc. At every
    threshold this opens the regions of the map."""
    if opening_px <= 1:
        return anomaly_map
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (opening_px, opening_px))
    return np.asarray(cv2.morphologyEx(anomaly_map, cv2.MORPH_OPEN, disc), dtype=np.float32)


def score_region(anomaly_map: Map, region: MapRegion) -> tuple[float, float]:
    """Peak and mean of the map over the pixels that a region touches."""
    height, width = anomaly_map.shape
    low = np.floor(region.outer.min(axis=0)).astype(int)
    high = np.ceil(region.outer.max(axis=0)).astype(int)
    x0, y0 = np.clip(low, 0, (width - 1, height - 1)).tolist()
    x1, y1 = np.clip(high, (x0 + 1, y0 + 1), (width, height)).tolist()
    inside = paint(region.polygons, (x0, y0, x1, y1)).astype(bool)
    scores = anomaly_map[y0:y1, x0:x1][inside]
    return float(scores.max()), float(scores.mean(dtype=np.float64))


def paint(polygons: tuple[Points, ...], box: Box) -> npt.NDArray[np.uint8]:
    """Paints polygons into a box (x0, y0, x1, y1).

    The result is (h, w) uint8: 1 inside an odd number of the polygons and on their edges, else 0.
    """
    x0, y0, x1, y1 = box
    mask = np.zeros((max(y1 - y0, 1), max(x1 - x0, 1)), dtype=np.uint8)
    shift = np.array((x0, y0)) + 0.5
    rings = [np.rint((p - shift) * 16).astype(np.int32) for p in polygons]
    cv2.fillPoly(mask, rings, 1, lineType=cv2.LINE_8, shift=4)
    return mask
