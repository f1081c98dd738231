"""Masks of defects on the grid of an engine's anomaly map."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from engines.resize import crop_box
from engines.spec import EngineSpec
from inspector.core.arrays import Mask

Shares = npt.NDArray[np.float64]

NEIGHBOURS: Final = 8
"""Pixels that touch at a corner belong to one region, as in the MVTec evaluation."""

ROUNDING: Final = 1e-9
"""Of a share of a map pixel."""

RULES: Final = {
    "nearest": "a map pixel is defective where the mask is at its centre",
    "half": "a map pixel is defective where the mask covers at least half of it",
    "any": "a map pixel is defective where the mask covers any of it",
}


@dataclass(frozen=True, slots=True)
class Truth:
    """One mask as the engine sees it.

    mask: (h, w) of the map, also outside the inspected region. regions: of the whole
    mask. vanished: of these, regions without a pixel in a defective map pixel. outside: regions
    beyond the engine's crop, or without a pixel in a defective map pixel that is inspected.
    """

    mask: Mask
    regions: int
    vanished: int
    outside: int


def truth_on_map(drawn: Mask, spec: EngineSpec, rule: str, inside: Mask) -> Truth:
    """drawn: (H, W) of the frame. rule: one of RULES. inside: (h, w), what is inspected."""
    x0, y0, x1, y1 = crop_box(spec.resize, (drawn.shape[0], drawn.shape[1]))
    _, labels = cv2.connectedComponents(drawn.astype(np.uint8), connectivity=NEIGHBOURS)
    seen = labels[y0:y1, x0:x1]
    mask = _resized(seen > 0, spec.map_hw, rule)
    regions = _present(seen, np.ones(spec.map_hw, bool))
    on_map = _present(seen, mask)
    inspected = _present(seen, mask & inside)
    beyond = int(labels.max()) - regions
    return Truth(mask, regions + beyond, regions - on_map, on_map - inspected + beyond)


def _resized(mask: Mask, map_hw: tuple[int, int], rule: str) -> Mask:
    if rule == "nearest":
        rows, columns = (
            np.minimum(((np.arange(cells) + 0.5) * size / cells).astype(np.intp), size - 1)
            for cells, size in zip(map_hw, mask.shape, strict=True)
        )
        return mask[rows[:, None], columns]
    down, across = (_overlaps(*pair) for pair in zip(map_hw, mask.shape, strict=True))
    share = down @ mask @ across.T
    return share >= 0.5 - ROUNDING if rule == "half" else share > ROUNDING


@lru_cache(maxsize=8)
def _overlaps(cells: int, size: int) -> Shares:
    """(cells, size): share of each cell that each of `size` pixels covers along one axis."""
    edges = np.arange(cells + 1) * (size / cells)
    pixels = np.arange(size)
    low = np.maximum(edges[:-1, None], pixels)
    high = np.minimum(edges[1:, None], pixels + 1)
    return np.maximum(high - low, 0) * (cells / size)


def _present(labels: npt.NDArray[np.int32], on_map: Mask) -> int:
    """How many regions have a pixel whose centre lies in one of the map pixels `on_map`."""
    rows, columns = (
        ((np.arange(size) + 0.5) * cells / size).astype(np.intp)
        for cells, size in zip(on_map.shape, labels.shape, strict=True)
    )
    found = np.unique(labels[on_map[rows[:, None], columns]])
    return int((found > 0).sum())
