"""Renders frames with defects of known size, and maps like those of an engine."""

import io
import math
from dataclasses import dataclass, field
from typing import Final

import av
import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.atlas.shapes import (
    KINDS,
    LONG,
    MM_PER_PX,
    Outline,
    Shape,
    Sizes,
    measure_truth,
)
from benchmarks.atlas.textures import FRAME_HW, TEXTURES, Picture, draw_texture

MAP_HW: Final = (256, 448)
SUPERSAMPLING: Final = 8
CAMERA_MM: Final = 400.0
"""Distance of the camera from the product."""

COLUMNS: Final = 3
ROWS: Final = 2
"""Places of the defects in a frame."""

NOISE: Final = 2.0
OPTICS_PX: Final = 0.7
SWELL_PX: Final = 5.0
"""Standard deviation by which a map smears a defect, in map pixels."""

SHADE: Final = 0.25
_LUMA: Final = (0.114, 0.587, 0.299)


@dataclass(frozen=True, slots=True)
class Cell:
    """Conditions of one row of the atlas. size_mm: of the kind. contrast: share of the brightness.
    blur_px: of the optics. tilt: of the camera in degrees. texture: None draws all in turn.
    coding: "none", "jpeg 70" (quality) or "h264 28" (crf)."""

    kind: str
    size_mm: float
    contrast: float
    blur_px: float = OPTICS_PX
    tilt: float = 0.0
    texture: str | None = None
    coding: str = "none"


@dataclass(frozen=True, slots=True)
class Target:
    """A rendered defect. box: x0, y0, x1, y1 of its place in frame pixels. centre: of each separate
    part, in frame pixels. parts: sizes of each separate part. whole: of all together."""

    box: tuple[float, float, float, float]
    centres: tuple[tuple[float, float], ...]
    parts: tuple[Sizes, ...]
    whole: Sizes


@dataclass(frozen=True, slots=True)
class Scene:
    """image: (H, W, 3) uint8 BGR. anomaly_map: MAP_HW float32, threshold 1. to_plane: 3x3 matrix
    from frame pixels to mm."""

    image: npt.NDArray[np.uint8]
    anomaly_map: Picture
    to_plane: npt.NDArray[np.float64]
    targets: list[Target] = field(default_factory=list)


def tilted_plane(degrees: float) -> npt.NDArray[np.float64]:
    """Matrix from mm on the product, with the origin in the middle of the frame, to pixels."""
    height, width = FRAME_HW
    focal = CAMERA_MM / MM_PER_PX
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    centre = np.array(((1, 0, width / 2), (0, 1, height / 2), (0, 0, 1)), float)
    return centre @ np.array(((focal, 0, 0), (0, focal * cosine, 0), (0, sine, CAMERA_MM)))


