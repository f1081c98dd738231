"""Connected regions of a truth mask, and the share of each that an anomaly map shows."""

import math
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

NEAR: Final = BORDER_BAND
"""Share of the map height and width by which the box of a truth region is grown on each side. What
lies inside is near: the map of a defect is wider than the defect, see BORDER_BAND."""

MIN_NEAR: Final = 0.5
"""Smallest share of a marked region that must be near truth regions. A map that marks the whole
picture shows no defect."""

MIN_SHOWN: Final = 0.1
"""Smallest share of a truth region that marked regions must cover."""

DETECTION_RULE: Final = (
    f"a defect region is found if marked regions cover at least {MIN_SHOWN:.0%} of its pixels. A "
    "marked region is a connected part of the map at or above the pixel threshold. It counts if at "
    f"least {MIN_NEAR:.0%} of it lies near defect regions, in their boxes grown by {NEAR:.0%} of "
    "the map on each side"
)


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
    peak: highest map value in it. shown: share of its pixels in marked regions that lie near truth
    regions, see DETECTION_RULE.
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
        """Whether the map shows it, see DETECTION_RULE."""
        return self.shown >= MIN_SHOWN


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
    marked = _marked_near(anomaly_map, inside, pixel_threshold, labels.boxes_px)
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
                shown=float(np.count_nonzero(marked[y0:y1, x0:x1][region]) / size),
            )
        )
    return regions


def _marked_near(
    anomaly_map: Map,
    inside: Mask | None,
    pixel_threshold: float,
    boxes_px: npt.NDArray[np.int64],
) -> Mask:
    """(h, w) bool: the marked regions of which at least MIN_NEAR lies near the boxes."""
    marked = anomaly_map >= np.float32(pixel_threshold)
    if inside is not None:
        marked &= inside
    near = np.zeros(marked.shape, bool)
    height, width = anomaly_map.shape
    margin_y, margin_x = math.ceil(NEAR * height), math.ceil(NEAR * width)
    for x0, y0, x1, y1 in boxes_px.tolist():
        top, left = max(y0 - margin_y, 0), max(x0 - margin_x, 0)
        near[top : y1 + margin_y, left : x1 + margin_x] = True
    count, image = cv2.connectedComponents(marked.view(np.uint8), connectivity=8)
    sizes, near_sizes = (np.bincount(image[part], minlength=count) for part in (marked, near))
    counts = near_sizes >= MIN_NEAR * sizes
    counts[0] = False
    return np.asarray(counts[image])


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
