"""Adds explanations to the defects of an inspection."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from inspector.core.arrays import Image, Mask
from inspector.core.explanation import PLACES, Explanation
from inspector.core.geometry import Affine
from inspector.core.types import ON_FRAME, Defect, Inspection, Severity
from inspector.explain.look import measure_look
from inspector.explain.options import ExplainOptions
from inspector.explain.outline_figures import measure_shape
from inspector.explain.rules import decide_kind, name_colour, name_shape
from inspector.explain.surroundings import InspectedArea, cut_view
from inspector.explain.wording import write_sentence, write_summary

_EXPANDED = (
    *("length_expanded_u_mm", "width_expanded_u_mm"),
    *("length_expanded_u_px", "width_expanded_u_px"),
)
_NOT_IN_SENTENCE = ("polygons", "shape_figures", "limits", "web", "explanation")


class Explainer:
    """Explains the strongest defects of each inspection by rules.

    inspected: (h, w) mask of the map, True where the engine inspects; None for the whole map.
    """

    def __init__(self, options: ExplainOptions, inspected: Mask | None = None) -> None:
        self._options = options
        self._inspected = inspected

    def explain(self, inspection: Inspection) -> Inspection:
        """Returns the inspection with explanations. Its verdict and its sizes do not change.

        A size from earlier frames keeps the explanation of those frames, with its place in this
        frame. Defects of a frame without a picture or a map have no explanation.
        """
        image, to_frame = inspection.frame.image, inspection.to_frame
        anomaly_map = inspection.anomaly_map
        if image is None or to_frame is None or anomaly_map is None:
            return inspection
        area = find_inspected_area(anomaly_map.shape, to_frame, self._inspected, image.shape[:2])
        ranked = sorted(inspection.defects, key=lambda defect: -defect.peak_score)
        chosen = {defect.defect_id for defect in ranked[: self._options.max_defects]}
        defects = tuple(
            replace(defect, explanation=explain_defect(image, defect, inspection.defects, area))
            if defect.defect_id in chosen or defect.explanation is not None
            else defect
            for defect in inspection.defects
        )
        return replace(inspection, defects=defects, summary=summarise(defects))


def summarise(defects: Sequence[Defect]) -> str:
    """One sentence about all defects of a picture."""
    grades = list(Severity)
    explained = [d.explanation for d in defects if d.explanation is not None]
    worst = max(
        (d for d in defects if d.explanation is not None),
        key=lambda d: (grades.index(d.severity), d.length_px),
        default=None,
    )
    sentence = None if worst is None or worst.explanation is None else worst.explanation.sentence
    return write_summary([e.kind for e in explained], len(defects) - len(explained), sentence)


def find_inspected_area(
    map_hw: Sequence[int], to_frame: Affine, mask: Mask | None, frame_hw: Sequence[int]
) -> InspectedArea:
    """The box around everything that the engine inspects, and its mask."""
    corners = np.array(((0, 0), (map_hw[1], map_hw[0])), dtype=np.float64)
    if mask is not None and mask.any():
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        corners[:] = (columns[0], rows[0]), (columns[-1] + 1, rows[-1] + 1)
    low, high = to_frame.apply(corners)
    low, high = np.maximum(low, 0), np.minimum(high, (frame_hw[1], frame_hw[0]))
    return InspectedArea((*low.tolist(), *high.tolist()), mask, to_frame)


def explain_defect(
    image: Image, defect: Defect, defects: Sequence[Defect], area: InspectedArea
) -> Explanation:
    """image: (H, W, 3) uint8 BGR. defects: all defects of the frame."""
    place, shares = find_place(defect.centroid_px, area)
    earlier = defect.explanation
    if earlier is not None:
        figures = {**earlier.figures, **shares}
        return _with_sentence(replace(earlier, place=place, figures=figures), defect)
    figures = shares | measure_shape(defect.polygons, defect.holes)
    if defect.length_expanded_u_px is not None and defect.length_px > 0:
        figures["length_u_share"] = defect.length_expanded_u_px / defect.length_px
    others = [other for other in defects if other.defect_id != defect.defect_id]
    view = cut_view(image, defect, others, area)
    if view is not None:
        figures |= measure_look(view, math.sqrt(4 * max(defect.area_px, 1.0) / math.pi))
    kind, confidence, reasons = decide_kind(
        figures, on_frame=defect.size_source in ON_FRAME, truncated=defect.truncated
    )
    shape, colour = name_shape(figures), name_colour(figures)
    explanation = Explanation(kind, place, shape, colour, confidence, reasons, figures, "")
    return _with_sentence(explanation, defect)


def find_place(
    position_px: tuple[float, float], area: InspectedArea
) -> tuple[str, dict[str, float]]:
    """One of PLACES, and the figures x_share and y_share. position_px: (x, y) in the frame."""
    x0, y0, x1, y1 = area.box
    x = (position_px[0] - x0) / (x1 - x0)
    y = (position_px[1] - y0) / (y1 - y0)
    column, row = (min(max(int(3 * share), 0), 2) for share in (x, y))
    return PLACES[3 * row + column], {"x_share": x, "y_share": y}


def _with_sentence(explanation: Explanation, defect: Defect) -> Explanation:
    values = {
        field.name: getattr(defect, field.name)
        for field in dataclasses.fields(defect)
        if field.name not in _NOT_IN_SENTENCE
    }
    for name in _EXPANDED:
        values[name] = getattr(defect, name)
    return replace(explanation, sentence=write_sentence(dataclasses.asdict(explanation), values))
