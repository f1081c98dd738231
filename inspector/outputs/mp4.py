"""Writes H.264 and sound in MP4, which is readable at any time, also after a crash."""

from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.codec.context import Flags
from av.video.frame import PictureType
from av.video.reformatter import ColorRange

from inspector.core.arrays import Image
from inspector.core.errors import SinkError
from inspector.outputs.h264 import describe_h264, with_lengths
from inspector.outputs.mp4_boxes import Sample, Track
from inspector.outputs.mp4_file import Mp4File
from inspector.outputs.sound import SoundCopy, open_sound

KEY_EVERY_S: Final = Fraction(95, 100)
"""Longest time between key frames, unless the pictures are farther apart."""

_MIN_TIMESCALE: Final = 10_000
"""Some players are inexact with a smaller timescale."""
_RATE: Final = Fraction(25)
"""Pictures per s for the encoder. The times of the pictures do not depend on it."""
_BT709: Final = 1
_SMPTE170M: Final = 6
"""Numbers from ITU-T H.273. SMPTE 170M is the matrix of BT.601."""


class Mp4Writer:
    """Writes one video stream, and copies the sound of another file.

    hw: size of the pictures, even. threads: of the encoder. gop: largest number of frames between
    key frames; fewer if they would last too long. sound_from: media file whose sound is copied;
    shift_s is subtracted from its times. Raises SinkError.
    """

    def __init__(
        self,
        file: Mp4File,
        *,
        hw: tuple[int, int],
        time_base: Fraction,
        preset: str,
        crf: int,
        threads: int,
        gop: int,
        sound_from: Path | None,
        shift_s: Fraction,
    ) -> None:
        self._file = file
        self._path = file.path
        self._hw = hw
        self._time_base = time_base
        self._timescale = _timescale(time_base)
        self._gop = gop
        self._since_key = 0
        self._last_key: int | None = None
        self._last: int | None = None
        self._duration = round(self._timescale / _RATE)
        self._track: Track | None = None
        self._encoder = self._open_encoder(preset, crf, threads)
        self._sound: SoundCopy | None = None
        if sound_from is not None:
            self._sound = open_sound(sound_from, shift_s, number=2)

    def write(self, i420: Image, pts: int) -> None:
        """pts: ticks of the time base, rising. The caller may reuse the array after the call."""
        try:
            frame = _video_frame(i420)
            frame.pts = pts
            frame.time_base = self._time_base
            frame.pict_type = PictureType.I if self._key_is_due(pts) else PictureType.NONE
            packets = self._encoder.encode(frame)
        except (av.FFmpegError, OSError, ValueError) as exc:
            raise SinkError(f"the video {self._path} cannot be written: {_reason(exc)}") from exc
        if self._last is not None:
            self._duration = self._ticks(pts - self._last)
        self._last = pts
        for packet in packets:
            self._add(packet)

    def close(self) -> None:
        """Writes the last frames of the encoder, and the sound up to the end of the pictures."""
        try:
            packets = [] if self._last is None else self._encoder.encode(None)
        except (av.FFmpegError, OSError, ValueError) as exc:
            self.abandon()
            raise SinkError(f"the video {self._path} cannot be completed: {_reason(exc)}") from exc
        try:
            for packet in packets:
                self._add(packet)
            if self._sound is not None and self._last is not None:
                for sample in self._sound.rest(self._last * self._time_base):
                    self._file.add(self._sound.track, sample)
        except SinkError:
            self.abandon()
            raise
        self._close_sound()
        self._file.finish()

    def abandon(self) -> None:
        """Closes the files after a failure and keeps the complete fragments. Raises SinkError."""
        self._close_sound()
        self._file.abandon()

    def _close_sound(self) -> None:
        if self._sound is not None:
            self._sound.close()

    def _add(self, packet: av.Packet) -> None:
        assert packet.pts is not None
        time = self._ticks(packet.pts)
        sample = Sample(with_lengths(bytes(packet)), time, self._duration, packet.is_keyframe)
        at_s = Fraction(time, self._timescale)
        if self._track is None:
            self._track = self._start(sample, at_s)
            return
        if self._sound is not None:
            for sound in self._sound.until(at_s):
                self._file.add(self._sound.track, sound)
        self._file.add(self._track, sample)

    def _start(self, sample: Sample, at_s: Fraction) -> Track:
        headers = self._encoder.extradata or b""
        colour = (_BT709, _BT709, _SMPTE170M)
        description = describe_h264(headers, self._hw, colour)
        track = Track(1, self._timescale, description, sample.time, self._hw)
        tracks, first = [track], [[sample]]
        if self._sound is not None:
            tracks.append(self._sound.track)
            first.append(list(self._sound.until(at_s)))
        self._file.begin(tracks, first)
        return track

    def _ticks(self, pts: int) -> int:
        """Converts ticks of the time base, a multiple of a tick of the file."""
        return int(pts * self._time_base * self._timescale)

    def _open_encoder(self, preset: str, crf: int, threads: int) -> av.VideoCodecContext:
        """zerolatency: the encoder returns each picture at once. A kill would lose pictures that it
        keeps for B pictures, look-ahead or one thread per picture."""
        encoder = av.CodecContext.create("libx264", "w")
        assert isinstance(encoder, av.VideoCodecContext)
        encoder.options = {
            "preset": preset,
            "crf": str(crf),
            "tune": "zerolatency",
            "forced-idr": "1",
        }
        encoder.height, encoder.width = self._hw
        encoder.pix_fmt = "yuv420p"
        encoder.time_base = self._time_base
        encoder.framerate = _RATE
        encoder.gop_size = self._gop
        encoder.thread_count = threads
        encoder.thread_type = "SLICE"  # like zerolatency; FFmpeg would replace it otherwise
        encoder.color_range = ColorRange.MPEG
        encoder.colorspace = _SMPTE170M
        encoder.color_primaries = _BT709
        encoder.color_trc = _BT709
        encoder.flags |= Flags.global_header
        try:
            encoder.open()
        except (av.FFmpegError, OSError, ValueError) as exc:
            height, width = self._hw
            raise SinkError(
                f"the encoder of the video {self._path} cannot be started for pictures of "
                f"{width}x{height}: {_reason(exc)}; use a smaller output.video.scale or --no-video"
            ) from exc
        return encoder

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


def _reason(exc: Exception) -> str:
    return str(getattr(exc, "strerror", None) or exc)
