"""Writes the pictures and H.264 videos of test data, and reads the pictures they come from."""

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
    """image: (H, W) grey or (H, W, 3) BGR, uint8. The suffix of path names the format.

    Raises SinkError if the file cannot be written.
    """
    _, data = cv2.imencode(path.suffix, image)
    write_whole(path, data.tobytes(), "picture ", sync=False)


def split_readable(
    files: list[Path], on_skipped: Callable[[str], None]
) -> tuple[list[Path], list[Path]]:
    """The files that can be decoded, and the others.

    on_skipped: is called with a sentence for each file that cannot be decoded. Raises DataError if
    no file can be decoded.
    """
    readable, unreadable = [], []
    for path in files:
        try:
            decode_picture(path)
        except DataError as exc:
            on_skipped(f"skipped: {exc}")
            unreadable.append(path)
        else:
            readable.append(path)
    if not readable:
        raise DataError(f"none of the {len(files)} pictures in {files[0].parent} can be decoded")
    return readable, unreadable


class H264Writer:
    """Writes an H.264 MP4 at a constant rate. The file gets its name when it is complete.

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
        """image: (H, W, 3) uint8 BGR of the size of the video. Raises SinkError."""
        if image.shape != (*self._hw, 3):
            raise ValueError(f"the shape of a frame must be {(*self._hw, 3)}, not {image.shape}")
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
