"""Reads the pictures of a folder as frames at a constant rate."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from threading import Event

from loguru import logger

from engines.pictures import decode_picture
from inspector.core.arrays import Image
from inspector.core.errors import DataError, SourceError
from inspector.core.picture_files import pictures_of
from inspector.core.reading import Reading
from inspector.core.types import BadFrame, Frame, SourceInfo
from inspector.sources.numbering import Numbering
from inspector.sources.options import ImageFolderOptions

DEFAULT_FPS = 10.0

# A share of fewer pictures than this means little.
_FEW = 10


class ImageFolderSource:
    """Pictures of a folder, of a glob, or a single picture, in natural order (2 before 10).

    engines.pictures.decode says how a picture is decoded. Pictures may differ in size;
    `info.frame_hw` is the size of the first readable picture.

    pattern: a folder, a glob or a file. Subfolders of a folder are not read. options.fps: None is
    10. options.max_unreadable: allowed share in [0, 1] of unreadable pictures among those read so
    far (while fewer than 10 are read, among 10). Each unreadable picture is a BadFrame; above the
    share, read() raises SourceError.
    """

    def __init__(self, pattern: str, options: ImageFolderOptions) -> None:
        fps = DEFAULT_FPS if options.fps is None else options.fps
        max_unreadable = options.max_unreadable
        if fps <= 0:
            raise SourceError(
                f"the frame rate of the pictures {pattern} must be above 0, not {fps}"
            )
        if not 0 <= max_unreadable <= 1:
            raise SourceError(f"max_unreadable must lie between 0 and 1, not {max_unreadable}")
        self._pattern = pattern
        self._paths = _list_pictures(pattern)
        self._reading = options.reading
        self._max_unreadable = max_unreadable
        self._unreadable = 0
        self._period = 1 / Fraction(fps).limit_denominator(1_000_000)
        self._numbering = Numbering(pattern)
        self._closing = Event()
        self._info = SourceInfo(
            source_id=pattern,
            live=False,
            frame_hw=self._first_size(),
            fps=fps,
            frame_count=len(self._paths),
            duration_s=float(len(self._paths) * self._period),
            time_base=self._period,
        )

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def files(self) -> Sequence[Path]:
        return self._paths

    @property
    def names(self) -> list[str]:
        """File names of the pictures, in the order of the frames."""
        return [path.name for path in self._paths]

    def read(self) -> Frame | BadFrame | None:
        index = self._numbering.count
        if self._closing.is_set() or index == len(self._paths):
            return None
        path = self._paths[index]
        pts_s = float(index * self._period)
        try:
            return self._numbering.frame(_read_picture(path, self._reading), pts_s, path.name)
        except SourceError as exc:
            logger.warning("{}", exc)
            self._count_unreadable(index + 1, str(exc))
            return self._numbering.bad(str(exc), None, pts_s, path.name)

    def close(self) -> None:
        self._closing.set()

    def _first_size(self) -> tuple[int, int]:
        """(height, width) of the first readable picture."""
        errors = []
        for path in self._paths:
            try:
                image = _read_picture(path, self._reading)
            except SourceError as exc:
                errors.append(str(exc))
                continue
            return image.shape[0], image.shape[1]
        if len(errors) == 1:
            raise SourceError(errors[0])
        raise SourceError(
            f"none of the {len(errors)} pictures in {self._pattern} can be read, first: {errors[0]}"
        )

    def _count_unreadable(self, read_count: int, reason: str) -> None:
        self._unreadable += 1
        # Without the minimum, one bad picture at the start would end the run.
        if self._unreadable > self._max_unreadable * max(read_count, _FEW):
            raise SourceError(
                f"{self._unreadable} of {read_count} pictures in {self._pattern} cannot be read, "
                f"more than the allowed share of {self._max_unreadable:g}: check the pictures, or "
                f"raise source.max_unreadable; last: {reason}"
            )


def _read_picture(path: Path, reading: Reading) -> Image:
    """(H, W, 3) uint8 BGR. Raises SourceError."""
    try:
        return decode_picture(path, reading=reading)
    except DataError as exc:
        raise SourceError(str(exc)) from exc


def _list_pictures(pattern: str) -> list[Path]:
    try:
        return pictures_of(pattern)
    except DataError as exc:
        raise SourceError(str(exc)) from exc
