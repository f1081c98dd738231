"""Draws regions of interest, outlines of defects and their labels over the panels."""

from dataclasses import replace
from typing import Final

import numpy as np

from calibration.units import SYMBOL, format_length, length_in
from inspector.core.decisions import Decision
from inspector.core.geometry import Affine, Box, Points
from inspector.core.size_text import format_measured
from inspector.core.types import ON_FRAME, Defect, Severity
from inspector.render.canvas import Canvas, Colour, Font

SEVERITY_COLOURS: Final[dict[Severity, Colour]] = {
    Severity.LOW: Colour.of("4cc9f0"),
    Severity.MEDIUM: Colour.of("ffd166"),
    Severity.HIGH: Colour.of("ff8c42"),
    Severity.CRITICAL: Colour.of("f01f3c"),
}
INSPECTED: Final = Colour.of("ffffff")
IGNORED: Final = Colour.of("8a8a8a")
MAX_LABELS: Final = 12

_DECISIONS: Final[dict[Decision, str]] = {
    Decision.CONFORMS: "within limits",
    Decision.DOES_NOT_CONFORM: "too large",
    Decision.CANNOT_BE_DECIDED: "undecided",
}
_RANK: Final = {severity: rank for rank, severity in enumerate(Severity)}


def format_label(defect: Defect, unit: str, *, name: str | None = None) -> str:
    """Text of a label, such as "#0 3.42 +-0.12 x 1.20 +-0.05 mm high".

    "+-": expanded uncertainty U. "up to": the size comes from the anomaly map only. ">", or "cut
    off" after a size of the map: the border cuts the defect, so it may be larger. "~": a size of a
    mask, whose uncertainty is unknown. The end is the decision, if sizes decide the verdict. name:
    of the defect, instead of its number in the frame.
    """
    size = _format_size(defect, unit, with_u=defect.size_source in ON_FRAME)
    return _make_label(defect, size, name)


def format_short_label(defect: Defect, unit: str) -> str:
    """The label without uncertainties and decision, for a small picture."""
    return _make_label(replace(defect, decision=None), _format_size(defect, unit, with_u=False))


def _make_label(defect: Defect, size: str, name: str | None = None) -> str:
    parts = []
    if defect.size_source == "map":
        size = f"up to {size}"
        parts += ["cut off"] * defect.truncated
    else:
        mark = (">" if defect.truncated else "") + ("~" if defect.size_source == "mask" else "")
        size = f"{mark}{size}"
    if defect.decision is not None:
        parts.append(_DECISIONS[defect.decision])
    name = name or f"#{defect.defect_id}"
    return ", ".join((f"{name} {size} {defect.severity.value}", *parts))


def _format_size(defect: Defect, unit: str, *, with_u: bool) -> str:
    """Length x width in `unit`, or in pixels without a calibration."""
    if defect.length_mm is None or defect.width_mm is None:
        length_u, width_u = defect.length_expanded_u_px, defect.width_expanded_u_px
        if not with_u or length_u is None or width_u is None:
            return f"{defect.length_px:.0f} x {defect.width_px:.0f} px"
        length = format_measured(defect.length_px, length_u)
        return f"{length} x {format_measured(defect.width_px, width_u)} px"
    length_u, width_u = defect.length_expanded_u_mm, defect.width_expanded_u_mm
    if not with_u or length_u is None or width_u is None:
        length = format_length(defect.length_mm, unit).rsplit(" ", 1)[0]
        return f"{length} x {format_length(defect.width_mm, unit)}"
    length = format_measured(length_in(defect.length_mm, unit), length_in(length_u, unit))
    width = format_measured(length_in(defect.width_mm, unit), length_in(width_u, unit))
    return f"{length} x {width} {SYMBOL[unit]}"


def draw_polygons(
    canvas: Canvas,
    polygons: list[Points],
    to_canvas: list[Affine],
    colour: Colour,
    thickness: int,
    *,
    dashed: bool = False,
) -> None:
    """Draws the polygons in each panel, with a black edge so that they are visible everywhere."""
    moved = [affine.apply(polygon) for affine in to_canvas for polygon in polygons]
    if moved:
        canvas.outline(moved, colour, thickness, dashed=dashed)


