"""Pictures of a folder as frames of a steady rate."""

from fractions import Fraction
from pathlib import Path
from threading import Event

from loguru import logger

from engines.pictures import decode_picture
from inspector.core.arrays import Image
from inspector.core.errors import DataError, SourceError
from inspector.core.picture_files import pictures_of
from inspector.core.types import BadFrame, Frame, SourceInfo
from inspector.sources.numbering import Numbering
from inspector.sources.options import ImageFolderOptions

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
        self._paths = _list_pictures(pattern)
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
            return self._numbering.frame(_read_picture(path), pts_s, path.name)
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


def _read_picture(path: Path) -> Image:
    """(H, W, 3) uint8 BGR. Raises SourceError."""
    try:
        return decode_picture(path)
    except DataError as exc:
        raise SourceError(str(exc)) from exc


def _list_pictures(pattern: str) -> list[Path]:
    try:
        return pictures_of(pattern)
    except DataError as exc:
        raise SourceError(str(exc)) from exc


def _first_size(paths: list[Path], pattern: str) -> tuple[int, int]:
    for path in paths:
        try:
            image = _read_picture(path)
        except SourceError:
            continue
        return image.shape[0], image.shape[1]
    raise SourceError(f"none of the {len(paths)} pictures in {pattern} can be read")
