"""Resizes the defect masks of a data set to the resolution of an engine's anomaly map."""

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

CONNECTIVITY: Final = 8
"""Pixels that touch at a corner belong to the same region, as in the MVTec evaluation."""

ROUNDING: Final = 1e-9
"""Rounding error of a share of a map pixel."""

MASK_RULES: Final = {
    "nearest": "a map pixel is defective if the mask is defective at its centre",
    "half": "a map pixel is defective if the mask covers at least half of it",
    "any": "a map pixel is defective if the mask covers any part of it",
}
"""Name of the rule -> sentence for the report."""


@dataclass(frozen=True, slots=True)
class TruthMask:
    """A mask at the resolution of the map.

    mask: (h, w) bool, true for defective map pixels, also outside the inspected area.
    regions: number of defect regions in the full-size mask. vanished: regions that are too small
    to have a defective map pixel. outside: regions outside the engine's crop, or whose defective
    map pixels are all outside the inspected area.
    """

    mask: Mask
    regions: int
    vanished: int
    outside: int


def to_map_resolution(frame_mask: Mask, spec: EngineSpec, rule: str, inspected: Mask) -> TruthMask:
    """frame_mask: (H, W) bool of the frame. rule: a key of MASK_RULES. inspected: (h, w) bool of
    the map, see evaluation.inference.inspected_area."""
    x0, y0, x1, y1 = crop_box(spec.resize, (frame_mask.shape[0], frame_mask.shape[1]))
    _, labels = cv2.connectedComponents(frame_mask.astype(np.uint8), connectivity=CONNECTIVITY)
    cropped = labels[y0:y1, x0:x1]
    mask = _resize(cropped > 0, spec.map_hw, rule)
    in_crop = _count_regions(cropped, np.ones(spec.map_hw, bool))
    on_map = _count_regions(cropped, mask)
    in_area = _count_regions(cropped, mask & inspected)
    cut_off = int(labels.max()) - in_crop
    return TruthMask(mask, in_crop + cut_off, in_crop - on_map, on_map - in_area + cut_off)


def _resize(mask: Mask, map_hw: tuple[int, int], rule: str) -> Mask:
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
    """(cells, size) float64: the share of each cell that each pixel covers, along one axis."""
    edges = np.arange(cells + 1) * (size / cells)
    pixels = np.arange(size)
    low = np.maximum(edges[:-1, None], pixels)
    high = np.minimum(edges[1:, None], pixels + 1)
    return np.maximum(high - low, 0) * (cells / size)


def _count_regions(labels: npt.NDArray[np.int32], map_mask: Mask) -> int:
    """Number of regions with a pixel whose centre lies in a true pixel of map_mask."""
    rows, columns = (
        ((np.arange(size) + 0.5) * cells / size).astype(np.intp)
        for cells, size in zip(map_mask.shape, labels.shape, strict=True)
    )
    present = np.unique(labels[map_mask[rows[:, None], columns]])
    return int((present > 0).sum())
