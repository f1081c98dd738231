"""Draws frames that differ: the recorded outlines beside those of the replay."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from evaluation.replay.matching import FrameChange
from evaluation.replay.recorded import Record
from evaluation.report.panels import Panel, encode_panel
from inspector.core.arrays import Image

MOST: Final = 200
"""Frames with pictures."""

SIDE_PX: Final = 440
"""Longer side of a picture."""

LEAST_PART_PX: Final = 240
"""Shorter side of the part of a frame that a picture shows."""

MARGIN: Final = 2.0
"""Size of the part that a picture shows, divided by the size of its defects."""

CHANGED_BGR: Final = (60, 110, 255)
SAME_BGR: Final = (233, 180, 86)


@dataclass(frozen=True, slots=True)
class PictureOfChange:
    """old, new: the same part of the frame with the recorded outlines and with those of the replay;
    None if the frame has no picture. box: this part, (x0, y0, x1, y1) in px."""

    change: FrameChange
    box: tuple[int, int, int, int] | None
    old: Panel | None
    new: Panel | None


class Gallery:
    """Keeps the pictures of the first frames with another verdict, and of the first other frames
    that differ. Both have at most MOST pictures."""

    def __init__(self) -> None:
        self._verdicts: list[PictureOfChange] = []
        self._others: list[PictureOfChange] = []

    def add(self, change: FrameChange, image: Image | None) -> None:
        pictures = self._verdicts if change.verdict_changed else self._others
        # Pictures that the page cannot show are not drawn.
        used = len(pictures) if change.verdict_changed else len(self._verdicts) + len(pictures)
        if used < MOST:
            pictures.append(draw_change(change, image))

    def pictures(self) -> Sequence[PictureOfChange]:
        """Changed verdicts first, at most MOST."""
        return (self._verdicts + self._others)[:MOST]


def draw_change(change: FrameChange, image: Image | None) -> PictureOfChange:
    """image: (H, W, 3) uint8 BGR; None if the frame has none."""
    if image is None:
        return PictureOfChange(change, None, None, None)
    box = _find_part(change, (image.shape[0], image.shape[1]))
    clear = change.clear_pairs
    old = [*change.lost, *(pair.old for pair in clear)]
    new = [*change.added, *(pair.new for pair in clear)]
    panels = [
        encode_panel(_draw(image, box, record["defects"], changed), caption)
        for record, changed, caption in (
            (change.old, old, "recorded"),
            (change.new, new, "replay"),
        )
    ]
    return PictureOfChange(change, box, panels[0], panels[1])


def _find_part(change: FrameChange, hw: tuple[int, int]) -> tuple[int, int, int, int]:
    """The part of the frame with the defects that changed, or with all defects if only the verdict
    changed. The whole frame if there are none."""
    clear = change.clear_pairs
    changed = [*change.lost, *change.added, *(d for pair in clear for d in (pair.old, pair.new))]
    boxes = [d["box_px"] for d in changed or [*change.old["defects"], *change.new["defects"]]]
    height, width = hw
    if not boxes:
        return 0, 0, width, height
    corners = np.array(boxes)
    low, high = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
    sides = np.array((width, height))
    span = np.minimum(np.maximum(MARGIN * (high - low), LEAST_PART_PX), sides)
    # Both sides grow to at least half of the other one, so that a scratch is not a thin strip.
    span = np.minimum(np.maximum(span, span.max() / 2), sides).round().astype(int)
    start = np.clip(((low + high - span) / 2).round().astype(int), 0, sides - span)
    x0, y0 = start.tolist()
    return x0, y0, x0 + int(span[0]), y0 + int(span[1])


def _draw(
    image: Image,
    box: tuple[int, int, int, int],
    defects: Sequence[Record],
    changed: Sequence[Record],
) -> Image:
    x0, y0, x1, y1 = box
    part = image[y0:y1, x0:x1]
    scale = SIDE_PX / max(part.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas = cv2.resize(part, None, fx=scale, fy=scale, interpolation=method)
    for defect in defects:
        colour = CHANGED_BGR if any(defect is each for each in changed) else SAME_BGR
        # OpenCV has (0, 0) at the centre of the first pixel, records at its corner.
        outlines = [
            np.rint(((np.array(p) - (x0, y0)) * scale - 0.5) * 16).astype(np.int32)
            for p in defect["polygons"]
        ]
        for paint, thickness in (((0, 0, 0), 4), (colour, 2)):
            cv2.polylines(canvas, outlines, True, paint, thickness, cv2.LINE_AA, 4)
    return np.asarray(canvas, np.uint8)
