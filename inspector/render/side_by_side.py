"""The view of one inspection: left the frame, right the same frame under its anomaly map."""

from collections.abc import Sequence
from threading import RLock
from typing import Final

import numpy as np

from calibration.units import mm_per
from inspector.core.arrays import Image
from inspector.core.errors import ConfigError
from inspector.core.geometry import Affine, Points
from inspector.core.types import Inspection
from inspector.render import overlay
from inspector.render.canvas import Canvas, Colour, Font
from inspector.render.header import VERDICT_COLOURS, Header
from inspector.render.panels import Panels, Placement

Polygons = Sequence[Sequence[tuple[float, float]]]
Roi = tuple[Polygons, Polygons, tuple[int, int]]
"""Polygons to inspect, polygons to ignore, and the (height, width) of the frame they lie on."""

UNKNOWN_HW: Final = (360, 640)
"""Stands in for the frame size while no frame has told it."""


class SideBySide:
    """Makes the pictures of one run, all of one size.

    display_range: scores at the ends of the colour scale. unit: mm, cm or inch. scale: size of a
    panel over that of the frame. alpha: share of the heat colours in the right panel, 0 to 1.
    frame_hw: the frame size where it is known before the first frame. The size of the first frame
    holds for the run; a frame of another size is fitted in with its aspect kept, on black, and the
    header says so. Sides are made even by repeating the last row or column.
    """

    def __init__(
        self,
        *,
        display_range: tuple[float, float],
        unit: str,
        scale: float = 1.0,
        roi: Roi | None = None,
        alpha: float = 0.5,
        frame_hw: tuple[int, int] | None = None,
    ) -> None:
        if not scale > 0:
            raise ConfigError(f"the scale of the picture must be positive, not {scale}")
        if not 0 <= alpha <= 1:
            raise ConfigError(f"alpha of the picture must lie within 0 and 1, not {alpha}")
        mm_per(unit)
        self._range = display_range
        self._unit = unit
        self._scale = scale
        self._roi = roi
        self._alpha = alpha
        self._frame_hw = frame_hw
        self._view: _View | None = None
        self._owner: RenderedPicture | None = None
        self._lock = RLock()

    def __call__(self, inspection: Inspection) -> "RenderedPicture":
        if self._frame_hw is None and inspection.frame.image is not None:
            self._frame_hw = _hw(inspection.frame.image)
        return RenderedPicture(self, inspection)

    def i420(self, picture: "RenderedPicture") -> Image:
        """The planes of a picture, valid until another picture of this run is drawn."""
        with self._lock:
            return self._drawn(picture).buffer

    def bgr(self, picture: "RenderedPicture") -> Image:
        """A fresh array."""
        with self._lock:
            return self._drawn(picture).bgr()

    def _drawn(self, picture: "RenderedPicture") -> Canvas:
        frame_hw = self._frame_hw or UNKNOWN_HW
        if self._view is None or self._view.frame_hw != frame_hw:
            self._view = _View(frame_hw, self._scale, self._range, self._alpha)
            self._owner = None
        if self._owner is not picture:
            self._view.draw(picture.inspection, self._unit, self._roi)
            self._owner = picture
        return self._view.canvas


class RenderedPicture:
    """Drawn once, when first asked for, into the canvas that all pictures of a run share; drawn
    again only where another picture has taken the canvas in between."""

    def __init__(self, renderer: SideBySide, inspection: Inspection) -> None:
        self._renderer = renderer
        self.inspection = inspection

    def i420(self) -> Image:
        """Valid until another picture of the same run is drawn."""
        return self._renderer.i420(self)

    def bgr(self) -> Image:
        """A fresh array; may be asked for and kept by any thread."""
        return self._renderer.bgr(self)


class _View:
    """Canvas and layout for one frame size."""

    def __init__(
        self,
        frame_hw: tuple[int, int],
        scale: float,
        display_range: tuple[float, float],
        alpha: float,
    ) -> None:
        self.frame_hw = frame_hw
        self._usual = Placement.scaled(frame_hw, scale)
        self._panel_hw = height, width = self._usual.panel_hw
        self._font = Font(min(max(min(height // 42, width // 32), 9), 32))
        self._header = Header(2 * width, self._font, display_range)
        self._top = self._header.height
        self._thickness = max(1, round(height / 540))
        self._panels = Panels(self._panel_hw, self._top, display_range, alpha)
        self.canvas = Canvas((height + self._top, 2 * width))

    def draw(self, inspection: Inspection, unit: str, roi: Roi | None) -> None:
        image = inspection.frame.image
        hw = self.frame_hw if image is None else _hw(image)
        placement, note = self._usual, ""
        if hw != self.frame_hw:
            placement = Placement.fitted(hw, self._panel_hw)
            note = f"frame of {hw[1]}x{hw[0]} fitted in"
        self._panels.draw(
            self.canvas, image, placement, inspection.anomaly_map, inspection.to_frame
        )
        width = self._panel_hw[1]
        both = [
            Affine(1, 1, shift, self._top).after(placement.affine) for shift in (0.0, float(width))
        ]
        self._draw_roi(roi, hw, both)
        overlay.draw_defects(self.canvas, inspection.defects, both, self._thickness)
        area = (width, self._top, *self.canvas.hw[::-1])
        overlay.draw_labels(self.canvas, inspection.defects, both[1], area, self._font, unit)
        if inspection.error is not None:
            self._draw_error(inspection.error, VERDICT_COLOURS[inspection.verdict])
        self._header.draw(self.canvas, inspection, note)

    def _draw_roi(self, roi: Roi | None, hw: tuple[int, int], both: list[Affine]) -> None:
        """The mask lies on the grid of the map, so on another frame size it stretches with it."""
        if roi is None:
            return
        inspect, ignore, roi_hw = roi
        stretch = Affine(hw[1] / roi_hw[1], hw[0] / roi_hw[0])
        for polygons, colour in ((inspect, overlay.INSPECTED), (ignore, overlay.IGNORED)):
            moved: list[Points] = [stretch.apply(np.array(p, np.float64)) for p in polygons]
            overlay.draw_polygons(self.canvas, moved, both, colour, self._thickness)

    def _draw_error(self, sentence: str, colour: Colour) -> None:
        """The sentence in the right panel, wrapped; lines below the panel's end are left out."""
        font, (height, width) = self._font, self._panel_hw
        left, top = width + 2 * font.pad_px, self._top + 2 * font.pad_px
        lines = font.wrap(sentence, width - 6 * font.pad_px)
        lines = lines[: max((height - 4 * font.pad_px) // font.line_px, 0)]
        if not lines:
            return
        right = left + max(font.width(line) for line in lines) + 2 * font.pad_px
        self.canvas.fill((left, top, right, top + len(lines) * font.line_px), colour)
        for row, line in enumerate(lines):
            self.canvas.text(line, left + font.pad_px, top + row * font.line_px, font, colour.ink)


def _hw(image: Image) -> tuple[int, int]:
    return image.shape[0], image.shape[1]
