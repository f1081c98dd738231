"""Writes pictures and H.264 videos, for the commands that make test data."""

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import cv2

from engines.pictures import decode_picture
from inspector.core.arrays import Image
from inspector.core.errors import DataError, SinkError
from inspector.core.files import write_whole


def write_picture(path: Path, image: Image) -> None:
    """Writes (H, W) or (H, W, 3) BGR as the suffix says. Raises SinkError."""
    _, data = cv2.imencode(path.suffix, image)
    write_whole(path, data.tobytes(), "picture ", sync=False)


def readable_pictures(
    files: list[Path], told: Callable[[str], None]
) -> tuple[list[Path], list[Path]]:
    """The files that decode and those that do not; each of those is told, none left is refused."""
    good, bad = [], []
    for path in files:
        try:
            decode_picture(path)
        except DataError as exc:
            told(f"skipped: {exc}")
            bad.append(path)
        else:
            good.append(path)
    if not good:
        raise DataError(f"none of the {len(files)} pictures in {files[0].parent} can be decoded")
    return good, bad


class H264Writer:
    """A new H.264 MP4 at a constant rate; the file appears under its name when it is complete.

    hw: even height and width. crf: 0 (no loss) to 51.
    """

    def __init__(
        self,
        path: Path,
        hw: tuple[int, int],
        fps: float,
        *,
        crf: int = 14,
        preset: str = "veryfast",
    ) -> None:
        if hw[0] % 2 or hw[1] % 2:
            raise ValueError(f"H.264 in 4:2:0 needs an even height and width, not {hw}")
        self._path, self._part, self._hw = path, path.with_name(path.name + ".part"), hw
        rate = Fraction(fps).limit_denominator(1001)
        self.frames = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._container = av.open(str(self._part), "w", format="mp4")
            self._stream = self._container.add_stream("libx264", rate=rate)
        except (OSError, av.FFmpegError) as exc:
            raise SinkError(f"video {path} cannot be written: {exc.strerror}") from exc
        self._stream.height, self._stream.width = hw
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = {"crf": str(crf), "preset": preset}
        self._time_base = 1 / rate

    def write(self, image: Image) -> None:
        """image: (H, W, 3) uint8 BGR of the size given before. Raises SinkError."""
        if image.shape != (*self._hw, 3):
            raise ValueError(f"a frame of {image.shape} in a video of {self._hw}")
        planes = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = self.frames, self._time_base
        self._mux(frame)
        self.frames += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._container.close()
            self._part.unlink(missing_ok=True)
            return
        self._mux(None)
        try:
            self._container.close()
            os.replace(self._part, self._path)
        except (OSError, av.FFmpegError) as exc:
            raise SinkError(f"video {self._path} cannot be written: {exc.strerror}") from exc

    def _mux(self, frame: av.VideoFrame | None) -> None:
        try:
            self._container.mux(self._stream.encode(frame))
        except (OSError, av.FFmpegError) as exc:
            raise SinkError(f"video {self._path} cannot be written: {exc.strerror}") from exc
