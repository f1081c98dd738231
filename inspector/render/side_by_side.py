"""Draws the view of an inspection: the frame, and the frame with its anomaly map."""

from collections.abc import Sequence
from threading import local
from typing import Final

import numpy as np
from loguru import logger

from calibration.units import mm_per
from inspector.core.arrays import Image
from inspector.core.errors import ConfigError
from inspector.core.geometry import Affine, Points
from inspector.core.types import Inspection
from inspector.render import overlay
from inspector.render.canvas import Canvas, Colour, Font
from inspector.render.header import VERDICT_COLOURS, Header
from inspector.render.panels import Panels, Placement
from inspector.render.size_limit import default_scale, largest_scale

Polygons = Sequence[Sequence[tuple[float, float]]]
RoiPolygons = tuple[Polygons, Polygons, tuple[int, int]]
"""Polygons to inspect, polygons to ignore, and the (height, width) of the frame for both."""

UNKNOWN_HW: Final = (360, 640)
"""Frame size that is used until the first frame arrives."""

REASON_SHARE: Final = 0.12
"""Largest share of a panel that the reason of a verdict may cover."""


class SideBySide:
    """Makes the pictures of one run. All have the same size.

    The first frame sets the size for the run. A frame of another size is scaled to fit, keeps its
    aspect ratio and gets black margins; the header says so. If a side is odd, the last row or
    column is repeated.

    display_range: scores at the ends of the colour scale. unit: mm, cm or inch. scale: size of a
    panel divided by the size of the frame; None: default_scale(). alpha: share of the heat colours
    in the right panel, 0 to 1. frame_hw: the frame size if it is known before the first frame.
    max_side: of the pictures that the video encoder takes, in px; None without a video. A scale
    that is too large for it is reduced, with a line in the log and in `warnings`.
    """

    def __init__(
        self,
        *,
        display_range: tuple[float, float],
        unit: str,
        scale: float | None = 1.0,
        roi: RoiPolygons | None = None,
        alpha: float = 0.5,
        frame_hw: tuple[int, int] | None = None,
        max_side: int | None = None,
    ) -> None:
        if scale is not None and not scale > 0:
            raise ConfigError(f"the scale of the picture must be positive, not {scale}")
        if not 0 <= alpha <= 1:
            raise ConfigError(f"alpha of the picture must lie between 0 and 1, not {alpha}")
        mm_per(unit)
        self._range = display_range
        self._unit = unit
        self._chosen_scale = scale
        self._scale = 1.0 if scale is None else scale
        self._roi = roi
        self._alpha = alpha
        self._max_side = max_side
        self.warnings: list[str] = []
        self._frame_hw: tuple[int, int] | None = None
        if frame_hw is not None:
            self._set_size(frame_hw)
        self._drawn = _Drawn()

    def __call__(self, inspection: Inspection) -> "RenderedPicture":
        if self._frame_hw is None and inspection.frame.image is not None:
            self._set_size(_hw(inspection.frame.image))
        return RenderedPicture(self, inspection)

    def for_width(self, width_px: int) -> "SideBySide":
        """A renderer that shares nothing with this one, for pictures of at most about width_px.

        It draws the same views, but never larger than the frames.
        """
        return SideBySide(
            display_range=self._range,
            unit=self._unit,
            scale=min(1.0, width_px / (2 * (self._frame_hw or UNKNOWN_HW)[1])),
            roi=self._roi,
            alpha=self._alpha,
            frame_hw=self._frame_hw,
        )

    def _set_size(self, frame_hw: tuple[int, int]) -> None:
        self._frame_hw = frame_hw
        if self._chosen_scale is None:
            self._scale = default_scale(frame_hw)
        scale = self._scale
        if self._max_side is not None:
            scale = largest_scale(frame_hw, scale, self._max_side)
        if scale < self._scale:
            warning = (
                f"two panels of frames of {frame_hw[1]}x{frame_hw[0]} are too large for the video "
                f"encoder: the panels are scaled by {scale:g} instead of {self._scale:g}; set a "
                "smaller output.video.scale, or use --no-video"
            )
            logger.warning("{}", warning)
            self.warnings.append(warning)
            self._scale = scale

    def i420(self, picture: "RenderedPicture") -> Image:
        """The planes of a picture, valid until this thread draws another picture of this run."""
        return self._draw(picture).buffer

    def bgr(self, picture: "RenderedPicture") -> Image:
        """A new array."""
        return self._draw(picture).bgr()

    def _draw(self, picture: "RenderedPicture") -> Canvas:
        frame_hw, drawn = self._frame_hw or UNKNOWN_HW, self._drawn
        if drawn.layout is None or drawn.layout.frame_hw != frame_hw:
            drawn.layout = _Layout(frame_hw, self._scale, self._range, self._alpha)
            drawn.picture = None
        if drawn.picture is not picture:
            drawn.layout.draw(picture.inspection, self._unit, self._roi)
            drawn.picture = picture
        return drawn.layout.canvas


