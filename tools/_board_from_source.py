"""Takes pictures of a calibration board that is moved in front of a camera."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2

from calibration.collecting import ENOUGH_COVERED, ENOUGH_VIEWS, ViewCollector
from calibration.target import Board, BoardView, find_corners, look_for_corners
from inspector.core.arrays import Image
from inspector.core.errors import CalibrationError, ConfigError
from inspector.core.files import write_whole
from inspector.core.reading import Reading
from inspector.sources.opening import open_source
from inspector.sources.options import SourceOptions
from inspector.sources.uri import kind_of
from tools._sampled_frames import TimedImage, sampled_frames

FLAT_STILL_S: Final = 3.0
"""So long must the board lie still on the plane."""

FEWEST_VIEWS: Final = 3

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class BoardPicture:
    """A picture, the corners in it, and whether the board lies on the plane of the product."""

    image: Image
    view: BoardView
    flat: bool


def read_moving_board(
    uri: str, board: Board, seconds: float, reading: Reading, *, needs_flat: bool, say: Say
) -> list[BoardPicture]:
    """Pictures of a board from a source, the flat one last.

    A live source ends when enough of the frame is covered and, with needs_flat, the board has then
    been still for FLAT_STILL_S; at the latest after `seconds`. In a video file the last still view
    of the board is the flat one. say: receives progress and instructions. Raises CalibrationError
    if there are too few views or no flat one.
    """
    if kind_of(uri) == "image_folder":
        raise ConfigError(f"--source {uri} is a folder or a picture: use --pictures")
    options = SourceOptions(uri=uri, bit_depth=reading.bit_depth, max_pixels=reading.max_pixels)
    source = open_source(options)
    try:
        session = _Session(board, live=source.info.live, needs_flat=needs_flat, say=say)
        return session.collect(source.info.source_id, sampled_frames(source, seconds), seconds)
    finally:
        source.close()


def save_pictures(pictures: Sequence[BoardPicture], folder: Path) -> None:
    """Writes 01.png, 02.png ... in their order, so that --pictures gives the same calibration."""
    for number, picture in enumerate(pictures, start=1):
        write_png(folder / f"{number:02d}.png", picture.image)


def write_png(path: Path, image: Image) -> None:
    success, content = cv2.imencode(".png", image)
    assert success  # an 8-bit picture always can be encoded
    write_whole(path, content.tobytes(), "picture ", CalibrationError)


class _Session:
    def __init__(self, board: Board, *, live: bool, needs_flat: bool, say: Say) -> None:
        self._board, self._live, self._needs_flat, self._say = board, live, needs_flat, say
        self._collector = ViewCollector(board)
        self._pictures: list[BoardPicture] = []
        self._asked_s: float | None = None
        self._flat: BoardPicture | None = None

    def collect(
        self, name: str, frames: Iterator[TimedImage], seconds: float
    ) -> list[BoardPicture]:
        if self._live:
            self._say(f"{name}: move the board through the whole frame, and tilt it")
        last: TimedImage | None = None
        for last in frames:
            view = look_for_corners(last.image, self._board, last.name)
            if view is not None and self._see(view, last):
                return self._result(name, seconds)
        if last is None:
            raise CalibrationError(f"{name}: no frame came within {seconds:g} s")
        if not self._pictures and self._flat is None:
            # The error says what is wrong with the last frame.
            find_corners(last.image, self._board, last.name)
        return self._result(name, seconds)

    def _see(self, view: BoardView, frame: TimedImage) -> bool:
        """Whether everything has been seen."""
        collector = self._collector
        if self._asked_s is not None:
            return self._see_flat(view, frame)
        if collector.see(view, frame.time_s):
            self._pictures.append(BoardPicture(frame.image, view, flat=False))
            self._say(
                f"picture {len(self._pictures)}: {100 * collector.coverage:.0f} % of the frame is "
                "covered"
            )
        if not self._live:
            if self._needs_flat and collector.still_since() is not None:
                self._flat = BoardPicture(frame.image, view, flat=True)
            return False
        if not collector.complete or not self._needs_flat:
            return collector.complete
        self._asked_s = frame.time_s
        self._say(
            "now lay the board on the plane of the product; it must be still for "
            f"{FLAT_STILL_S:g} s"
        )
        return False

    def _see_flat(self, view: BoardView, frame: TimedImage) -> bool:
        self._collector.see(view, frame.time_s)
        since = self._collector.still_since()
        assert self._asked_s is not None
        # The board needs time to be laid down.
        since = None if since is None else max(since, self._asked_s + FLAT_STILL_S)
        if since is None or frame.time_s - since < FLAT_STILL_S:
            return False
        self._flat = BoardPicture(frame.image, view, flat=True)
        return True

    def _result(self, name: str, seconds: float) -> list[BoardPicture]:
        pictures, coverage = self._pictures, 100 * self._collector.coverage
        if len(pictures) < FEWEST_VIEWS:
            raise CalibrationError(
                f"{name}: the board was still in only {len(pictures)} different places, at least "
                f"{FEWEST_VIEWS} are needed: move it slowly, and stop at each place"
            )
        if self._needs_flat and self._flat is None:
            raise CalibrationError(
                f"{name}: after {seconds:g} s the board had covered {coverage:.0f} % of the frame "
                f"in {len(pictures)} pictures ({100 * ENOUGH_COVERED:.0f} % in {ENOUGH_VIEWS} are "
                "needed) and did not lie still on the plane after that: give more --seconds, or a "
                "flat picture with --images"
            )
        return pictures if self._flat is None else [*pictures, self._flat]
