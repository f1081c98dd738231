"""Decodes packets to pictures and marks the damaged ones, for files and for streams."""

from collections import deque
from dataclasses import dataclass, replace
from fractions import Fraction

import av
from av.codec.context import Flags
from av.stream import Disposition
from av.video.frame import PictureType

from inspector.core.arrays import Image
from inspector.core.errors import DataError, SourceError
from inspector.core.reading import READING, Reading
from inspector.core.secrets import mask_secrets
from inspector.sources.damage import DamageTracker
from inspector.sources.pictures import PictureConverter

# "aggressive" also detected 22 of 28 wrong pictures in a damaged CAVLC clip, and had no false alarm
# in clips without damage. "explode" turns damage into exceptions, and the picture is lost. It is
# used with frame threads, because a race in FFmpeg's H.264 decoder then sometimes loses the flag of
# a concealed picture: in 9 of 36 runs over one damaged clip, in 0 of 80 runs with "explode", and in
# 0 of 12 runs with one thread. Slice threads, PyAV's default, are never used: with them the H.264
# decoder does not conceal or flag anything.
_CHECKS = "crccheck+bitstream+buffer+careful+aggressive"

# More packets than any decoder holds (16 reference pictures and one per thread).
_MOST_IN_DECODER = 128
# If the time jumps back by more than this, the times restart, as in files joined end to end.
_JUMP_S = 5


@dataclass(frozen=True, slots=True)
class Decoded:
    """pts: ticks of the stream. error: None if the picture is clean. key: it is a key frame."""

    pts: int | None
    image: Image | None
    error: str | None
    key: bool = False


@dataclass(frozen=True, slots=True)
class _Picture:
    pts: int | None
    frame: av.VideoFrame | None
    error: str | None