def draw_defects(
    canvas: Canvas, defects: tuple[Defect, ...], to_canvas: list[Affine], thickness: int
) -> None:
    """Draws outlines in the colour of the severity, the worst last. Outlines of the map are dashed,
    because they were not measured on the frame."""
    for severity in Severity:
        graded = [d for d in defects if d.severity is severity]
        for dashed in (True, False):
            outlines = [p for d in graded if (d.size_source == "map") is dashed for p in d.polygons]
            colour = SEVERITY_COLOURS[severity]
            draw_polygons(canvas, outlines, to_canvas, colour, thickness, dashed=dashed)


def draw_labels(
    canvas: Canvas,
    defects: tuple[Defect, ...],
    to_canvas: Affine,
    area: Box,
    font: Font,
    unit: str,
) -> int:
    """Draws labels for the worst and longest defects inside `area`. Returns their number."""
    worst_first = sorted(defects, key=lambda d: (-_RANK[d.severity], -d.length_px))[:MAX_LABELS]
    anchors = [box_of(defect, to_canvas) for defect in worst_first]
    occupied: list[Box] = []
    for defect, anchor in zip(worst_first, anchors, strict=True):
        for format_text in (format_label, format_short_label):
            text = format_text(defect, unit)
            size = (font.width(text) + 2 * font.pad_px, font.line_px)
            box = find_label_box(anchor, size, area, occupied, anchors)
            if box is not None:
                break
        if box is None:
            continue
        occupied.append(box)
        colour = SEVERITY_COLOURS[defect.severity]
        canvas.fill(box, colour)
        canvas.text(text, box[0] + font.pad_px, box[1], font, colour.ink)
    return len(occupied)


def find_label_box(
    anchor: Box, size: tuple[int, int], area: Box, occupied: list[Box], defects: list[Box]
) -> Box | None:
    """Finds a box of `size` (width, height) for a label, beside its anchor and inside `area`.

    occupied: boxes of other labels, which it must not cover. defects: boxes of which it covers as
    little as possible. None if there is no free box.
    """
    width, height = size
    if width > area[2] - area[0] or height > area[3] - area[1]:
        return None
    best: tuple[float, Box] | None = None
    for rank, (x, y) in enumerate(_candidates(anchor, size)):
        if best is not None and best[0] <= rank:
            break
        x = min(max(x, area[0]), area[2] - width) // 2 * 2
        y = min(max(y, area[1]), area[3] - height) // 2 * 2
        box = (x, y, x + width, y + height)
        if any(overlap_area(box, other) for other in occupied):
            continue
        cost = sum(overlap_area(box, other) for other in defects) + rank
        if best is None or cost < best[0]:
            best = (cost, box)
    return None if best is None else best[1]


def overlap_area(a: Box, b: Box) -> int:
    """Area in pixels of the intersection of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return width * height if width > 0 and height > 0 else 0


def _candidates(anchor: Box, size: tuple[int, int]) -> list[tuple[int, int]]:
    """Positions above, below, right and left of the anchor, then farther and farther away."""
    x0, y0, x1, y1 = anchor
    width, height = size
    gap, middle = 4, (y0 + y1 - height) // 2
    near = [(x0, y0 - height - gap), (x0, y1 + gap), (x1 + gap, middle), (x0 - width - gap, middle)]
    step = height + 2
    far = []
    for k in range(1, 7):
        far += [(x0, y1 + gap + k * step), (x0, y0 - height - gap - k * step)]
        far += [(x1 + gap, middle + k * step), (x1 + gap, middle - k * step)]
    return near + far


def box_of(defect: Defect, to_canvas: Affine) -> Box:
    """The whole pixels of the canvas that the box of a defect touches."""
    corners = to_canvas.apply(np.array(defect.box_px, dtype=np.float64).reshape(2, 2))
    low, high = np.floor(corners[0]).astype(int), np.ceil(corners[1]).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])
