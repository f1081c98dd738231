"""Pictures of a folder as frames of a steady rate."""

import glob
import re
from fractions import Fraction
from pathlib import Path
from threading import Event

import cv2
import numpy as np
from loguru import logger

from inspector.core.arrays import Image
from inspector.core.errors import SourceError
from inspector.core.types import BadFrame, Frame, SourceInfo
from inspector.sources.numbering import Numbering
from inspector.sources.options import ImageFolderOptions
from inspector.sources.uri import PICTURE_SUFFIXES

DEFAULT_FPS = 10.0

# A share says little about a few pictures.
_FEW = 10


class ImageFolderSource:
    """A folder, a glob or one picture; in natural order of the names (2 before 10).

    pattern: of a folder, the pictures right in it are taken, by their suffix. options.fps: None
    is 10. options.max_unreadable: share in [0, 1] of the pictures read so far (taken as 10 while
    they are fewer) that may be unreadable: each comes as BadFrame, one more and read() raises
    SourceError. Grey pictures become BGR, alpha is dropped, 16 bits are scaled to 8, the EXIF
    orientation is honoured. Pictures may differ in size; `info.frame_hw` is that of the first
    readable one.
    """

    def __init__(self, pattern: str, options: ImageFolderOptions) -> None:
        fps = DEFAULT_FPS if options.fps is None else options.fps
        max_unreadable = options.max_unreadable
        if fps <= 0:
            raise SourceError(f"the rate for the pictures {pattern} must be above 0, not {fps}")
        if not 0 <= max_unreadable <= 1:
            raise SourceError(f"max_unreadable must be in 0..1, not {max_unreadable}")
        self._pattern = pattern
        self._paths = _found(pattern)
        self._max_unreadable = max_unreadable
        self._unreadable = 0
        self._period = 1 / Fraction(fps).limit_denominator(1_000_000)
        self._numbering = Numbering(pattern)
        self._closing = Event()
        self._info = SourceInfo(
            source_id=pattern,
            live=False,
            frame_hw=_first_size(self._paths, pattern),
            fps=fps,
            frame_count=len(self._paths),
            duration_s=float(len(self._paths) * self._period),
            time_base=self._period,
        )

    @property
    def info(self) -> SourceInfo:
        return self._info

    def read(self) -> Frame | BadFrame | None:
        index = self._numbering.count
        if self._closing.is_set() or index == len(self._paths):
            return None
        path = self._paths[index]
        pts_s = float(index * self._period)
        try:
            return self._numbering.frame(read_picture(path), pts_s, path.name)
        except SourceError as exc:
            logger.warning("{}", exc)
            self._count_unreadable(index + 1)
            return self._numbering.bad(str(exc), None, pts_s, path.name)

    def close(self) -> None:
        self._closing.set()

    def _count_unreadable(self, seen: int) -> None:
        self._unreadable += 1
        # The first few are judged together, so that one bad picture in front does not end it.
        if self._unreadable > self._max_unreadable * max(seen, _FEW):
            raise SourceError(
                f"{self._unreadable} of {seen} pictures in {self._pattern} cannot be read, more "
                f"than the share of {self._max_unreadable:g} that is allowed"
            )


def read_picture(path: Path) -> Image:
    """(H, W, 3) uint8 BGR. Raises SourceError."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as exc:
        raise SourceError(f"the picture {path} cannot be read: {exc.strerror}") from exc
    if data.size == 0:
        raise SourceError(f"the picture {path} is empty")
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error as exc:
        raise SourceError(f"the picture {path} cannot be decoded: {exc.err}") from exc
    if image is None or image.size == 0:
        raise SourceError(f"the picture {path} cannot be decoded")
    return np.asarray(image, np.uint8)


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sorts digits by their value: 2.png before 10.png."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts if p]


def _found(pattern: str) -> list[Path]:
    path = Path(pattern)
    if path.is_dir():
        found = [p for p in path.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES and p.is_file()]
        nothing = f"the folder {pattern} holds no pictures"
    elif path.exists():
        return [path]
    elif glob.has_magic(pattern):
        found = [Path(p) for p in glob.glob(pattern, recursive=True)]
        found = [p for p in found if p.suffix.lower() in PICTURE_SUFFIXES and p.is_file()]
        nothing = f"no picture matches {pattern}"
    else:
        raise SourceError(f"{pattern} does not exist")
    if not found:
        raise SourceError(nothing)
    return sorted(found, key=lambda p: natural_key(str(p)))


def _first_size(paths: list[Path], pattern: str) -> tuple[int, int]:
    for path in paths:
        try:
            image = read_picture(path)
        except SourceError:
            continue
        return image.shape[0], image.shape[1]
    raise SourceError(f"none of the {len(paths)} pictures in {pattern} can be read")
