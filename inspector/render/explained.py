"""Draws the heat map over a picture, and the boxes of its explained defects."""

import cv2
import numpy as np

from inspector.core.arrays import Image, Map
from inspector.core.geometry import Affine, Box
from inspector.core.types import Defect
from inspector.render.canvas import Canvas, Font, round_up_to_even
from inspector.render.colormap import heat_bgr, score_levels
from inspector.render.overlay import SEVERITY_COLOURS, box_of, draw_polygons, find_label_box

HEAT_SHARE = 0.5
"""Share of the heat colours in the blend."""


def draw_heatmap(
    image: Image, anomaly_map: Map, to_frame: Affine, display_range: tuple[float, float]
) -> Image:
    """The picture blended with the colours of its scores; a copy, (H, W, 3) uint8 BGR.

    image: (H, W, 3) uint8 BGR. anomaly_map: (h, w). to_frame: map -> picture pixels. Where there is
    no map the picture does not change.
    """
    height, width = image.shape[:2]
    heat = heat_bgr()[score_levels(anomaly_map, display_range)]
    matrix = np.array(
        (
            (to_frame.scale_x, 0.0, to_frame.shift_x + (to_frame.scale_x - 1) / 2),
            (0.0, to_frame.scale_y, to_frame.shift_y + (to_frame.scale_y - 1) / 2),
        )
    )
    shown = cv2.warpAffine(heat, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    mixed = cv2.addWeighted(image, 1 - HEAT_SHARE, shown, HEAT_SHARE, 0)
    corners = to_frame.apply(np.array(((0, 0), anomaly_map.shape[::-1]), dtype=np.float64))
    left, top = np.maximum(np.rint(corners[0]), 0).astype(int)
    right, bottom = np.rint(corners[1]).astype(int)
    result = image.copy()
    result[top:bottom, left:right] = mixed[top:bottom, left:right]
    return result


def draw_boxes(image: Image, defects: tuple[Defect, ...]) -> Image:
    """Box, outline, number and kind of each defect on a copy of the picture, (H, W, 3) BGR."""
    height, width = image.shape[:2]
    even_h, even_w = round_up_to_even(height), round_up_to_even(width)
    even = cv2.copyMakeBorder(image, 0, even_h - height, 0, even_w - width, cv2.BORDER_REPLICATE)
    canvas = Canvas((even_h, even_w))
    cv2.cvtColor(even, cv2.COLOR_BGR2YUV_I420, dst=canvas.buffer)
    font = Font(min(max(min(height // 42, width // 32), 9), 32))
    thickness = max(1, round(height / 540))
    boxes = [box_of(defect, Affine(1.0, 1.0)) for defect in defects]
    for defect, box in zip(defects, boxes, strict=True):
        colour = SEVERITY_COLOURS[defect.severity]
        x0, y0, x1, y1 = _widen(box, 4 + thickness, (width, height))
        corners = np.array(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), dtype=np.float64)
        draw_polygons(canvas, [*defect.polygons, corners], [Affine(1.0, 1.0)], colour, thickness)
    labels: list[Box] = []
    for defect, box in zip(defects, boxes, strict=True):
        kind = "" if defect.explanation is None else f" {defect.explanation.kind}"
        text = f"#{defect.defect_id}{kind}"
        size = (font.width(text) + 2 * font.pad_px, font.line_px)
        wide = _widen(box, 6 + thickness, (width, height))
        place = find_label_box(wide, size, (0, 0, even_w, even_h), labels, boxes)
        if place is not None:
            labels.append(place)
            canvas.fill(place, SEVERITY_COLOURS[defect.severity])
            ink = SEVERITY_COLOURS[defect.severity].ink
            canvas.text(text, place[0] + font.pad_px, place[1], font, ink)
    return np.ascontiguousarray(canvas.bgr()[:height, :width])


def _widen(box: Box, margin: int, size: tuple[int, int]) -> Box:
    """size: (width, height) of the picture."""
    x0, y0, x1, y1 = box
    right, bottom = size
    return (
        max(x0 - margin, 0),
        max(y0 - margin, 0),
        min(x1 + margin, right),
        min(y1 + margin, bottom),
    )
