"""Matches measured regions with rendered defects by their position."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from inspector.core.geometry import Points
from inspector.synthetic.rendered_defects import RenderedDefect
from inspector.synthetic.web import VisibleDefect


@dataclass(frozen=True, slots=True)
class MeasuredRegion:
    """One measured region of one frame. polygons: outer outlines in frame pixels.
    length_expanded_u_mm: expanded uncertainty U of the length; None if unknown."""

    polygons: tuple[Points, ...]
    area_mm2: float
    length_mm: float
    width_mm: float
    size_source: str
    length_expanded_u_mm: float | None = None

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "MeasuredRegion":
        """Reads one entry of `defects` in inspections.jsonl of a run with a calibration."""
        outlines = record["polygons"]
        outer = outlines[: len(outlines) - record["holes"]]
        return cls(
            tuple(np.array(outline, np.float64) for outline in outer),
            record["area_mm2"],
            record["length_mm"],
            record["width_mm"],
            record["size_source"],
            record.get("length_expanded_u_mm"),
        )


@dataclass(frozen=True, slots=True)
class Sighting:
    """A rendered defect in one frame.

    regions: the measured regions on the defect, the largest overlap first; empty if it was missed.
    """

    frame_id: int
    visible: VisibleDefect
    off_centre_px: float
    regions: tuple[MeasuredRegion, ...]


@dataclass(slots=True)
class Track:
    """A rendered defect in all frames that show a part of it."""

    truth: RenderedDefect
    sightings: list[Sighting] = field(default_factory=list)

    @property
    def complete(self) -> list[Sighting]:
        """The sightings that show all of it, nearest to the centre of the picture first."""
        complete = (sighting for sighting in self.sightings if sighting.visible.complete)
        return sorted(complete, key=lambda sighting: sighting.off_centre_px)

    @property
    def best(self) -> Sighting | None:
        """The first of `complete` in which the defect was detected. None if there is none."""
        return next((sighting for sighting in self.complete if sighting.regions), None)


@dataclass(frozen=True, slots=True)
class TruthComparison:
    """tracks: by web_id. false: (frame id, region) of each region on no rendered defect."""

    tracks: dict[int, Track]
    false: list[tuple[int, MeasuredRegion]]


def compare(
    frames: Iterable[tuple[int, Sequence[VisibleDefect], Sequence[MeasuredRegion]]],
    frame_hw: tuple[int, int],
    tolerance_px: float,
) -> TruthComparison:
    """Assigns every region to the rendered defect with the largest overlap.

    frames: (frame id, visible defects, measured regions). tolerance_px: a region at most this many
    pixels away from a defect still counts as on it.
    """
    tracks: dict[int, Track] = {}
    false: list[tuple[int, MeasuredRegion]] = []
    for frame_id, visible, regions in frames:
        assigned: dict[int, list[tuple[float, MeasuredRegion]]] = {
            candidate.web_id: [] for candidate in visible
        }
        for region in regions:
            overlaps = [
                (_overlap_px(region, candidate.defect, tolerance_px), candidate)
                for candidate in visible
            ]
            largest, owner = max(overlaps, key=lambda pair: pair[0], default=(0.0, None))
            if owner is None or largest == 0:
                false.append((frame_id, region))
            else:
                assigned[owner.web_id].append((largest, region))
        for candidate in visible:
            ordered = sorted(assigned[candidate.web_id], key=lambda pair: -pair[0])
            off = _off_centre_px(candidate.defect, frame_hw)
            track = tracks.setdefault(candidate.web_id, Track(candidate.defect))
            track.sightings.append(
                Sighting(frame_id, candidate, off, tuple(region for _, region in ordered))
            )
    return TruthComparison(tracks, false)


def _off_centre_px(defect: RenderedDefect, frame_hw: tuple[int, int]) -> float:
    dx, dy = defect.centroid[0] - frame_hw[1] / 2, defect.centroid[1] - frame_hw[0] / 2
    return float(np.hypot(dx, dy))


def _overlap_px(region: MeasuredRegion, defect: RenderedDefect, tolerance_px: float) -> float:
    """Number of pixels of the region inside the true outline widened by the tolerance."""
    x0, y0, x1, y1 = defect.bounds
    left, top = int(np.floor(x0 - tolerance_px)) - 1, int(np.floor(y0 - tolerance_px)) - 1
    right, bottom = int(np.ceil(x1 + tolerance_px)) + 1, int(np.ceil(y1 + tolerance_px)) + 1
    corners = np.concatenate(region.polygons)
    low, high = corners.min(axis=0), corners.max(axis=0)
    if low[0] > right or low[1] > bottom or high[0] < left or high[1] < top:
        return 0.0
    hw = bottom - top, right - left
    true = _fill([defect.polygon], (left, top), hw)
    size = 2 * int(np.ceil(tolerance_px)) + 1
    wide = cv2.dilate(true, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    measured = _fill(region.polygons, (left, top), hw)
    return float(np.count_nonzero(wide & measured))


def _fill(
    polygons: Sequence[Points], origin: tuple[int, int], hw: tuple[int, int]
) -> np.typing.NDArray[np.uint8]:
    canvas = np.zeros(hw, np.uint8)
    for polygon in polygons:
        # cv2 has (0, 0) at the centre of the first pixel, this program at its corner.
        shifted = np.rint((polygon - np.array(origin) - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(canvas, [shifted], 1, shift=4)
    return canvas