def render(cell: Cell, frame: int, seed: int) -> Scene:
    """Frame number `frame` of a cell. The same arguments give the same scene."""
    kind = list(KINDS).index(cell.kind)
    rng = np.random.default_rng((seed, kind, frame, round(cell.size_mm * 10)))
    names = list(TEXTURES)
    name = cell.texture or names[frame % len(names)]
    surface = draw_texture(name, seed + frame // len(names)).copy()
    to_px = tilted_plane(cell.tilt)
    light = np.ones_like(surface)
    anomaly = np.full(MAP_HW, 0.2, np.float32)
    targets = []
    for place in _places(cell.kind):
        shape = _turn(_make(cell, rng), rng, cell.kind)
        target, masks = _draw(cell, shape, place, to_px, light, rng)
        targets.append(target)
        anomaly = np.maximum(anomaly, _response(masks, rng.uniform(1.4, 3)))
    cloud = cv2.GaussianBlur(rng.standard_normal(MAP_HW).astype(np.float32), (0, 0), 4)
    anomaly += np.float32(0.08) * cloud / cloud.std()
    if cell.kind == "colour":
        surface += (light - 1) * 128
    else:
        surface *= light
    image = _photograph(surface, cell, rng)
    return Scene(image, anomaly, np.linalg.inv(to_px), targets)


def _make(cell: Cell, rng: np.random.Generator) -> Shape:
    return KINDS[cell.kind](cell.size_mm * (2 if cell.kind in LONG else 1), rng)


def _places(kind: str) -> list[tuple[float, float, float, float]]:
    height, width = FRAME_HW
    columns, rows = (1, 3) if kind == "across" else (COLUMNS, ROWS)
    across, down = width / columns, height / rows
    return [
        (i * across, j * down, (i + 1) * across, (j + 1) * down)
        for j in range(rows)
        for i in range(columns)
    ]


def _turn(shape: Shape, rng: np.random.Generator, kind: str) -> Shape:
    angle = rng.uniform(-0.07, 0.07) if kind == "across" else rng.uniform(0, 2 * np.pi)
    sine, cosine = math.sin(angle), math.cos(angle)
    turn = np.array(((cosine, -sine), (sine, cosine)))

    def turned(outline: Outline) -> Outline:
        return np.asarray(outline @ turn.T)

    layers = tuple(
        type(layer)(turned(layer.outline), layer.strength, layer.edge_mm) for layer in shape.layers
    )
    return Shape(layers, tuple(tuple(map(turned, part)) for part in shape.truths))


def _draw(
    cell: Cell,
    shape: Shape,
    place: tuple[float, float, float, float],
    to_px: npt.NDArray[np.float64],
    light: Picture,
    rng: np.random.Generator,
) -> tuple[Target, list[npt.NDArray[np.float32]]]:
    """Darkens or brightens `light` in place. Returns the target and the cover of its layers."""
    x0, y0, x1, y1 = place
    middle = np.array(((x0 + x1) / 2, (y0 + y1) / 2)) + rng.uniform(-15, 15, 2)
    on_plane = _map_points(middle[None], np.linalg.inv(to_px))[0]
    sign = rng.choice((-1.0, 1.0))
    step = np.full(3, sign * cell.contrast, np.float32)
    if cell.kind == "colour":
        step = np.array((0, -_LUMA[2] / _LUMA[1], 1.0), np.float32) * np.float32(
            sign * cell.contrast
        )
    masks = []
    for layer in shape.layers:
        is_shadow = math.isnan(layer.strength)
        outline = _map_points(layer.outline + on_plane, to_px)
        window, cover = _cover(outline, layer.edge_mm / MM_PER_PX)
        strength = np.float32(-SHADE) if is_shadow else step * np.float32(layer.strength)
        if is_shadow:
            light[window] *= 1 + cover[..., None] * strength
        else:
            light[window] += cover[..., None] * strength
            whole = np.zeros(FRAME_HW, np.float32)
            whole[window] = cover
            masks.append(whole)
    truths = [tuple(outline + on_plane for outline in part) for part in shape.truths]
    if cell.kind == "across":
        truths = [(_clip(part[0], to_px),) for part in truths]
    centres = tuple(
        (float(x), float(y))
        for x, y in (_map_points(np.concatenate(part), to_px).mean(axis=0) for part in truths)
    )
    everything = tuple(outline for part in truths for outline in part)
    target = Target(place, centres, tuple(map(measure_truth, truths)), measure_truth(everything))
    return target, masks


def _clip(outline: Outline, to_px: npt.NDArray[np.float64]) -> Outline:
    """The part of a convex outline in mm that lies in the frame."""
    height, width = FRAME_HW
    frame = np.array(((0, 0), (width, 0), (width, height), (0, height)), np.float32)
    inside = _map_points(outline, to_px).astype(np.float32)
    _, common = cv2.intersectConvexConvex(cv2.convexHull(inside), frame)
    return _map_points(common[:, 0].astype(np.float64), np.linalg.inv(to_px))


def _map_points(points: Outline, matrix: npt.NDArray[np.float64]) -> Outline:
    mapped = np.column_stack((points, np.ones(len(points)))) @ matrix.T
    return np.asarray(mapped[:, :2] / mapped[:, 2:])


def _cover(outline: Outline, edge_px: float) -> tuple[tuple[slice, slice], Picture]:
    """Share of each pixel that lies inside an outline in frame pixels, and where in the frame."""
    height, width = FRAME_HW
    margin = 2 + 4 * edge_px
    x0, y0 = np.maximum(np.floor(outline.min(axis=0) - margin), 0).astype(int).tolist()
    x1, y1 = np.minimum(np.ceil(outline.max(axis=0) + margin), (width, height)).astype(int).tolist()
    finer = 2 if edge_px else SUPERSAMPLING
    raster = np.zeros(((y1 - y0) * finer, (x1 - x0) * finer), np.uint8)
    vertices = np.rint(((outline - (x0, y0)) * finer - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(raster, [vertices], 1, shift=4)
    if edge_px:
        away = cv2.distanceTransform(raster, cv2.DIST_L2, 5) - 0.5
        outside = cv2.distanceTransform(1 - raster, cv2.DIST_L2, 5) - 0.5
        signed = np.where(raster > 0, away, -outside) / (finer * edge_px)
        values = _normal(np.asarray(signed, np.float32))
    else:
        # fillPoly also fills the pixels under the outline. The mean of with and without is right.
        inner = raster.copy()
        cv2.polylines(inner, [vertices], True, 0, shift=4)
        values = (raster.astype(np.float32) + inner) / 2
    small = cv2.resize(values, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
    return (slice(y0, y1), slice(x0, x1)), np.asarray(small, np.float32)


def _normal(values: Picture) -> Picture:
    """Cumulative normal distribution, to 1e-3, from a table."""
    table = np.linspace(-4, 4, 801)
    heights = [0.5 * (1 + math.erf(v / math.sqrt(2))) for v in table]
    return np.interp(values, table, heights).astype(np.float32)


def _response(masks: list[Picture], peak: float) -> Picture:
    """The map of one defect: its mask, smeared, with the given highest value."""
    mask = np.clip(np.sum(masks, axis=0), 0, 1).astype(np.float32)
    small = cv2.resize(mask, MAP_HW[::-1], interpolation=cv2.INTER_AREA)
    smeared = cv2.GaussianBlur(small, (0, 0), SWELL_PX, borderType=cv2.BORDER_REFLECT)
    return np.asarray(peak * smeared / smeared.max(), np.float32)


def _photograph(surface: Picture, cell: Cell, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    seen = cv2.GaussianBlur(surface, (0, 0), cell.blur_px)
    seen += NOISE * rng.standard_normal(seen.shape).astype(np.float32)
    image = np.rint(seen).clip(0, 255).astype(np.uint8)
    name, _, quality = cell.coding.partition(" ")
    if name == "jpeg":
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return image if name == "none" else _through_h264(image, quality)


def _through_h264(image: npt.NDArray[np.uint8], crf: str) -> npt.NDArray[np.uint8]:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": crf, "preset": "fast"})
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = "yuv420p"
        for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")):
            out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)
    file.seek(0)
    with av.open(file) as video:
        return np.asarray(next(video.decode(video=0)).to_ndarray(format="bgr24"), np.uint8)
