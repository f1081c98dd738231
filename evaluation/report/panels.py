"""Heatmap sheets: a picture, the same under its anomaly map, and the outlines of map and mask.

The heatmap is drawn by the very code that draws it in the videos, with the colours fixed to the
engine's display range.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from evaluation.report.markup import data_uri
from evaluation.results import ClassResult, PictureResult
from inspector.core.arrays import Image, Map, Mask
from inspector.core.geometry import Affine, Points
from inspector.render.canvas import Canvas, Colour
from inspector.render.colormap import heat_bgr
from inspector.render.panels import Panels, Placement

PER_GROUP: Final = 8
"""Most pictures shown of the misses, and of the false alarms."""

MAX_SHEETS: Final = 2 * PER_GROUP + 8

PANEL_PX: Final = 360
"""Longer side of a panel."""

PANEL_BYTES: Final = 28_000
"""Most bytes of a panel; a report of MAX_SHEETS thus stays below 2.8 MB of pictures."""

MAX_ZOOM: Final = 8.0
_LEAST_ZOOM: Final = 1.5
_SHARE: Final = 0.5
"""Of the sides of an enlarged part that the outlines may take."""

TRUTH_RGB: Final = "56b4e9"
CONTOUR_RGB: Final = "ffd166"
_ALPHA: Final = 0.5
_QUALITIES: Final = (88, 75, 60, 40, 20, 5)


@dataclass(frozen=True, slots=True)
class PictureView:
    """What a sheet is drawn from. image: (H, W, 3) uint8 BGR. to_frame: map pixels -> picture
    pixels. mask: (H, W), None where the picture has none."""

    image: Image
    anomaly_map: Map
    to_frame: Affine
    mask: Mask | None


Viewer = Callable[[PictureResult], PictureView]
"""Makes the view of a picture once more; raises FrameError or DataError where it cannot."""


@dataclass(frozen=True, slots=True)
class Panel:
    """uri: a JPEG as data URI. size: (width, height) in px. told: what it shows."""

    uri: str
    size: tuple[int, int]
    told: str


@dataclass(frozen=True, slots=True)
class Group:
    """Pictures that are shown together. none: the sentence that stands where there are none."""

    title: str
    told: str
    pictures: tuple[PictureResult, ...]
    none: str


def groups(result: ClassResult) -> tuple[Group, ...]:
    """The worst pictures first; no picture twice."""
    judged = sorted(
        (p for p in result.pictures if p.score is not None), key=lambda p: (p.score or 0.0, p.name)
    )
    found = [p for p in judged if p.defective and p.verdict == "FAIL"]
    passed = [p for p in judged if not p.defective and p.verdict == "PASS"]
    near = Group(
        "Nearest to the threshold",
        "The highest good pictures that pass and the lowest defective ones that are found.",
        (*reversed(passed[-2:]), *found[:2]),
        "No picture was judged correctly.",
    )
    rest = Group(
        "Typical and clearest",
        "Where not shown above: the middle good picture, and of the defective ones that are found "
        "the middle one and the highest two.",
        (*_middle(passed[:-2]), *_middle(found[2:-2]), *found[2:][-2:]),
        "There are no further pictures.",
    )
    return *_mistakes(result), near, rest


def _mistakes(result: ClassResult) -> tuple[Group, Group]:
    misses = Group(
        "Misses",
        f"Defective pictures below the image threshold, lowest score first{_of(result.misses)}",
        result.misses[:PER_GROUP],
        "No defective picture was missed.",
    )
    false_alarms = Group(
        "False alarms",
        "Good pictures at or above the image threshold, highest score first"
        f"{_of(result.false_alarms)}",
        result.false_alarms[:PER_GROUP],
        "No good picture was called defective.",
    )
    return misses, false_alarms


def panels(view: PictureView, result: ClassResult) -> tuple[Panel, Panel, Panel]:
    """The picture, the heatmap over it, and the outlines of the mask and of the map at the pixel
    threshold, enlarged where they are small."""
    hw = (view.image.shape[0], view.image.shape[1])
    whole = Placement.scaled(hw, PANEL_PX / max(hw))
    height, width = whole.panel_hw
    canvas = Canvas((height, 2 * width))
    drawing = Panels(whole.panel_hw, 0, result.engine.display_range, _ALPHA)
    drawing.draw(canvas, view.image, whole, view.anomaly_map, view.to_frame)
    both = canvas.bgr()
    box, zoom = _window(view, result.engine.pixel_threshold, whole)
    told = {0.0: "nothing to outline", 1.0: "outlines"}
    return (
        _panel(both[:, :width], "picture"),
        _panel(both[:, width:], "heatmap"),
        _panel(
            _outlined(view, result.engine.pixel_threshold, box),
            told.get(zoom, f"outlines, enlarged {zoom:.1f} times"),
        ),
    )


def _window(
    view: PictureView, threshold: float, whole: Placement
) -> tuple[tuple[int, int, int, int], float]:
    """The part of the picture that holds all outlines with room around them, and how many times it
    is enlarged; the whole picture where that is little, and 0 where there are no outlines."""
    height, width = view.image.shape[:2]
    truth, contour = _outlines(view, threshold, whole.affine)
    if not truth and not contour:
        return (0, 0, width, height), 0.0
    points = whole.affine.inverse().apply(np.concatenate((*truth, *contour)))
    low, high = points.min(axis=0), points.max(axis=0)
    sides = np.array((width, height))
    zoom = min(float(np.min(_SHARE * sides / np.maximum(high - low, 1))), MAX_ZOOM)
    if zoom < _LEAST_ZOOM:
        return (0, 0, width, height), 1.0
    shown = np.maximum(np.rint(sides / zoom).astype(int), 1)
    x0, y0 = np.clip(np.rint((low + high - shown) / 2).astype(int), 0, sides - shown).tolist()
    return (x0, y0, x0 + int(shown[0]), y0 + int(shown[1])), zoom


def _outlined(view: PictureView, threshold: float, box: tuple[int, int, int, int]) -> Image:
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
    canvas.outline(truth, Colour.of(TRUTH_RGB), 2)
    canvas.outline(contour, Colour.of(CONTOUR_RGB), 2)
    return canvas.bgr()


def _outlines(
    view: PictureView, threshold: float, to_panel: Affine
) -> tuple[list[Points], list[Points]]:
    """Of the mask and of the map. to_panel: picture pixels -> panel pixels."""
    contour = _map_outlines(view.anomaly_map, threshold, to_panel.after(view.to_frame))
    truth = [] if view.mask is None else _mask_outlines(view.mask, to_panel)
    return truth, contour


def scale_bar() -> str:
    """The colours of the scale from low to high, as a data URI."""
    strip = np.repeat(heat_bgr()[None], 12, axis=0)
    return data_uri("image/png", _encoded(".png", strip, []))


def _middle(pictures: list[PictureResult]) -> Iterator[PictureResult]:
    if pictures:
        yield pictures[len(pictures) // 2]


def _of(pictures: tuple[PictureResult, ...]) -> str:
    cut = len(pictures) > PER_GROUP
    return f"; {PER_GROUP} of {len(pictures)} are shown." if cut else "."


def _map_outlines(anomaly_map: Map, threshold: float, to_panel: Affine) -> list[Points]:
    """Outlines where the map is at or above the threshold, in panel pixels. The map is enlarged
    before it is compared, as in the heatmap, so that the outline is smooth."""
    height, width = anomaly_map.shape
    corners = to_panel.apply(np.array(((0.0, 0.0), (width, height))))
    size = np.maximum(np.rint(corners[1] - corners[0]).astype(int), 1)
    enlarged = cv2.resize(anomaly_map, (int(size[0]), int(size[1])))
    x0, y0, x1, y1 = corners.ravel().tolist()
    place = Affine.between((int(size[1]), int(size[0])), (x0, y0, x1, y1))
    return _mask_outlines(np.asarray(enlarged >= np.float32(threshold)), place)


def _mask_outlines(mask: Mask, to_panel: Affine) -> list[Points]:
    """Round the middles of the outermost pixels."""
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    return [to_panel.apply(np.asarray(ring[:, 0], np.float64) + 0.5) for ring in found]


def _panel(pixels: Image, told: str) -> Panel:
    for quality in _QUALITIES:
        content = _encoded(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if len(content) <= PANEL_BYTES:
            break
    return Panel(data_uri("image/jpeg", content), (pixels.shape[1], pixels.shape[0]), told)


def _encoded(kind: str, pixels: Image, options: list[int]) -> bytes:
    done, content = cv2.imencode(kind, pixels, options)
    if not done:
        raise ValueError(f"OpenCV cannot write {kind} pictures")
    return content.tobytes()
