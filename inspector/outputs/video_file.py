"""Writes the annotated video with the times of the source."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Final

from loguru import logger

from inspector.core.errors import SinkError
from inspector.core.file_hash import FileState
from inspector.core.protocols import Picture
from inspector.core.types import Inspection, RunInfo
from inspector.outputs.files import make_folder
from inspector.outputs.mp4 import Mp4Writer
from inspector.outputs.mp4_file import Mp4File
from inspector.outputs.options import VideoOptions

LIVE_TIME_BASE: Final = Fraction(1, 90_000)
MAX_START_S: Final = 10
"""If the first picture is later than this or before 0, its time becomes 0. Players show nothing
before the first picture, and no picture before 0."""

GOP: Final = 30
"""Frames between key frames. There is also a key frame at least every 0.95 s, unless the frames are
farther apart."""

_MAX_TICKS_PER_S: Final = 10_000_000


class VideoFileSink:
    """Writes H.264 in MP4 with the time base of the source.

    Times rise strictly, and each is within one tick of the time of its frame. If frames have no
    time, it counts 1/90000 s from the first capture.
    """

    name = "video_file"

    def __init__(self, path: Path, options: VideoOptions) -> None:
        self._path = path
        self._options = options
        self._run: RunInfo | None = None
        self._file: Mp4File | None = None
        self._last_file: Mp4File | None = None
        self._writer: Mp4Writer | None = None
        self._hw: tuple[int, int] = (0, 0)
        self._time_base = LIVE_TIME_BASE
        self._first_ns = 0
        self._shift = 0
        self._last: int | None = None
        self._late = 0
        self._waiting: list[tuple[Inspection, Picture]] = []

    def open(self, run: RunInfo) -> None:
        make_folder(self._path.parent)
        self._file = self._last_file = Mp4File(self._path)
        self._run = run
        base = run.source.time_base
        if base is not None and base.denominator <= _MAX_TICKS_PER_S:
            self._time_base = base

    def write(self, inspection: Inspection, picture: Picture) -> None:
        """Bad frames without a picture wait until a frame sets the size."""
        if self._run is None:
            raise SinkError(f"the video {self._path} cannot be written before it is open")
        size_is_known = self._run.source.frame_hw is not None or inspection.frame.image is not None
        if self._writer is None and not size_is_known:
            self._waiting.append((inspection, picture))
            return
        self._write_waiting(self._run)
        self._encode(inspection, picture, self._run)

    def take_states(self) -> Mapping[Path, FileState | None]:
        return {} if self._last_file is None else {self._path: self._last_file.state()}

    def close(self) -> None:
        try:
            if self._run is not None:
                self._write_waiting(self._run)
        finally:
            writer, file = self._writer, self._file
            self._writer = self._file = self._run = None
            if writer is not None:
                writer.close()
            elif file is not None:
                file.finish()
        if self._late:
            logger.warning(
                "{} pictures of {} got a later time, because times in a video must rise",
                self._late,
                self._path,
            )
            self._late = 0

    def _write_waiting(self, run: RunInfo) -> None:
        waiting, self._waiting = self._waiting, []
        for inspection, picture in waiting:
            self._encode(inspection, picture, run)

    def _encode(self, inspection: Inspection, picture: Picture, run: RunInfo) -> None:
        i420 = picture.i420()
        hw = (i420.shape[0] * 2 // 3, i420.shape[1])
        if self._writer is None:
            assert self._file is not None
            self._writer = self._begin(self._file, inspection, hw, run)
        if hw != self._hw:
            raise SinkError(
                f"picture {inspection.frame_id} is {hw[1]}x{hw[0]}, but the video {self._path} is "
                f"{self._hw[1]}x{self._hw[0]}"
            )
        pts = self._ticks(inspection)
        if self._last is not None and pts <= self._last:
            pts = self._last + 1
            self._late += 1
        try:
            self._writer.write(i420, pts)
        except SinkError:
            self._abandon()
            raise
        self._last = pts

    def _begin(
        self, file: Mp4File, inspection: Inspection, hw: tuple[int, int], run: RunInfo
    ) -> Mp4Writer:
        self._hw = hw
        self._first_ns = inspection.frame.captured_ns
        first = self._ticks(inspection)
        if first < 0 or first * self._time_base > MAX_START_S:
            self._shift = first
            logger.info(
                "times in {} are those of the source minus {:.3f} s",
                self._path,
                float(first * self._time_base),
            )
        return Mp4Writer(
            file,
            hw=hw,
            time_base=self._time_base,
            preset=self._options.preset,
            crf=self._options.crf,
            threads=self._options.threads,
            gop=GOP,
            sound_from=run.source.path if self._options.copy_audio else None,
            shift_s=self._shift * self._time_base,
        )

    def _ticks(self, inspection: Inspection) -> int:
        frame = inspection.frame
        base = self._time_base
        if frame.pts_s is None:
            return round(Fraction(frame.captured_ns - self._first_ns, 10**9) / base)
        return round(frame.pts_s * base.denominator / base.numerator) - self._shift

    def _abandon(self) -> None:
        """Closes the file after a failed write. Pictures that are not in the file yet are lost."""
        writer = self._writer
        self._writer = self._file = self._run = None
        if writer is not None:
            try:
                writer.abandon()
            except SinkError as exc:
                logger.warning("{}", exc)
