"""Draws the three panels of a picture: the picture, its heatmap, and the outlines of map and mask.

The heatmap has the same code and the same colours as in videos. Its range covers the values that
occur in the test set, and is the same for all pictures of a page.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from engines.opening import Engine
from engines.pictures import reading_for
from engines.resize import to_input
from evaluation.results import ClassResult, PictureResult
from inspector.core.arrays import Image, Map, Mask
from inspector.core.errors import DataError
from inspector.core.geometry import Affine, Box, Points
from inspector.core.reading import READING, Reading
from inspector.render.canvas import Canvas, Colour
from inspector.render.colormap import heat_bgr
from inspector.render.panels import Panels, Placement
from inspector.report.markup import CONTOUR_RGB, TRUTH_RGB, data_uri
from learning.datasets.masks import MaskReader
from learning.datasets.pictures import read_picture
from learning.datasets.types import Sample

PANEL_PX: Final = 360
"""Longer side of a panel."""

BOX_RGB: Final = "ffffff"
"""Colour of the box around the part that is enlarged."""

MAX_PANEL_BYTES: Final = 28_000
"""Bytes of a panel: the pictures of a report take less than 2.8 MB."""

MAX_ZOOM: Final = 8.0
_MIN_ZOOM: Final = 1.5
_OUTLINE_SHARE: Final = 0.5
"""Largest share of the sides of an enlarged panel that the outlines take."""

_HEATMAP_ALPHA: Final = 0.5

GAP_PX: Final = 5
"""Distance between a mask and its outline, in panel pixels: a thin scratch stays visible."""

SCALE_END: Final = 0.95
"""The colour scale ends where this share of the highest values of the maps lies below it: single
high values do not make the others dark."""

_JPEG_QUALITIES: Final = (88, 75, 60, 40, 20, 5)


@dataclass(frozen=True, slots=True)
class PictureView:
    """What panels are drawn from. image: (H, W, 3) uint8 BGR. anomaly_map: (h, w) float32.
    to_frame: map pixels -> picture pixels. mask: (H, W) bool; None if the picture has none."""

    image: Image
    anomaly_map: Map
    to_frame: Affine
    mask: Mask | None


@dataclass(frozen=True, slots=True)
class Panel:
    """uri: a JPEG as data URI. size: (width, height) in pixels. caption: what it shows."""

    uri: str
    size: tuple[int, int]
    caption: str


class EngineViewer:
    """Runs the engine again on the pictures that the report shows.

    samples: the test pictures of the class. mask_values: see learning.datasets.masks.
    """

    def __init__(
        self,
        engine: Engine,
        samples: Iterable[Sample],
        mask_values: str,
        reading: Reading = READING,
    ) -> None:
        self._engine = engine
        self._samples = {sample.name: sample for sample in samples}
        self._masks = MaskReader(self._samples.values(), mask_values)
        self._reading = reading_for(engine.spec, reading)

    def __call__(self, picture: PictureResult) -> PictureView:
        """Raises DataError if the picture or its mask was removed since the evaluation."""
        if picture.name not in self._samples:
            raise DataError(f"picture {picture.name} is no longer in the data set")
        sample, spec = self._samples[picture.name], self._engine.spec
        image = read_picture(sample.path, self._reading)
        if image is None:
            raise DataError(f"picture {sample.path} can no longer be read")
        pixels, to_frame = to_input(image, spec.resize)
        maps, _ = self._engine.infer(pixels[None])
        height, width = spec.resize.input_hw
        hw = (image.shape[0], image.shape[1])
        return PictureView(
            image=image,
            anomaly_map=maps[0],
            to_frame=to_frame.after(Affine.between(spec.map_hw, (0, 0, width, height))),
            mask=self._masks.read(sample, hw) if picture.has_mask else None,
        )


def draw_panels(view: PictureView, result: ClassResult) -> tuple[Panel, Panel, Panel]:
    """The picture, the heatmap over it, and the outlines of the mask and of the map at the pixel
    threshold. Small outlines are enlarged."""
    hw = (view.image.shape[0], view.image.shape[1])
    placement = Placement.scaled(hw, PANEL_PX / max(hw))
    height, width = placement.panel_hw
    canvas = Canvas((height, 2 * width))
    drawing = Panels(placement.panel_hw, 0, colour_range(result), _HEATMAP_ALPHA)
    drawing.draw(canvas, view.image, placement, view.anomaly_map, view.to_frame)
    threshold = result.engine.pixel_threshold
    box, zoom = _outline_box(view, threshold, placement)
    if zoom > 1:
        canvas.outline(_box_in_both(box, placement), Colour.of(BOX_RGB), 1)
    side_by_side = canvas.bgr()
    captions = {0.0: "nothing to outline", 1.0: "outlines"}
    boxed = " (white box: enlarged part)" if zoom > 1 else ""
    return (
        encode_panel(side_by_side[:, :width], f"picture{boxed}"),
        encode_panel(side_by_side[:, width:], "heatmap"),
        encode_panel(
            _draw_outlines(view, threshold, box),
            captions.get(zoom, f"outlines, enlarged {zoom:.1f} times"),
        ),
    )


def colour_range(result: ClassResult) -> tuple[float, float]:
    """The scores at the ends of the colour scale, the same for all pictures of the test set.

    It begins at the usual level of good pictures, where the display range of the engine begins, or
    below it if a picture has no higher value. It ends at the SCALE_END quantile of the highest
    values of the maps. It does not depend on the threshold.
    """
    peaks = [picture.peak for picture in result.pictures if picture.peak is not None]
    low = min(result.engine.display_range[0], *peaks)
    high = float(np.quantile(peaks, SCALE_END))
    return low, high if high > low else low + 1.0


def colour_scale() -> str:
    """The colours of the heatmap from low to high, as a data URI."""
    strip = np.repeat(heat_bgr()[None], 12, axis=0)
    return data_uri("image/png", _encode(".png", strip, []))


def _outline_box(view: PictureView, threshold: float, whole: Placement) -> tuple[Box, float]:
    """The part of the picture with all outlines and a margin, and its enlargement.

    The whole picture with enlargement 1 if the outlines are large, with 0 if there are none.
    """
    height, width = view.image.shape[:2]
    truth, contour = _outlines(view, threshold, whole.affine)
    if not truth and not contour:
        return (0, 0, width, height), 0.0
    points = whole.affine.inverse().apply(np.concatenate((*truth, *contour)))
    low, high = points.min(axis=0), points.max(axis=0)
    sides = np.array((width, height))
    zoom = min(float(np.min(_OUTLINE_SHARE * sides / np.maximum(high - low, 1))), MAX_ZOOM)
    if zoom < _MIN_ZOOM:
        return (0, 0, width, height), 1.0
    shown = np.maximum(np.rint(sides / zoom).astype(int), 1)
    x0, y0 = np.clip(np.rint((low + high - shown) / 2).astype(int), 0, sides - shown).tolist()
    return (x0, y0, x0 + int(shown[0]), y0 + int(shown[1])), zoom


def _box_in_both(box: Box, placement: Placement) -> list[Points]:
    """The box of the enlarged part in the picture and in the heatmap beside it."""
    x0, y0, x1, y1 = box
    corners = np.array(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), np.float64)
    left = placement.affine.apply(corners)
    right = Affine(1, 1, placement.panel_hw[1]).apply(left)
    return [left, right]


def _draw_outlines(view: PictureView, threshold: float, box: Box) -> Image:
    x0, y0, x1, y1 = box
    hw = (y1 - y0, x1 - x0)
    placement = Placement.scaled(hw, PANEL_PX / max(hw))
    height, width = placement.panel_hw
    method = cv2.INTER_AREA if height < hw[0] else cv2.INTER_LINEAR
    pixels = cv2.resize(view.image[y0:y1, x0:x1], (width, height), interpolation=method)
    canvas = Canvas(placement.panel_hw)
    canvas.buffer[:] = cv2.cvtColor(pixels, cv2.COLOR_BGR2YUV_I420)
    to_panel = placement.affine.after(Affine(1, 1, -x0, -y0))
    truth, contour = _outlines(view, threshold, to_panel)
    canvas.outline(_around(truth, placement.panel_hw), Colour.of(TRUTH_RGB), 2)
    canvas.outline(contour, Colour.of(CONTOUR_RGB), 2)
    return canvas.bgr()


def _outlines(
    view: PictureView, threshold: float, to_panel: Affine
) -> tuple[list[Points], list[Points]]:
    """Outlines of the mask and of the map. to_panel: picture pixels -> panel pixels."""
    contour = _map_outlines(view.anomaly_map, threshold, to_panel.after(view.to_frame))
    truth = [] if view.mask is None else _mask_outlines(view.mask, to_panel)
    return truth, contour


def _map_outlines(anomaly_map: Map, threshold: float, to_panel: Affine) -> list[Points]:
    """Outlines of the map at the threshold, in panel pixels. The map is enlarged before the
    comparison, as in the heatmap, so that the outlines are smooth."""
    height, width = anomaly_map.shape
    corners = to_panel.apply(np.array(((0.0, 0.0), (width, height))))
    size = np.maximum(np.rint(corners[1] - corners[0]).astype(int), 1)
    enlarged = cv2.resize(anomaly_map, (int(size[0]), int(size[1])))
    x0, y0, x1, y1 = corners.ravel().tolist()
    from_enlarged = Affine.between((int(size[1]), int(size[0])), (x0, y0, x1, y1))
    return _mask_outlines(np.asarray(enlarged >= np.float32(threshold)), from_enlarged)


def _mask_outlines(mask: Mask, to_panel: Affine) -> list[Points]:
    """Outlines through the centres of the outermost pixels."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    return [to_panel.apply(np.asarray(ring[:, 0], np.float64) + 0.5) for ring in outlines]


def _around(rings: list[Points], hw: tuple[int, int]) -> list[Points]:
    """Outlines at a distance of GAP_PX around the areas in the rings. hw: of the panel."""
    filled = np.zeros(hw, np.uint8)
    # OpenCV has (0, 0) at the centre of the first pixel, this program at its corner.
    corners = [np.rint(ring - 0.5).astype(np.int32) for ring in rings]
    cv2.fillPoly(filled, corners, 1)
    cv2.polylines(filled, corners, True, 1, 2 * GAP_PX)
    return _mask_outlines(filled > 0, Affine(1, 1))


def encode_panel(pixels: Image, caption: str) -> Panel:
    for quality in _JPEG_QUALITIES:
        content = _encode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if len(content) <= MAX_PANEL_BYTES:
            break
    return Panel(data_uri("image/jpeg", content), (pixels.shape[1], pixels.shape[0]), caption)


def _encode(kind: str, pixels: Image, options: list[int]) -> bytes:
    success, content = cv2.imencode(kind, pixels, options)
    if not success:
        raise ValueError(f"OpenCV cannot write {kind} pictures")
    return content.tobytes()