class _Drawn(local):
    """The canvas of each thread, and the picture on it."""

    layout: "_Layout | None" = None
    picture: "RenderedPicture | None" = None


class RenderedPicture:
    """A picture that is drawn at the first call of i420() or bgr().

    All pictures of a run share one canvas per thread. A picture is drawn again only if another
    picture was drawn there in between.
    """

    def __init__(self, renderer: SideBySide, inspection: Inspection) -> None:
        self.renderer = renderer
        self.inspection = inspection

    def i420(self) -> Image:
        """Valid until this thread draws another picture of the same run."""
        return self.renderer.i420(self)

    def bgr(self) -> Image:
        """A new array. Any thread may call this and keep the array."""
        return self.renderer.bgr(self)


class _Layout:
    """Canvas and layout for one frame size."""

    def __init__(
        self,
        frame_hw: tuple[int, int],
        scale: float,
        display_range: tuple[float, float],
        alpha: float,
    ) -> None:
        self.frame_hw = frame_hw
        self._default = Placement.scaled(frame_hw, scale)
        self._panel_hw = height, width = self._default.panel_hw
        self._font = Font(min(max(min(height // 42, width // 32), 9), 32))
        self._header = Header(2 * width, self._font, display_range, height)
        self._top = self._header.height
        self._thickness = max(1, round(height / 540))
        self._panels = Panels(self._panel_hw, self._top, display_range, alpha)
        self.canvas = Canvas((height + self._top, 2 * width))

    def draw(self, inspection: Inspection, unit: str, roi: RoiPolygons | None) -> None:
        image = inspection.frame.image
        hw = self.frame_hw if image is None else _hw(image)
        placement, note = self._default, ""
        if hw != self.frame_hw:
            placement = Placement.fitted(hw, self._panel_hw)
            note = f"frame of {hw[1]}x{hw[0]} scaled to fit"
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
        if inspection.reason is not None:
            self._draw_reason(inspection.reason, VERDICT_COLOURS[inspection.verdict])
        self._header.draw(self.canvas, inspection, note)

    def _draw_roi(self, roi: RoiPolygons | None, hw: tuple[int, int], both: list[Affine]) -> None:
        """Scales the polygons to the frame size, because the mask is on the grid of the map."""
        if roi is None:
            return
        inspect, ignore, roi_hw = roi
        stretch = Affine(hw[1] / roi_hw[1], hw[0] / roi_hw[0])
        for polygons, colour in ((inspect, overlay.INSPECTED), (ignore, overlay.IGNORED)):
            moved: list[Points] = [stretch.apply(np.array(p, np.float64)) for p in polygons]
            overlay.draw_polygons(self.canvas, moved, both, colour, self._thickness)

    def _draw_error(self, sentence: str, colour: Colour) -> None:
        """Draws the sentence in the right panel, wrapped. Lines that do not fit are left out."""
        font, (height, width) = self._font, self._panel_hw
        lines = font.wrap(sentence, width - 6 * font.pad_px)
        lines = lines[: max((height - 4 * font.pad_px) // font.line_px, 0)]
        self._draw_lines(lines, width + 2 * font.pad_px, self._top + 2 * font.pad_px, colour)

    def _draw_reason(self, sentence: str, colour: Colour) -> None:
        """Draws the sentence at the lower edge of the left panel, where no label is. It is left out
        if its lines would cover more than REASON_SHARE of the panel."""
        font, (height, width) = self._font, self._panel_hw
        lines = font.wrap(sentence, width - 2 * font.pad_px)
        rows_px = len(lines) * font.line_px
        if rows_px <= REASON_SHARE * height:
            self._draw_lines(lines, 0, self._top + height - rows_px, colour)

    def _draw_lines(self, lines: list[str], left: int, top: int, colour: Colour) -> None:
        if not lines:
            return
        font = self._font
        right = left + max(font.width(line) for line in lines) + 2 * font.pad_px
        self.canvas.fill((left, top, right, top + len(lines) * font.line_px), colour)
        for row, line in enumerate(lines):
            self.canvas.text(line, left + font.pad_px, top + row * font.line_px, font, colour.ink)


def _hw(image: Image) -> tuple[int, int]:
    return image.shape[0], image.shape[1]
