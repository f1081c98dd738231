"""Writes the annotated video with the times of the source, as one file or in segments."""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from loguru import logger

from inspector.core.errors import SinkError
from inspector.core.file_hash import FileState
from inspector.core.protocols import Picture
from inspector.core.types import Inspection, RunInfo
from inspector.outputs.files import make_folder
from inspector.outputs.folder import segment_name
from inspector.outputs.mp4 import Mp4Writer
from inspector.outputs.mp4_file import Mp4File
from inspector.outputs.options import X264, VideoOptions
from inspector.outputs.sound import SoundCopy, open_sound
from inspector.outputs.video_encoders import FAULTS, explain_fault, open_encoder
from inspector.outputs.video_list import VideoList, make_title, read_segment

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

    With options.segment_minutes there are several files in the folder of `path`. A new one begins
    with the first picture at or after each multiple of this time, and with a key frame. The file
    before it is finished on another thread, because the disk may need a moment.
    """

    name = "video_file"

    def __init__(self, path: Path, options: VideoOptions) -> None:
        self._path = path
        self._options = options
        self._run: RunInfo | None = None
        self._file: Mp4File | None = None
        self._writer: Mp4Writer | None = None
        self._hw: tuple[int, int] | None = None
        self._sound: SoundCopy | None = None
        self._time_base = LIVE_TIME_BASE
        self._first_ns = 0
        self._shift = 0
        self._last: int | None = None
        self._late = 0
        self._waiting: list[tuple[Inspection, Picture]] = []
        minutes = options.segment_minutes
        self._segment_s = None if minutes is None else Fraction(str(minutes)) * 60
        self._segment = 0
        self._number = 0
        self._list = VideoList(path.parent)
        self._finisher: ThreadPoolExecutor | None = None
        self._finishing: Future[None] | None = None
        self._changed: list[Mp4File] = []
        """Files whose states were not taken after their last change."""

    def open(self, run: RunInfo) -> None:
        make_folder(self._path.parent)
        if self._segment_s is None:
            self._file = Mp4File(self._path)
            self._changed.append(self._file)
        else:
            self._finisher = ThreadPoolExecutor(1, "video segment")
        self._run = run
        base = run.source.time_base
        if base is not None and base.denominator <= _MAX_TICKS_PER_S:
            self._time_base = base

    def write(self, inspection: Inspection, picture: Picture) -> None:
        """Bad frames without a picture wait until a frame sets the size."""
        if self._run is None:
            raise SinkError(f"the video {self._path} cannot be written before it is open")
        size_is_known = self._run.source.frame_hw is not None or inspection.frame.image is not None
        if self._hw is None and not size_is_known:
            self._waiting.append((inspection, picture))
            return
        self._write_waiting(self._run)
        self._encode(inspection, picture, self._run)

    def interrupt(self) -> None:
        """Ends the segment. The next picture begins another one. Raises SinkError."""
        writer, self._writer, self._file = self._writer, None, None
        if writer is not None:
            writer.drain()
            self._finish(writer)

    def take_states(self) -> Mapping[Path, FileState | None]:
        """A file that is being finished on the other thread comes later."""
        finishing = self._finishing is not None and not self._finishing.done()
        ready = [f for f in self._changed if not finishing or f is self._file]
        self._changed = [f for f in self._changed if f not in ready or f is self._file]
        return {file.path: file.state() for file in ready}

    def close(self) -> None:
        try:
            if self._run is not None:
                self._write_waiting(self._run)
        finally:
            writer, file = self._writer, self._file
            self._writer = self._file = self._run = None
            try:
                if writer is not None:
                    writer.drain()
                    self._finish(writer)
                elif file is not None:
                    file.finish()
            finally:
                self._end()
        if self._late:
            logger.warning(
                "{} pictures of {} got a later time, because times in a video must rise",
                self._late,
                self._path,
            )
            self._late = 0

    def _end(self) -> None:
        sound, self._sound = self._sound, None
        if sound is not None:
            sound.close()
        pool, self._finisher = self._finisher, None
        if pool is not None:
            pool.shutdown()
        finishing, self._finishing = self._finishing, None
        if finishing is not None:
            finishing.result()

    def _write_waiting(self, run: RunInfo) -> None:
        waiting, self._waiting = self._waiting, []
        for inspection, picture in waiting:
            self._encode(inspection, picture, run)

    def _encode(self, inspection: Inspection, picture: Picture, run: RunInfo) -> None:
        i420 = picture.i420()
        hw = (i420.shape[0] * 2 // 3, i420.shape[1])
        if self._hw is None:
            self._start(inspection, hw, run)
        elif hw != self._hw:
            raise SinkError(
                f"picture {inspection.frame_id} is {hw[1]}x{hw[0]}, but the video {self._path} is "
                f"{self._hw[1]}x{self._hw[0]}"
            )
        pts = self._ticks(inspection)
        if self._last is not None and pts <= self._last:
            pts = self._last + 1
            self._late += 1
        try:
            if self._segment_s is not None:
                self._cut(pts, self._segment_s)
            if self._writer is None:
                self._writer = self._begin(inspection, hw, live=run.source.live)
            self._writer.write(i420, pts)
        except SinkError:
            self._abandon()
            raise
        self._last = pts

    def _start(self, inspection: Inspection, hw: tuple[int, int], run: RunInfo) -> None:
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
        if run.source.path is not None and self._options.copy_audio:
            self._sound = open_sound(run.source.path, self._shift * self._time_base, number=2)

    def _cut(self, pts: int, segment_s: Fraction) -> None:
        """Ends the segment if the picture at `pts` belongs to a later one."""
        segment = pts * self._time_base // segment_s
        if self._writer is not None and segment != self._segment:
            writer, self._writer, self._file = self._writer, None, None
            writer.drain(pts)
            self._finish(writer)
        self._segment = segment

    def _begin(self, inspection: Inspection, hw: tuple[int, int], *, live: bool) -> Mp4Writer:
        """live: the title names the first frame, because frames before it may be missing."""
        title = ""
        if self._segment_s is not None:
            self._number += 1
            self._file = Mp4File(self._path.with_name(segment_name(self._number)))
            self._changed.append(self._file)
        if self._segment_s is not None or live:
            title = make_title(inspection.frame_id, inspection.frame.wall_time_utc)
        if self._file is None:
            raise SinkError(f"the video {self._path} has ended")
        return Mp4Writer(
            self._file,
            encoder=self._open_encoder(hw),
            gop=GOP,
            sound=self._sound,
            title=title,
            from_zero=self._last is not None,
        )

    def _open_encoder(self, hw: tuple[int, int]) -> av.VideoCodecContext:
        options = self._options
        try:
            return open_encoder(
                options.encoder,
                hw=hw,
                time_base=self._time_base,
                preset=options.preset,
                crf=options.crf,
                threads=options.threads,
                gop=GOP,
            )
        except FAULTS as exc:
            other = "" if options.encoder == X264 else f"output.video.encoder {X264}, "
            raise SinkError(
                f"the encoder {options.encoder} of the video {self._path} cannot be started for "
                f"pictures of {hw[1]}x{hw[0]}: {explain_fault(exc)}; use {other}a smaller "
                "output.video.scale or --no-video"
            ) from exc

    def _ticks(self, inspection: Inspection) -> int:
        frame = inspection.frame
        base = self._time_base
        if frame.pts_s is None:
            return round(Fraction(frame.captured_ns - self._first_ns, 10**9) / base)
        return round(frame.pts_s * base.denominator / base.numerator) - self._shift

    def _finish(self, writer: Mp4Writer) -> None:
        """Finishes a segment on the other thread. Raises SinkError for it or for the one before."""
        if self._finisher is None:
            writer.finish()
            return
        before, self._finishing = self._finishing, self._finisher.submit(self._complete, writer)
        if before is not None:
            before.result()

    def _complete(self, writer: Mp4Writer) -> None:
        path = writer.finish()
        try:
            segment = read_segment(path)
            if segment is not None:
                self._list.add(segment)
        except OSError as exc:  # SinkError is one
            logger.warning("the list of the video is not complete: {}", exc)

    def _abandon(self) -> None:
        """Closes the file after a failed write. Pictures that are not in the file yet are lost."""
        writer, self._writer, self._file = self._writer, None, None
        if writer is not None:
            try:
                writer.abandon()
            except SinkError as exc:
                logger.warning("{}", exc)
