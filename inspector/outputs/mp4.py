"""Writes H.264 and sound in MP4, which is readable at any time, also after a crash."""

from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.video.frame import PictureType

from inspector.core.arrays import Image
from inspector.core.errors import SinkError
from inspector.outputs.h264 import describe_h264, with_lengths
from inspector.outputs.mp4_boxes import Sample, Track
from inspector.outputs.mp4_file import Mp4File
from inspector.outputs.options import X264
from inspector.outputs.sound import SoundCopy
from inspector.outputs.video_encoders import COLOUR, FAULTS, RATE, explain_fault

KEY_EVERY_S: Final = Fraction(95, 100)
"""Longest time between key frames, unless the pictures are farther apart."""

_MIN_TIMESCALE: Final = 10_000
"""Some players are inexact with a smaller timescale."""


class Mp4Writer:
    """Writes one video stream, and copies the sound of another file.

    encoder: open; its size and time base are those of the pictures. gop: largest number of frames
    between key frames; fewer if they would last too long. sound: of the source, whose next packets
    are copied. title: of the file, ASCII. from_zero: the first picture has time 0 in the finished
    file. Raises SinkError.
    """

    def __init__(
        self,
        file: Mp4File,
        *,
        encoder: av.VideoCodecContext,
        gop: int,
        sound: SoundCopy | None,
        title: str = "",
        from_zero: bool = False,
    ) -> None:
        self._file = file
        self._path = file.path
        self._encoder = encoder
        self._time_base = Fraction(encoder.time_base)
        self._timescale = _timescale(self._time_base)
        self._gop = gop
        self._since_key = 0
        self._last_key: int | None = None
        self._last: int | None = None
        self._duration = round(self._timescale / RATE)
        self._track: Track | None = None
        self._sound = sound
        self._sound_track: Track | None = None
        self._title, self._from_zero = title, from_zero
        self._end: int | None = None

    def write(self, i420: Image, pts: int) -> None:
        """pts: ticks of the time base, rising. The caller may reuse the array after the call."""
        try:
            frame = _video_frame(i420)
            frame.pts = pts
            frame.time_base = self._time_base
            frame.pict_type = PictureType.I if self._key_is_due(pts) else PictureType.NONE
            packets = self._encoder.encode(frame)
        except FAULTS as exc:
            raise self._error("written", exc) from exc
        if self._last is not None:
            self._duration = self._ticks(pts - self._last)
        self._last = pts
        for packet in packets:
            self._add(packet)

    def drain(self, next_pts: int | None = None) -> None:
        """Writes the last frames of the encoder, and the sound up to the end of the pictures.
        next_pts: of the first picture of the next file; None: there is none."""
        try:
            packets = [] if self._last is None else self._encoder.encode(None)
        except FAULTS as exc:
            self.abandon()
            raise self._error("completed", exc) from exc
        try:
            for packet in packets:
                self._add(packet)
            if self._sound is not None and self._last is not None:
                assert self._sound_track is not None
                if next_pts is None:
                    samples = self._sound.rest(self._last * self._time_base)
                else:
                    samples = self._sound.before(next_pts * self._time_base)
                for sample in samples:
                    self._file.add(self._sound_track, sample)
        except SinkError:
            self.abandon()
            raise
        if next_pts is not None:
            self._end = self._ticks(next_pts)

    def finish(self) -> Path:
        """Writes the index after drain(), and returns the path of the file."""
        self._file.finish(self._end)
        return self._path

    def abandon(self) -> None:
        """Closes the file after a failure and keeps the complete fragments. Raises SinkError."""
        self._file.abandon()

    def _add(self, packet: av.Packet) -> None:
        assert packet.pts is not None
        time = self._ticks(packet.pts)
        sample = Sample(with_lengths(bytes(packet)), time, self._duration, packet.is_keyframe)
        at_s = Fraction(time, self._timescale)
        if self._track is None:
            self._track = self._start(sample, at_s)
            return
        if self._sound is not None and self._sound_track is not None:
            for sound in self._sound.until(at_s):
                self._file.add(self._sound_track, sound)
        self._file.add(self._track, sample)

    def _start(self, sample: Sample, at_s: Fraction) -> Track:
        hw = (self._encoder.height, self._encoder.width)
        description = describe_h264(self._encoder.extradata or b"", hw, COLOUR)
        track = Track(1, self._timescale, description, sample.time, hw)
        tracks, first = [track], [[sample]]
        if self._sound is not None:
            if self._from_zero:
                self._sound.skip(at_s)
            self._sound_track = self._sound.next_track(at_s)
            tracks.append(self._sound_track)
            first.append(list(self._sound.until(at_s)))
        self._file.begin(tracks, first, self._title, at_s if self._from_zero else Fraction(0))
        return track

    def _ticks(self, pts: int) -> int:
        """Converts ticks of the time base, a multiple of a tick of the file."""
        return int(pts * self._time_base * self._timescale)

    def _error(self, action: str, exc: Exception) -> SinkError:
        name = self._encoder.name
        remedy = "" if name == X264 else f"; {name} encodes it: set output.video.encoder to {X264}"
        return SinkError(f"the video {self._path} cannot be {action}: {explain_fault(exc)}{remedy}")

    def _key_is_due(self, pts: int) -> bool:
        """Players can begin to play at a key frame."""
        due = self._last is None or self._last_key is None or self._since_key >= self._gop
        if self._last is not None and self._last_key is not None:
            until_next = pts - self._last_key + (pts - self._last)
            due = due or until_next * self._time_base > KEY_EVERY_S
        self._since_key = 1 if due else self._since_key + 1
        self._last_key = pts if due else self._last_key
        return due


def _timescale(time_base: Fraction) -> int:
    timescale = time_base.denominator
    while timescale < _MIN_TIMESCALE:
        timescale *= 2
    return timescale


def _video_frame(i420: Image) -> av.VideoFrame:
    """Avoids a copy if the height is a multiple of 4. PyAV (18.1) rounds other heights of a buffer
    down, which would move the colours by some rows."""
    if (i420.shape[0] * 2 // 3) % 4:
        return av.VideoFrame.from_ndarray(i420, format="yuv420p")
    return av.VideoFrame.from_numpy_buffer(i420, format="yuv420p")
