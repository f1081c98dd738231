"""Connected regions of a truth mask, and the share of each that an anomaly map shows."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Map, Mask
from inspector.core.errors import DataError

SMALL_BELOW: Final = 1e-3
"""Share of the inspected area: below 0.1 % a region is at most 8 x 8 px of a 256 x 256 map, four
cells of stride 4 or one of stride 8: about the smallest that a feature of a backbone can show."""

LARGE_FROM: Final = 1e-2
"""Share of the inspected area: from 1 %, 26 x 26 px of 256 x 256, a person sees it at a glance."""

BORDER_BAND: Final = 0.05
"""Share of the inspected height and width, on each side: 13 px of 256, what the zero padding of a
backbone at stride 8 to 16 and the smoothing of the map reach into."""


class SizeGroup(StrEnum):
    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class Place(StrEnum):
    BORDER = "border"
    CENTRE = "centre"


@dataclass(frozen=True, slots=True)
class TruthRegion:
    """share: of the inspected area. box_px: half-open (x0, y0, x1, y1) on the grid of the map.

    place: BORDER if the region touches the outer BORDER_BAND of the inspected box.
    peak: highest map value in it. shown: share of its pixels at or above the pixel threshold.
    """

    size_px: int
    share: float
    box_px: tuple[int, int, int, int]
    size: SizeGroup
    place: Place
    peak: float
    shown: float

    @property
    def detected(self) -> bool:
        """At least one of its pixels is at or above the pixel threshold."""
        return self.shown > 0


@dataclass(frozen=True, slots=True)
class Labels:
    """image: (h, w) int32, 0 outside all regions, 1 to n inside; the rest has one entry each."""

    image: npt.NDArray[np.int32]
    sizes_px: npt.NDArray[np.int64]
    boxes_px: npt.NDArray[np.int64]
    inspected_px: int
    inspected_box_px: tuple[int, int, int, int]

    def group(self, index: int) -> tuple[SizeGroup, Place]:
        return self.size(index), self.place(index)

    def size(self, index: int) -> SizeGroup:
        share = self.sizes_px[index] / self.inspected_px
        if share < SMALL_BELOW:
            return SizeGroup.SMALL
        return SizeGroup.LARGE if share >= LARGE_FROM else SizeGroup.MEDIUM

    def place(self, index: int) -> Place:
        x0, y0, x1, y1 = self.inspected_box_px
        band_x, band_y = BORDER_BAND * (x1 - x0), BORDER_BAND * (y1 - y0)
        left, top, right, bottom = self.boxes_px[index]
        outer = left < x0 + band_x or right > x1 - band_x
        outer |= top < y0 + band_y or bottom > y1 - band_y
        return Place.BORDER if outer else Place.CENTRE


def label(truth: Mask, inside: Mask | None) -> Labels:
    """8-connected regions of the part of the truth that is inside; None: all is inspected."""
    seen = truth if inside is None else truth & inside
    count, image, stats, _ = cv2.connectedComponentsWithStats(
        np.ascontiguousarray(seen).view(np.uint8), connectivity=8, ltype=cv2.CV_32S
    )
    stats = stats[1:count].astype(np.int64)
    corners = stats[:, :2]
    boxes = np.hstack([corners, corners + stats[:, 2:4]])
    inspected = truth.size if inside is None else int(np.count_nonzero(inside))
    return Labels(image, stats[:, cv2.CC_STAT_AREA], boxes, inspected, _box(truth, inside))


def measure_regions(
    anomaly_map: Map, truth: Mask, inside: Mask | None, pixel_threshold: float
) -> list[TruthRegion]:
    """The regions of one picture from top to bottom. inside: what is inspected, None for all."""
    check(anomaly_map, truth, inside)
    labels = label(truth, inside)
    regions = []
    for index, (size, box) in enumerate(zip(labels.sizes_px, labels.boxes_px, strict=True)):
        x0, y0, x1, y1 = (int(edge) for edge in box)
        region = labels.image[y0:y1, x0:x1] == index + 1
        values = anomaly_map[y0:y1, x0:x1][region]
        regions.append(
            TruthRegion(
                size_px=int(size),
                share=float(size / labels.inspected_px),
                box_px=(x0, y0, x1, y1),
                size=labels.size(index),
                place=labels.place(index),
                peak=float(values.max()),
                shown=float(np.count_nonzero(values >= pixel_threshold) / size),
            )
        )
    return regions


def check(anomaly_map: Map, truth: Mask | None, inside: Mask | None) -> None:
    """Raises DataError for masks of another size and for values that are not finite."""
    for name, mask in (("truth mask", truth), ("region of interest", inside)):
        if mask is not None and mask.shape != anomaly_map.shape:
            raise DataError(f"{name} of {mask.shape} does not fit the map of {anomaly_map.shape}")
    bad = int(np.count_nonzero(~np.isfinite(anomaly_map)))
    if bad:
        raise DataError(f"{bad} of {anomaly_map.size} values of the anomaly map are not finite")


def _box(truth: Mask, inside: Mask | None) -> tuple[int, int, int, int]:
    height, width = truth.shape
    if inside is None or not inside.any():
        return 0, 0, width, height
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
