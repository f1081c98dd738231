"""Renders frames with several defects of one cell, and a map such as an engine gives."""

import io
import math
import zlib
from dataclasses import dataclass

import av
import cv2
import numpy as np
from scipy.special import ndtr

from benchmarks.atlas.cells import PER_FRAME, Cell
from benchmarks.atlas.kinds import Draw, Layer, TrueDefect, draw_defect
from benchmarks.atlas.shapes import Array, share_inside
from benchmarks.atlas.textures import Float, Rng, draw_texture
from inspector.core.arrays import Image, Map

FRAME_HW = (720, 1280)
MM_PER_PX = 0.1
NOISE_GREY = 1.0
OPACITY = 0.9
LENS_PX = 2000.0
"""Focal length. The distance of the camera follows from it and MM_PER_PX."""

MAP_HW = (256, 448)
MAP_BLUR_PX = 5.0
"""Map pixels. Regions on an engine's map are wider than the defects by about this on each side."""

THRESHOLD = 1.0
PEAKS = (1.8, 3.5)

_TILES = (4, 2)
_JITTER_PX = 12.0
_REACH_SIGMAS = 4.0


@dataclass(frozen=True, slots=True)
class Scene:
    """homography: frame pixels -> mm, 3x3. anomaly_map: MAP_HW, its threshold is THRESHOLD."""

    image: Image
    defects: tuple[TrueDefect, ...]
    homography: Array
    anomaly_map: Map
    texture: str


def render_scene(cell: Cell, frame: int, seed: int) -> Scene:
    """Draws frame number `frame` of a cell. The same arguments give the same frame."""
    rng = np.random.default_rng((seed, zlib.crc32(cell.name.encode()), frame))
    homography = view_plane(cell.tilt_deg, float(rng.uniform(0, 2 * math.pi)))
    centres = project(homography, _draw_centres(cell, rng))
    signs = rng.choice((-1, 1), PER_FRAME)
    frame_mm = FRAME_HW[1] * MM_PER_PX, FRAME_HW[0] * MM_PER_PX
    defects = tuple(
        draw_defect(cell.kind, Draw(rng, centre, cell.size_mm, cell.contrast * sign, frame_mm))
        for centre, sign in zip(centres, signs, strict=True)
    )
    texture = cell.texture_of(frame)
    canvas, optics = Canvas(homography), Optics(cell.blur_px, cell.compression)
    return compose(defects, canvas, texture, rng, optics)


@dataclass(frozen=True, slots=True)
class Optics:
    """blur_px: standard deviation of the blur. compression: see compress()."""

    blur_px: float = 0.7
    compression: str = "none"


def compose(
    defects: tuple[TrueDefect, ...],
    canvas: "Canvas",
    texture: str,
    rng: Rng,
    optics: Optics = Optics(),
    background: Float | None = None,
) -> Scene:
    """Paints defects on a texture. background: the picture of the texture, None to draw it."""
    anomaly_map: Map = np.float32(0.15) * np.abs(_smooth_noise(rng))
    for defect in defects:
        anomaly_map += _swell(canvas.paint(defect), rng)
    if background is None:
        background = draw_texture(texture, rng, FRAME_HW)
    image = expose(canvas.apply(background, optics.blur_px), rng)
    image = compress(image, optics.compression)
    return Scene(image, defects, canvas.homography, anomaly_map, texture)


def expose(picture: Float, rng: Rng) -> Image:
    """The picture with the noise of the camera, as 8 bits."""
    noisy = picture + NOISE_GREY * rng.standard_normal(picture.shape, dtype=np.float32)
    return np.clip(noisy + 0.5, 0, 255).astype(np.uint8)


def view_plane(tilt_deg: float, direction: float) -> Array:
    """Homography from frame pixels to mm for a camera that is tilted towards a direction (radians).
    The scale in the middle of the frame is MM_PER_PX. Without tilt the origin is the corner."""
    height, width = FRAME_HW
    cos, sin = math.cos(direction), math.sin(direction)
    turn = np.array(((cos, -sin, 0), (sin, cos, 0), (0, 0, 1)))
    t = math.radians(tilt_deg)
    lean = np.array(((math.cos(t), 0, math.sin(t)), (0, 1, 0), (-math.sin(t), 0, math.cos(t))))
    rotation = turn @ lean @ turn.T
    camera = np.array(((LENS_PX, 0, width / 2), (0, LENS_PX, height / 2), (0, 0, 1.0)))
    pose = np.column_stack((rotation[:, 0], rotation[:, 1], (0, 0, LENS_PX * MM_PER_PX)))
    from_corner = np.array(
        ((1, 0, -width / 2 * MM_PER_PX), (0, 1, -height / 2 * MM_PER_PX), (0, 0, 1))
    )
    matrix = np.linalg.inv(camera @ pose @ from_corner)
    return np.asarray(matrix / matrix[2, 2])


def project(homography: Array, points: Array) -> Array:
    """points: (..., 2)."""
    x, y, w = np.moveaxis(points @ homography[:, :2].T + homography[:, 2], -1, 0)
    return np.stack((x / w, y / w), axis=-1)


