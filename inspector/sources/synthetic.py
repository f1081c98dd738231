"""A source without hardware: a moving web with defects of known millimetres."""

import math
import threading
import time
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from engines.pictures import decode_picture
from inspector.core.arrays import Image, frozen
from inspector.core.clock import now_ns, utc_now
from inspector.core.errors import DataError, SourceError
from inspector.core.types import Frame, SourceInfo
from inspector.sources.options import SyntheticOptions
from inspector.synthetic.defect_shapes import KINDS
from inspector.synthetic.web import MovingWeb, VisibleDefect, scattered_defects

DEFAULT_FPS = 10.0
DEFAULT_HW = (720, 1280)

_FRAMES_TO_PASS = 16
"""Frames that a point of the web needs from one border of the picture to the other."""

_DEFECTS_PER_KIND = 8
"""After this many of every kind the same defects come again."""

_THREAD_PX = 9
"""Pitch of the woven texture: coarse enough to survive downscaling by 3."""


class SyntheticSource:
    """Frames of a web that scrolls by a sixteenth of the picture per frame.

    name: becomes info.source_id. options.fps: None is 10; options.frame_size: None is 1280x720.
    """

    def __init__(self, name: str, options: SyntheticOptions) -> None:
        web = options.synthetic
        fps = DEFAULT_FPS if options.fps is None else options.fps
        frame_hw = options.frame_hw or DEFAULT_HW
        seed, mm_per_px, defect_rate = web.seed, web.mm_per_px, web.defect_rate
        if not (fps > 0 and mm_per_px > 0 and defect_rate >= 0 and min(frame_hw) > 0):
            raise SourceError(
                "a synthetic source needs fps, mm_per_px and frame size above 0 and a defect rate"
                f" of at least 0, not {fps}, {mm_per_px}, {frame_hw} and {defect_rate}"
            )
        surface = woven_texture(seed) if web.texture is None else _read_texture(Path(web.texture))
        self._web = _web(surface, frame_hw, mm_per_px, seed, defect_rate)
        frames, paced = web.frames, web.paced
        self._frames, self._paced = frames, paced
        self._tick = 1 / Fraction(fps).limit_denominator(1001)
        self._next, self._due_s = 0, 0.0
        self._closed = threading.Event()
        self._info = SourceInfo(
            source_id=name,
            live=paced,
            frame_hw=frame_hw,
            fps=fps,
            frame_count=frames,
            duration_s=None if frames is None else float(frames * self._tick),
            time_base=None if paced else self._tick,
        )

    @property
    def info(self) -> SourceInfo:
        return self._info

    def truth(self, frame_id: int) -> list[VisibleDefect]:
        """The defects that are rendered in a frame, in its pixels."""
        return self._web.visible(frame_id)

    def read(self) -> Frame | None:
        if self._next == self._frames or self._closed.is_set():
            return None
        frame_id = self._next
        image, _ = self._web.frame(frame_id)
        if self._paced and not self._wait():
            return None
        self._next += 1
        return Frame(
            frame_id=frame_id,
            source_id=self._info.source_id,
            image=frozen(image),
            captured_ns=now_ns(),
            pts_s=None if self._paced else float(frame_id * self._tick),
            wall_time_utc=utc_now(),
        )

    def close(self) -> None:
        self._closed.set()

    def _wait(self) -> bool:
        """Until the next frame is due; False where close() came first. A late reader finds its
        frame at once, and the next one a full period later."""
        now = time.monotonic()
        due = max(self._due_s, now)
        self._due_s = due + float(self._tick)
        return not self._closed.wait(due - now)


def woven_texture(seed: int, threads: tuple[int, int] = (80, 143)) -> Image:
    """A plain weave of uneven threads; (h, w, 3) uint8 BGR.

    threads: down and across. The first and the last are cut in the middle, so that the picture
    can be mirrored at its borders without a seam.
    """
    hw = threads[0] * _THREAD_PX, threads[1] * _THREAD_PX
    rng = np.random.default_rng((seed, 2))
    y, x = (np.indices(hw, dtype=np.float32) + 0.5) / _THREAD_PX + 0.5
    column, row = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    warp, weft = np.cos((x - column - 0.5) * math.pi), np.cos((y - row - 0.5) * math.pi)
    warp *= (1 + 0.10 * rng.standard_normal(column.max() + 1).astype(np.float32))[column]
    weft *= (1 + 0.10 * rng.standard_normal(row.max() + 1).astype(np.float32))[row]
    height = np.where((column + row) % 2 == 0, warp, weft)
    cloud = cv2.GaussianBlur(rng.standard_normal(hw).astype(np.float32), (0, 0), 12)
    fuzz = cv2.GaussianBlur(rng.standard_normal(hw).astype(np.float32), (0, 0), 1)
    grey = 70 + 75 * height + 3 * cloud / cloud.std() + 7 * fuzz / fuzz.std()
    colour = grey[..., None] * np.array((0.86, 0.95, 1.0), np.float32)
    return np.clip(np.rint(colour), 0, 255).astype(np.uint8)


def _web(
    surface: Image, frame_hw: tuple[int, int], mm_per_px: float, seed: int, defect_rate: float
) -> MovingWeb:
    speed = frame_hw[0] / _FRAMES_TO_PASS
    if defect_rate == 0:
        return MovingWeb(
            surface, frame_hw=frame_hw, mm_per_px=mm_per_px, speed_px_per_frame=speed, seed=seed
        )
    spacing = speed / defect_rate
    defects = scattered_defects(
        [(kind, None, None) for kind in KINDS] * _DEFECTS_PER_KIND,
        np.random.default_rng((seed, 3)),
        frame_hw=frame_hw,
        mm_per_px=mm_per_px,
        start_px=frame_hw[0] + spacing,
        spacing_px=spacing,
    )
    return MovingWeb(
        surface,
        frame_hw=frame_hw,
        mm_per_px=mm_per_px,
        speed_px_per_frame=speed,
        seed=seed,
        defects=defects,
        repeat_px=spacing * len(defects),
    )


def _read_texture(path: Path) -> Image:
    try:
        image: Image = decode_picture(path)
    except DataError as exc:
        raise SourceError(f"source.synthetic.texture: {exc}") from exc
    if min(image.shape[:2]) < 2:
        raise SourceError(f"source.synthetic.texture: {path} must have at least 2x2 pixels")
    return image
