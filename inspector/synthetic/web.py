"""Renders a moving web from a texture picture, with defects that move with it."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Image
from inspector.synthetic.rendered_defects import RenderedDefect, random_defect, render

_NOISE_MARGIN = 64
"""The stored noise is this many pixels larger than a frame. Each frame uses another part of it."""

_FIELD_UNIT = 160
"""The illumination field is stored as uint8 with this many steps per 1.0."""

DefectRequest = tuple[str, float | None, float | None]
"""Kind, length and width in mm of a defect. None: a random value."""


@dataclass(frozen=True, slots=True)
class VisibleDefect:
    """One defect in one frame, in frame pixels.

    web_id: number of the defect, the same in every frame. complete: no part of its true outline is
    outside the frame.
    """

    web_id: int
    defect: RenderedDefect
    complete: bool


class MovingWeb:
    """An endless web in front of a fixed camera.

    Frame pixel (x, y) of frame i shows web pixel (x, y + i * speed). The texture repeats, and is
    mirrored at its borders so that no seam is visible.

    texture: (h, w, 3) uint8 BGR. defects: in web pixels. repeat_px: the defects repeat after
    this length of web; None: each appears once. unevenness: share by which the darkest part of the
    illumination is below the brightest, 0..0.6. flicker: standard deviation of the brightness from
    frame to frame. noise: standard deviation of the sensor noise in grey levels, 0..20.
    """

    def __init__(
        self,
        texture: Image,
        *,
        frame_hw: tuple[int, int],
        mm_per_px: float,
        speed_px_per_frame: float,
        seed: int,
        defects: Sequence[RenderedDefect] = (),
        repeat_px: float | None = None,
        unevenness: float = 0.25,
        flicker: float = 0.01,
        noise: float = 2.0,
    ) -> None:
        _check(texture, frame_hw, mm_per_px, unevenness, noise)
        if speed_px_per_frame < 0:
            raise ValueError(f"speed_px_per_frame must be at least 0, not {speed_px_per_frame}")
        self.frame_hw, self.mm_per_px = frame_hw, mm_per_px
        self.speed_px_per_frame, self.repeat_px = speed_px_per_frame, repeat_px
        self.defects = tuple(defects)
        self._base, self._period = _repeat_texture(texture, frame_hw)
        self._seed, self._flicker = seed, flicker
        rng = np.random.default_rng((seed, 0))
        self._field = _illumination(frame_hw, unevenness, rng)
        self._noise_up, self._noise_down = _noise(frame_hw, noise, rng)
        self._patches: dict[int, tuple[int, int, Image]] = {}

    def position(self, index: int) -> float:
        """Length of web in px that has passed the first row of frame `index`."""
        return index * self.speed_px_per_frame

    def visible(self, index: int) -> list[VisibleDefect]:
        """The defects in frame `index`, including those that are partly visible."""
        visible = []
        height, width = self.frame_hw
        for web_id, defect in self._near(index):
            moved = defect.shifted(0.0, -self.position(index))
            x0, y0, x1, y1 = moved.bounds
            if x1 > 0 and y1 > 0 and x0 < width and y0 < height:
                complete = x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height
                visible.append(VisibleDefect(web_id, moved, complete))
        return visible

    def frame(self, index: int) -> tuple[Image, list[VisibleDefect]]:
        """The picture (H, W, 3) uint8 BGR and its defects. It depends only on the index."""
        return self._through_camera(self._surface(index), index), self.visible(index)

    def _surface(self, index: int) -> Image:
        position = self.position(index)
        start, part = int(position), position - int(position)
        window = self._window(start)
        for web_id, defect in self._near(index):
            x, y, patch = self._patch(web_id, defect)
            _paste(window, patch, x, y - start)
        first = window[: self.frame_hw[0]]
        if part == 0:
            return first
        return np.asarray(cv2.addWeighted(first, 1 - part, window[1:], part, 0), np.uint8)

    def _window(self, start: int) -> Image:
        """A copy of the web without defects from `start`, one row longer than a frame."""
        begin = start % self._period
        return self._base[begin : begin + self.frame_hw[0] + 1].copy()

    def _near(self, index: int) -> list[tuple[int, RenderedDefect]]:
        """(number, defect) of each defect that may touch the frame, including repetitions."""
        start = self.position(index)
        end = start + self.frame_hw[0] + 1
        near = []
        for number, defect in enumerate(self.defects):
            _, low, _, high = defect.touched_box()
            rounds = [0]
            if self.repeat_px is not None:
                first = int(np.ceil((start - high) / self.repeat_px))
                rounds = list(range(max(first, 0), int((end - low) // self.repeat_px) + 1))
            for turn in rounds:
                offset = turn * self.repeat_px if self.repeat_px is not None else 0.0
                if low + offset < end and high + offset > start:
                    moved = defect.shifted(0.0, offset) if turn else defect
                    near.append((turn * len(self.defects) + number, moved))
        return near

    def _patch(self, web_id: int, defect: RenderedDefect) -> tuple[int, int, Image]:
        """Left, top and pixels of the web around a defect. The last 64 are cached."""
        if web_id not in self._patches:
            if len(self._patches) >= 64:
                self._patches.pop(next(iter(self._patches)))
            x0, y0, x1, y1 = defect.touched_box()
            x0, x1 = max(x0, 0), min(x1, self.frame_hw[1])
            bare = self._base[np.arange(y0, y1) % self._period, x0:x1]
            self._patches[web_id] = x0, y0, render(bare, defect.shifted(-x0, -y0))
        return self._patches[web_id]

    def _through_camera(self, surface: Image, index: int) -> Image:
        rng = np.random.default_rng((self._seed, 1, index))
        flicker = float(np.clip(1 + self._flicker * rng.standard_normal(), 0.5, 1.2))
        lit = cv2.multiply(surface, self._field, scale=flicker / _FIELD_UNIT)
        y, x = rng.integers(0, _NOISE_MARGIN, 2)
        height, width = self.frame_hw
        part = np.s_[y : y + height, x : x + width]
        cv2.add(lit, self._noise_up[part], dst=lit)
        cv2.subtract(lit, self._noise_down[part], dst=lit)
        return np.asarray(lit, np.uint8)


def scatter_defects(
    requests: Sequence[DefectRequest],
    rng: np.random.Generator,
    *,
    frame_hw: tuple[int, int],
    mm_per_px: float,
    start_px: float,
    spacing_px: float,
    gap_px: float | None = None,
) -> list[RenderedDefect]:
    """Places the requested defects in random order, one per `spacing_px` of web.

    Along the web each is moved at random by up to a fifth of the spacing. Across the web its place
    is random inside the borders, or in the middle if it is too long. start_px: web position of the
    first centre. gap_px: least distance between the boxes of two defects; where needed, the web
    before a defect gets longer. None: defects may overlap.
    """
    across = frame_hw[1]
    defects: list[RenderedDefect] = []
    delay = 0.0
    for place, number in enumerate(rng.permutation(len(requests))):
        kind, length, width = requests[number]
        centre = start_px + spacing_px * (place + rng.uniform(-0.2, 0.2))
        at_origin = random_defect(
            kind,
            rng,
            centre_px=(0.0, 0.0),
            mm_per_px=mm_per_px,
            length_mm=length,
            width_mm=width,
        )
        x0, _, x1, _ = at_origin.touched_box()
        low, high = -x0, across - x1
        for attempt in itertools.count(1):
            side = rng.uniform(low, high) if low < high else across / 2
            defect = at_origin.shifted(side, centre + delay)
            if gap_px is None or all(_are_apart(defect, other, gap_px) for other in defects):
                break
            # Try 20 places across the web, then move along it.
            delay += spacing_px / 8 if attempt % 20 == 0 else 0.0
        defects.append(defect)
    return defects


def _are_apart(first: RenderedDefect, second: RenderedDefect, gap_px: float) -> bool:
    a, b = first.bounds, second.bounds
    x, y = max(a[0], b[0]) - min(a[2], b[2]), max(a[1], b[1]) - min(a[3], b[3])
    return max(x, y) >= gap_px


def _check(
    texture: Image,
    frame_hw: tuple[int, int],
    mm_per_px: float,
    unevenness: float,
    noise: float,
) -> None:
    if texture.ndim != 3 or texture.shape[2] != 3 or min(texture.shape) < 2:
        raise ValueError(f"a texture must be (h, w, 3), h and w at least 2, not {texture.shape}")
    if min(frame_hw) < 1 or not mm_per_px > 0:
        raise ValueError(f"frame size {frame_hw} and mm_per_px {mm_per_px} must be positive")
    if not (0 <= unevenness <= 0.6 and 0 <= noise <= 20):
        raise ValueError(f"unevenness {unevenness} must be in 0..0.6, noise {noise} in 0..20")


def _repeat_texture(texture: Image, frame_hw: tuple[int, int]) -> tuple[Image, int]:
    """Mirrors the texture until it is as wide as the frame, and repeats it along the web.

    Returns one period plus a frame, so that every window is one slice, and the period in px.
    """
    wide = texture
    while wide.shape[1] < frame_hw[1]:
        wide = np.concatenate((wide, wide[:, ::-1]), axis=1)
    wide = wide[:, : frame_hw[1]]
    loop = np.concatenate((wide, wide[::-1]))
    period = len(loop)
    return loop[np.arange(period + frame_hw[0] + 1) % period], period


def _illumination(frame_hw: tuple[int, int], unevenness: float, rng: np.random.Generator) -> Image:
    """Light from one side with dark corners, at most 1; (H, W, 3) uint8, _FIELD_UNIT per 1.0."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, size) for size in frame_hw), indexing="ij")
    angle = rng.uniform(0, 2 * np.pi)
    dark = 0.5 * (x * np.cos(angle) + y * np.sin(angle)) + 0.5 * (x * x + y * y)
    dark = (dark - dark.min()) / max(float(np.ptp(dark)), 1e-9)
    field = np.rint((1 - unevenness * dark) * _FIELD_UNIT).astype(np.uint8)
    return np.repeat(field[..., None], 3, axis=2)


def _noise(
    frame_hw: tuple[int, int], deviation: float, rng: np.random.Generator
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Positive and negative noise, separate because uint8 arithmetic saturates."""
    size = frame_hw[0] + _NOISE_MARGIN, frame_hw[1] + _NOISE_MARGIN, 3
    noise = np.rint(deviation * rng.standard_normal(size, np.float32))
    return np.maximum(noise, 0).astype(np.uint8), np.maximum(-noise, 0).astype(np.uint8)


def _paste(window: Image, patch: Image, x: int, y: int) -> None:
    """Copies the patch into the window with its top left pixel at (x, y), cut at the borders."""
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + patch.shape[1], window.shape[1]), min(y + patch.shape[0], window.shape[0])
    if x0 < x1 and y0 < y1:
        window[y0:y1, x0:x1] = patch[y0 - y : y1 - y, x0 - x : x1 - x]