def _draw_centres(cell: Cell, rng: Rng) -> Array:
    """Centres of the defects in frame pixels, one in each chosen tile of the frame."""
    height, width = FRAME_HW
    jitter = rng.uniform(-_JITTER_PX, _JITTER_PX, (PER_FRAME, 2))
    if cell.kind == "across":
        heights = (np.arange(PER_FRAME) + 0.5) * height / PER_FRAME
        return np.column_stack((np.full(PER_FRAME, width / 2), heights)) + jitter
    columns, rows = _TILES
    tiles = rng.choice(columns * rows, PER_FRAME, replace=False)
    x, y = (tiles % columns + 0.5) * width / columns, (tiles // columns + 0.5) * height / rows
    return np.column_stack((x, y)) + jitter


class Canvas:
    """Collects the changes that the defects make, and applies them to a texture."""

    def __init__(self, homography: Array) -> None:
        self.homography = homography
        self._inverse = np.linalg.inv(homography)
        self._gain = np.zeros((*FRAME_HW, 3), np.float32)
        self._opacity = np.zeros(FRAME_HW, np.float32)
        self._light = np.ones(FRAME_HW, np.float32)

    def paint(self, defect: TrueDefect) -> Float:
        """Adds a defect, and returns the share of each pixel that it covers."""
        total = np.zeros(FRAME_HW, np.float32)
        for layer in defect.layers:
            (rows, columns), share = self._cover(layer)
            np.maximum(total[rows, columns], share, out=total[rows, columns])
            self._gain[rows, columns] += share[..., None] * np.array(layer.gain, np.float32)
        if defect.opaque:
            np.maximum(self._opacity, OPACITY * total, out=self._opacity)
        if defect.shade is not None:
            x, y, radius, gain = defect.shade
            height, width = FRAME_HW
            plane = self._plane((slice(0, height), slice(0, width)))
            squared = ((plane - np.array((x, y))) ** 2).sum(axis=-1)
            self._light *= (1 + gain * np.exp(-squared / (2 * radius**2))).astype(np.float32)
        return total

    def apply(self, texture: Float, blur_px: float) -> Float:
        """The texture is drawn as the camera sees it. So only the defects need the optics."""
        gain = cv2.GaussianBlur(self._gain, (0, 0), blur_px)
        opacity = cv2.GaussianBlur(self._opacity, (0, 0), blur_px)[..., None]
        mean = texture.mean(axis=(0, 1))
        plain = texture + opacity * (mean - texture)
        return np.asarray(plain * (1 + gain) * self._light[..., None], np.float32)

    def _cover(self, layer: Layer) -> tuple[tuple[slice, slice], Float]:
        outline = project(self._inverse, layer.shape.boundary)
        reach = 2 + _REACH_SIGMAS * layer.soft / MM_PER_PX
        low = np.maximum(np.floor(outline.min(axis=0) - reach), 0).astype(int)
        high = np.ceil(outline.max(axis=0) + reach).astype(int)
        window = slice(low[1], min(high[1], FRAME_HW[0])), slice(low[0], min(high[0], FRAME_HW[1]))
        if layer.soft:
            x, y = np.moveaxis(self._plane(window), -1, 0)
            return window, ndtr(-layer.shape.level(x, y) / layer.soft).astype(np.float32)
        columns, rows = np.meshgrid(
            np.arange(window[1].start, window[1].stop) + 0.5,
            np.arange(window[0].start, window[0].stop) + 0.5,
        )

        def level(x: Array, y: Array) -> Array:
            u, v = np.moveaxis(project(self.homography, np.stack((x, y), axis=-1)), -1, 0)
            return layer.shape.level(u, v) / self._pitch

        return window, share_inside(level, columns, rows, 1.0).astype(np.float32)

    @property
    def _pitch(self) -> float:
        """mm. The largest size of a pixel, so that levels stay below the distance in pixels."""
        height, width = FRAME_HW
        corners = np.array(
            ((0, 0), (width, 0), (0, height), (width, height), (width / 2, height / 2))
        )
        steps = [
            project(self.homography, corners + step) - project(self.homography, corners)
            for step in ((1, 0), (0, 1), (0.7, 0.7), (0.7, -0.7))
        ]
        return 1.02 * float(np.hypot(*np.concatenate(steps).T).max())

    def _plane(self, window: tuple[slice, slice]) -> Array:
        rows, columns = np.mgrid[window]
        return project(self.homography, np.stack((columns, rows), axis=-1) + 0.5)


def _swell(mask: Float, rng: Rng) -> Map:
    """The blurred, slightly uneven mask, with a peak above the threshold."""
    small = cv2.resize(mask, MAP_HW[::-1], interpolation=cv2.INTER_AREA)
    swollen = cv2.GaussianBlur(small, (0, 0), MAP_BLUR_PX) * (1 + 0.1 * _smooth_noise(rng))
    return np.asarray(rng.uniform(*PEAKS) * swollen / swollen.max(), np.float32)


def _smooth_noise(rng: Rng) -> Map:
    noise = cv2.GaussianBlur(rng.standard_normal(MAP_HW, dtype=np.float32), (0, 0), 6.0)
    return np.asarray(noise / noise.std(), np.float32)


def compress(image: Image, compression: str) -> Image:
    """Compresses and decodes a picture: "none", "jpeg QUALITY", or "h264 CRF" (third frame)."""
    codec, _, level = compression.partition(" ")
    if codec == "none":
        return image
    if codec == "jpeg":
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(level)])
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    if codec != "h264":
        raise ValueError(f"unknown compression: {compression}; known: none, jpeg, h264")
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": level})
        stream.height, stream.width, stream.pix_fmt = *image.shape[:2], "yuv420p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file) as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    return np.asarray(frames[-1], np.uint8)
