"""Writes H.264 in fragmented MP4, which is readable up to its last fragment after a crash."""

import math
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.video.frame import PictureType
from av.video.reformatter import ColorRange
from loguru import logger

from inspector.core.arrays import Image
from inspector.core.errors import SinkError
from inspector.outputs.fragments import cut_torn_fragment, is_torn
from inspector.outputs.sound import SoundCopy

MAX_LOSS_S: Final = Fraction(95, 100)
"""Longest duration of a fragment. A killed process loses at most one fragment."""

_MIN_TIMESCALE: Final = 10_000
"""The MP4 muxer doubles a smaller timescale until it reaches this value."""
_MAX_TIMESCALE: Final = 2**31 - 1
_BT709: Final = 1
_SMPTE170M: Final = 6
"""Numbers from ITU-T H.273. SMPTE 170M is the matrix of BT.601."""


class Mp4Writer:
    """Writes one video stream, and copies the sound of another file.

    hw: size of the pictures, even. threads: of the encoder; each additional thread delays the
    output by a frame. gop: largest number of frames between key frames; fewer if they would last
    too long. sound_from: media file whose sound is copied; shift_s is subtracted from its times.
    Raises SinkError.
    """

    def __init__(
        self,
        path: Path,
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
        self._path = path
        self._time_base = time_base
        self._delayed_frames = max(threads, 1) - 1
        self._gop = gop
        self._since_key = 0
        self._last_key: int | None = None
        self._last: int | None = None
        self._sound: SoundCopy | None = None
        try:
            self._container = av.open(str(path), "w", format="mp4")
            self._stream = self._video_stream(hw, preset, crf, max(threads, 1))
            if sound_from is not None:
                self._sound = SoundCopy(sound_from, self._container, shift_s)
            self._container.container_options.update(self._muxer_options())
            self._container.start_encoding()
        except (av.FFmpegError, OSError, ValueError) as exc:
            raise SinkError(f"the video {path} cannot be started: {_reason(exc)}") from exc

    def write(self, i420: Image, pts: int) -> None:
        """pts: ticks of the time base, rising. The caller may reuse the array after the call."""
        try:
            frame = _video_frame(i420)
            frame.pts = pts
            frame.time_base = self._time_base
            frame.pict_type = PictureType.I if self._key_is_due(pts) else PictureType.NONE
            for packet in self._stream.encode(frame):
                self._mux(packet)
        except (av.FFmpegError, OSError, ValueError) as exc:
            raise SinkError(f"the video {self._path} cannot be written: {_reason(exc)}") from exc
        self._last = pts

    def close(self) -> None:
        """Writes the last frames of the encoder, and the sound up to the end of the pictures."""
        try:
            for packet in self._stream.encode(None):
                self._mux(packet)
            if self._sound is not None and self._last is not None:
                for packet in self._sound.rest(self._last * self._time_base):
                    self._container.mux(packet)
        except (av.FFmpegError, OSError, ValueError) as exc:
            self.abandon()
            raise SinkError(f"the video {self._path} cannot be completed: {_reason(exc)}") from exc
        try:
            self._close_files()
        except (av.FFmpegError, OSError, ValueError) as exc:
            cut_torn_fragment(self._path)
            raise SinkError(f"the video {self._path} cannot be completed: {_reason(exc)}") from exc
        # FFmpeg does not always report a full disk at its last write.
        if is_torn(self._path):
            cut_torn_fragment(self._path)
            raise SinkError(
                f"the video {self._path} cannot be completed: the disk took only a part"
            )

    def abandon(self) -> None:
        """Closes the files after a failure and keeps the complete fragments. Raises SinkError."""
        try:
            self._close_files()
        except (av.FFmpegError, OSError, ValueError) as exc:
            logger.debug(
                "{} has complete fragments, but no index at its end: {}", self._path, _reason(exc)
            )
        cut_torn_fragment(self._path)

    def _close_files(self) -> None:
        if self._sound is not None:
            self._sound.close()
        self._container.close()

    def _video_stream(
        self, hw: tuple[int, int], preset: str, crf: int, threads: int
    ) -> av.VideoStream:
        """Uses no B pictures and no look-ahead, because a kill would lose the delayed frames."""
        stream = self._container.add_stream(
            "libx264",
            options={
                "preset": preset,
                "crf": str(crf),
                "bf": "0",
                "rc-lookahead": "0",
                "mbtree": "0",
                "forced-idr": "1",
            },
        )
        stream.height, stream.width = hw
        stream.pix_fmt = "yuv420p"
        stream.time_base = self._time_base
        context = stream.codec_context
        context.time_base = self._time_base
        context.gop_size = self._gop
        context.thread_count = threads
        context.color_range = ColorRange.MPEG
        context.colorspace = _SMPTE170M
        context.color_primaries = _BT709
        context.color_trc = _BT709
        return stream

    def _muxer_options(self) -> dict[str, str]:
        """movie_timescale: unit of the start of a track. The default, 1 ms, shifted a track by up
        to 0.9 ms. max_interleave_delta: without it, pictures wait up to 10 s for sound that has
        ended."""
        return {
            "movflags": "frag_keyframe+delay_moov+default_base_moof",
            "flush_packets": "1",
            "max_interleave_delta": "1",
            "movie_timescale": str(self._movie_timescale()),
        }

    def _movie_timescale(self) -> int:
        video = self._time_base.denominator
        while video < _MIN_TIMESCALE:
            video *= 2
        sound = None if self._sound is None else self._sound.rate
        common = math.lcm(video, sound or 1)
        return common if common <= _MAX_TIMESCALE else video

    def _key_is_due(self, pts: int) -> bool:
        """A fragment begins with a key frame and is written when the next key frame comes."""
        due = self._last is None or self._last_key is None or self._since_key >= self._gop
        if self._last is not None and self._last_key is not None:
            until_next = pts - self._last_key + (pts - self._last) * (1 + self._delayed_frames)
            due = due or until_next * self._time_base > MAX_LOSS_S
        self._since_key = 1 if due else self._since_key + 1
        self._last_key = pts if due else self._last_key
        return due

    def _mux(self, packet: av.Packet) -> None:
        if self._sound is not None and packet.dts is not None:
            at = packet.dts * packet.time_base
            for sound in self._sound.until(at):
                self._container.mux(sound)
        self._container.mux(packet)


def _video_frame(i420: Image) -> av.VideoFrame:
    """Avoids a copy if the height is a multiple of 4. PyAV (18.1) rounds other heights of a buffer
    down, which would move the colours by some rows."""
    if (i420.shape[0] * 2 // 3) % 4:
        return av.VideoFrame.from_ndarray(i420, format="yuv420p")
    return av.VideoFrame.from_numpy_buffer(i420, format="yuv420p")


def _reason(exc: Exception) -> str:
    return str(getattr(exc, "strerror", None) or exc)
