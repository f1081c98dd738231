"""Compares what was measured with what was rendered, by place and not by size."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from inspector.core.geometry import Points
from inspector.synthetic.rendered_defects import RenderedDefect
from inspector.synthetic.web import VisibleDefect


@dataclass(frozen=True, slots=True)
class Finding:
    """One measured region of one frame. polygons: outer outlines, frame pixels."""

    polygons: tuple[Points, ...]
    area_mm2: float
    length_mm: float
    width_mm: float
    size_source: str

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Finding":
        """From one entry of `defects` in inspections.jsonl of a run with a calibration."""
        outlines = record["polygons"]
        outer = outlines[: len(outlines) - record["holes"]]
        return cls(
            tuple(np.array(outline, np.float64) for outline in outer),
            record["area_mm2"],
            record["length_mm"],
            record["width_mm"],
            record["size_source"],
        )


@dataclass(frozen=True, slots=True)
class Sighting:
    """A rendered defect in one frame. found: the regions that lie on it, the one that covers most
    of it first; empty where it was missed."""

    frame_id: int
    visible: VisibleDefect
    off_centre_px: float
    found: tuple[Finding, ...]


@dataclass(slots=True)
class Track:
    """A rendered defect in all the frames that show a part of it."""

    truth: RenderedDefect
    sightings: list[Sighting] = field(default_factory=list)

    @property
    def whole(self) -> list[Sighting]:
        """Those that show all of it, nearest the centre of the picture first."""
        whole = (sighting for sighting in self.sightings if sighting.visible.whole)
        return sorted(whole, key=lambda sighting: sighting.off_centre_px)

    @property
    def best(self) -> Sighting | None:
        """Nearest the centre of those that show all of it and in which it was found."""
        return next((sighting for sighting in self.whole if sighting.found), None)


@dataclass(frozen=True, slots=True)
class Comparison:
    """tracks: by web_id. false: frame and region of what lies on no rendered defect."""

    tracks: dict[int, Track]
    false: list[tuple[int, Finding]]


def compare(
    frames: Iterable[tuple[int, Sequence[VisibleDefect], Sequence[Finding]]],
    frame_hw: tuple[int, int],
    tolerance_px: float,
) -> Comparison:
    """Gives every region to the rendered defect that it covers most of.

    tolerance_px: a region that misses a defect by up to this many pixels still lies on it.
    """
    tracks: dict[int, Track] = {}
    false: list[tuple[int, Finding]] = []
    for frame_id, visible, findings in frames:
        given: dict[int, list[tuple[float, Finding]]] = {one.web_id: [] for one in visible}
        for finding in findings:
            shares = [(_overlap_px(finding, one.defect, tolerance_px), one) for one in visible]
            most, owner = max(shares, key=lambda share: share[0], default=(0.0, None))
            if owner is None or most == 0:
                false.append((frame_id, finding))
            else:
                given[owner.web_id].append((most, finding))
        for one in visible:
            ordered = sorted(given[one.web_id], key=lambda pair: -pair[0])
            off = _off_centre_px(one.defect, frame_hw)
            found = tuple(finding for _, finding in ordered)
            track = tracks.setdefault(one.web_id, Track(one.defect))
            track.sightings.append(Sighting(frame_id, one, off, found))
    return Comparison(tracks, false)


def _off_centre_px(defect: RenderedDefect, frame_hw: tuple[int, int]) -> float:
    dx, dy = defect.centroid[0] - frame_hw[1] / 2, defect.centroid[1] - frame_hw[0] / 2
    return float(np.hypot(dx, dy))


def _overlap_px(finding: Finding, defect: RenderedDefect, tolerance_px: float) -> float:
    """Pixels of the region within the true outline, which is first widened by the tolerance."""
    x0, y0, x1, y1 = defect.bounds
    left, top = int(np.floor(x0 - tolerance_px)) - 1, int(np.floor(y0 - tolerance_px)) - 1
    right, bottom = int(np.ceil(x1 + tolerance_px)) + 1, int(np.ceil(y1 + tolerance_px)) + 1
    corners = np.concatenate(finding.polygons)
    low, high = corners.min(axis=0), corners.max(axis=0)
    if low[0] > right or low[1] > bottom or high[0] < left or high[1] < top:
        return 0.0
    hw = bottom - top, right - left
    true = _filled([defect.polygon], (left, top), hw)
    size = 2 * int(np.ceil(tolerance_px)) + 1
    wide = cv2.dilate(true, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    measured = _filled(finding.polygons, (left, top), hw)
    return float(np.count_nonzero(wide & measured))


def _filled(
    polygons: Sequence[Points], origin: tuple[int, int], hw: tuple[int, int]
) -> np.typing.NDArray[np.uint8]:
    canvas = np.zeros(hw, np.uint8)
    for polygon in polygons:
        # cv2 counts from the centre of the first pixel, the project from its corner.
        shifted = np.rint((polygon - np.array(origin) - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(canvas, [shifted], 1, shift=4)
    return canvas
