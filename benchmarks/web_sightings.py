"""Ideal sightings of the defects of a simulated web in each frame."""

import math
from collections.abc import Sequence

import numpy as np

from benchmarks.web_lines import HW, MM_PER_PX, WebDefect
from inspector.core.arrays import Image
from inspector.core.geometry import Points
from inspector.core.types import (
    BadFrame,
    Cause,
    Defect,
    Frame,
    Inspection,
    Severity,
    Verdict,
)
from inspector.measure import shape


def sightings(
    defects: Sequence[WebDefect], position: float, rng: np.random.Generator, *, missed: float
) -> list[Defect]:
    """The outlines in a frame whose row y shows web px position + HW[0] - y.

    mean_score is the number of the true defect. missed: share of sightings that are left out. Sizes
    have a random error of 0.3 px.
    """
    seen: list[Defect] = []
    for defect in defects:
        if defect.high <= position or defect.low >= position + HW[0] or rng.random() < missed:
            continue
        for outline, cut in _visible_outlines(defect, position):
            seen.append(_make_defect(len(seen), defect.number, outline, cut, rng))
    return seen


def _visible_outlines(defect: WebDefect, position: float) -> list[tuple[Points, bool]]:
    """Outlines in frame px with whether the frame cuts them. Pieces that touch are one outline."""
    bottom, top = position, position + HW[0]
    parts = [
        (x0, max(y0, bottom), x1, min(y1, top))
        for x0, y0, x1, y1 in defect.pieces
        if y1 > bottom and y0 < top
    ]
    groups = [parts] if len(parts) in (1, 3) else [[part] for part in parts]
    outlines = []
    for group in groups:
        cut = any(part[1] <= bottom + 0.5 or part[3] >= top - 0.5 for part in group)
        outlines.append((_outline(group, top), cut))
    return outlines


def _outline(parts: Sequence[tuple[float, float, float, float]], top: float) -> Points:
    """A box, or the eight corners of a U, in frame px with y down."""
    if len(parts) == 1:
        x0, y0, x1, y1 = parts[0]
        corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    else:
        (a0, b0, a1, b1), (c0, _, c1, _), (_, e0, _, e1) = parts
        if e1 >= b1:  # the bar is at the high end
            corners = [
                (a0, b0),
                (a1, b0),
                (a1, e0),
                (c0, e0),
                (c0, b0),
                (c1, b0),
                (c1, b1),
                (a0, b1),
            ]
        else:
            corners = [
                (a0, b1),
                (a1, b1),
                (a1, e1),
                (c0, e1),
                (c0, b1),
                (c1, b1),
                (c1, b0),
                (a0, b0),
            ]
    points = np.array(corners, dtype=np.float64)
    points[:, 1] = top - points[:, 1]
    return points


def _make_defect(
    index: int, number: int, outline: Points, cut: bool, rng: np.random.Generator
) -> Defect:
    (x0, y0), (x1, y1) = outline.min(axis=0).tolist(), outline.max(axis=0).tolist()
    if len(outline) == 4:  # a box
        area, length, width = (
            (x1 - x0) * (y1 - y0),
            math.hypot(x1 - x0, y1 - y0),
            min(x1 - x0, y1 - y0),
        )
        centre = (x0 + x1) / 2, (y0 + y1) / 2
    else:
        area, centre = shape.area(outline), shape.region_centroid((outline,), 0)
        length, width = shape.max_feret(outline)[0], shape.min_feret(outline)
    dl, dw, da = 0.3 * rng.standard_normal(3)
    mm = MM_PER_PX
    return Defect(
        defect_id=index,
        polygons=(outline,),
        holes=0,
        box_px=(x0, y0, x1, y1),
        centroid_px=centre,
        area_px=area,
        length_px=length,
        width_px=width,
        orientation_deg=0.0,
        peak_score=1.0,
        mean_score=float(number),
        severity=Severity.LOW,
        size_source="refined",
        truncated=cut,
        map_area_px=area,
        map_length_px=length,
        map_width_px=width,
        length_mm=(length + dl) * mm,
        width_mm=(width + dw) * mm,
        area_mm2=max(area + da * (length + width), 0.1) * mm * mm,
        length_u_mm=0.3 * mm,
        width_u_mm=0.3 * mm,
        area_u_mm2=0.3 * (length + width) * mm * mm,
        centroid_mm=(centre[0] * mm, centre[1] * mm),
    )


def make_inspection(
    frame_id: int, seconds: float, image: Image, defects: Sequence[Defect], *, errored: bool
) -> Inspection:
    """errored: the picture is damaged, so the frame is ERROR without defects."""
    captured, utc = int(seconds * 1e9), "2026-01-01T00:00:00.000Z"
    if errored:
        bad = BadFrame(frame_id, "line", "damaged", captured, seconds, utc, image=image)
        return Inspection(bad, Verdict.ERROR, 1.0, 1.0, error="damaged", cause=Cause.DECODE)
    frame = Frame(frame_id, "line", image, captured, seconds, utc)
    verdict = Verdict.FAIL if defects else Verdict.PASS
    return Inspection(frame, verdict, 1.0, 1.0, score=1.0, defects=tuple(defects))