class StreamDecoder:
    """Decodes one video stream and accounts for every packet.

    Pictures come in presentation order. A B picture waits until the picture that it refers to has
    been checked.

    threads: with 1, damaged pictures are delivered and marked. More threads (0: one per core)
    decode several pictures at a time: each picture comes that many packets later, and most damaged
    pictures are missing.
    """

    def __init__(self, stream: av.VideoStream, *, threads: int, reading: Reading = READING) -> None:
        self._context = stream.codec_context
        self._context.thread_type = "NONE" if threads == 1 else "FRAME"
        self._context.thread_count = threads
        self._context.options = {
            "err_detect": _CHECKS if threads == 1 else _CHECKS + "+explode",
            "max_pixels": str(reading.max_pixels),
        }
        self._context.flags |= int(Flags.output_corrupt)
        self._jump_ticks = int(_JUMP_S / stream.time_base) if stream.time_base else 0
        self._converter = PictureConverter(reading.bit_depth)
        self._damage = DamageTracker()
        self._waiting: list[_Picture] = []
        self._sent: deque[int] = deque()
        self._last_sent: int | None = None

    def report_damage(self, reason: str) -> None:
        self._damage.report(reason, self._last_sent)

    def decode(self, packet: av.Packet) -> list[Decoded]:
        pictures = self._note_sent(packet)
        pictures += self._decode_packet(packet)
        return self._convert_all(self._release(pictures))

    def flush(self) -> list[Decoded]:
        """Returns the last pictures at the end of the stream. Do not decode after it."""
        pictures = self._release(self._decode_packet(None))
        # One packet may be the second field of the last picture.
        if len(self._sent) > 1:
            self.report_damage("the decoder gave no pictures for the last packets")
        pictures += self._release(self._drop_earliest(len(self._sent)))
        pictures += self._waiting
        self._waiting = []
        return self._convert_all(pictures)

    def _decode_packet(self, packet: av.Packet | None) -> list[_Picture]:
        try:
            frames = self._context.decode(packet)
        except av.FFmpegError as exc:
            self.report_damage(mask_secrets(exc.strerror or str(exc)))
            return []
        return [picture for frame in frames for picture in self._check_picture(frame)]

    def _note_sent(self, packet: av.Packet) -> list[_Picture]:
        if packet.pts is not None:
            if self._last_sent is not None and packet.pts < self._last_sent - self._jump_ticks:
                self._damage.forget_time()
                self._sent.clear()
                self._last_sent = None
            if self._last_sent is None or packet.pts > self._last_sent:
                self._last_sent = packet.pts
            if not packet.is_discard:
                self._sent.append(packet.pts)
        if packet.is_corrupt:
            self.report_damage("a packet is incomplete")
        return self._drop_earliest(len(self._sent) - _MOST_IN_DECODER)

    def _check_picture(self, frame: av.VideoFrame) -> list[_Picture]:
        pictures = []
        if frame.pts is not None:
            pictures = self._drop_earliest(sum(pts < frame.pts for pts in self._sent))
            self._sent = deque(pts for pts in self._sent if pts != frame.pts)
        error = self._damage.judge(
            pts=frame.pts,
            key=frame.key_frame,
            intra=frame.pict_type == PictureType.I,
            corrupt=frame.is_corrupt,
        )
        return [*pictures, _Picture(frame.pts, frame, error)]

    def _drop_earliest(self, count: int) -> list[_Picture]:
        """Forgets the `count` earliest packets, which can no longer give a picture.

        Some packets give no picture without any damage (hidden reference pictures, second fields),
        so they are reported only while the stream is damaged.
        """
        if count <= 0:
            return []
        by_time = sorted(self._sent)
        self._sent = deque(pts for pts in self._sent if pts not in by_time[:count])
        if not self._damage.damaged:
            return []
        return [_Picture(pts, None, "a damaged packet gave no picture") for pts in by_time[:count]]

    def _release(self, new: list[_Picture]) -> list[_Picture]:
        out: list[_Picture] = []
        for picture in new:
            self._waiting.append(picture)
            if picture.error is not None:
                self._waiting = [_mark_dependent(waiting) for waiting in self._waiting]
            if picture.frame is None or picture.frame.pict_type != PictureType.B:
                out += self._waiting
                self._waiting = []
        return out

    def _convert_all(self, pictures: list[_Picture]) -> list[Decoded]:
        return [self._convert(picture) for picture in pictures]

    def _convert(self, picture: _Picture) -> Decoded:
        if picture.frame is None:
            return Decoded(picture.pts, None, picture.error)
        key = picture.frame.key_frame
        try:
            return Decoded(picture.pts, self._converter.bgr(picture.frame), picture.error, key)
        except av.FFmpegError as exc:
            error = f"the picture cannot be converted to BGR: {exc.strerror}"
            return Decoded(picture.pts, None, error, key)
        except DataError as exc:
            return Decoded(picture.pts, None, f"the picture {exc}", key)


def _mark_dependent(picture: _Picture) -> _Picture:
    if picture.error is not None:
        return picture
    return replace(picture, error="the picture refers to a damaged one")


def check_pixels(stream: av.VideoStream, name: str, max_pixels: int) -> None:
    """Raises SourceError for frames of more than max_pixels, before one is decoded."""
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > max_pixels:
        raise SourceError(
            f"{name} has frames of {width}x{height} pixels, more than the limit of {max_pixels} "
            "pixels: raise source.max_pixels if the size is right"
        )


def video_stream(container: av.container.InputContainer, name: str) -> av.VideoStream:
    """Returns the first stream that is not a cover picture. Raises SourceError if there is none."""
    streams = list(container.streams.video)
    if not streams:
        raise SourceError(f"{name} holds no video stream")
    moving = [s for s in streams if not s.disposition & Disposition.attached_pic]
    if not moving:
        raise SourceError(f"{name} holds no video stream, only a cover picture")
    if moving[0].codec_context is None:
        raise SourceError(f"there is no decoder for the video stream of {name}")
    return moving[0]


def frame_rate(stream: av.VideoStream) -> Fraction | None:
    """Frames per second from the container or guessed by FFmpeg. The mean if it varies."""
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate
    return Fraction(rate) if rate else None
