"""Packets in, judged pictures out: the one decoder that files and streams share."""

from collections import deque
from dataclasses import dataclass, replace
from fractions import Fraction

import av
from av.codec.context import Flags
from av.stream import Disposition
from av.video.frame import PictureType

from inspector.core.arrays import Image
from inspector.core.errors import SourceError
from inspector.sources.damage import DamageTracker
from inspector.sources.pictures import PictureConverter
from inspector.sources.uri import mask_secrets

# "aggressive" found 22 of 28 wrong pictures more in a damaged CAVLC clip, and none in sound ones.
# "explode" turns damage into exceptions, which cost the picture; but with frame threads the flag
# of a concealed picture is lost now and then (by a race in FFmpeg's H.264 decoder: in 9 of 36 runs
# over one damaged clip; in none of 80 with "explode", in none of 12 with one thread). With slice
# threads, the default of PyAV, the H.264 decoder neither conceals nor flags anything: never those.
_CHECKS = "crccheck+bitstream+buffer+careful+aggressive"

# More packets than any decoder keeps inside (16 reference pictures and its threads).
_MOST_IN_DECODER = 128
# Times that fall back by more than this begin anew, as in files joined end to end.
_JUMP_S = 5


@dataclass(frozen=True, slots=True)
class Decoded:
    """pts: ticks of the stream. error: None where the picture is clean. key: a key frame."""

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
    """Decodes one video stream; every packet is accounted for.

    threads: 1 loses least: damaged pictures still come, each flagged. More (0: one per core)
    decode several pictures at a time, so each comes that many packets later, and most damaged
    pictures are missing.
    Pictures come in order of presentation. B pictures are held back until the picture that they
    refer to is known to be clean.
    """

    def __init__(self, stream: av.VideoStream, *, threads: int) -> None:
        self._context = stream.codec_context
        self._context.thread_type = "NONE" if threads == 1 else "FRAME"
        self._context.thread_count = threads
        self._context.options = {"err_detect": _CHECKS if threads == 1 else _CHECKS + "+explode"}
        self._context.flags |= int(Flags.output_corrupt)
        self._jump_ticks = int(_JUMP_S / stream.time_base) if stream.time_base else 0
        self._converter = PictureConverter()
        self._damage = DamageTracker()
        self._held: list[_Picture] = []
        self._sent: deque[int] = deque()
        self._last_sent: int | None = None

    def report_damage(self, reason: str) -> None:
        self._damage.report(reason, self._last_sent)

    def decode(self, packet: av.Packet) -> list[Decoded]:
        pictures = self._note_sent(packet)
        pictures += self._decoded(packet)
        return self._converted(self._release(pictures))

    def flush(self) -> list[Decoded]:
        """What is left at the end of the stream; nothing can be decoded after it."""
        pictures = self._release(self._decoded(None))
        # One may be the second field of the last picture.
        if len(self._sent) > 1:
            self.report_damage("the decoder gave no pictures for the last packets")
        pictures += self._release(self._lost(len(self._sent)))
        pictures += self._held
        self._held = []
        return self._converted(pictures)

    def _decoded(self, packet: av.Packet | None) -> list[_Picture]:
        try:
            frames = self._context.decode(packet)
        except av.FFmpegError as exc:
            self.report_damage(mask_secrets(exc.strerror or str(exc)))
            return []
        return [picture for frame in frames for picture in self._judged(frame)]

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
        return self._lost(len(self._sent) - _MOST_IN_DECODER)

    def _judged(self, frame: av.VideoFrame) -> list[_Picture]:
        pictures = []
        if frame.pts is not None:
            pictures = self._lost(sum(pts < frame.pts for pts in self._sent))
            self._sent = deque(pts for pts in self._sent if pts != frame.pts)
        error = self._damage.judge(
            pts=frame.pts,
            key=frame.key_frame,
            intra=frame.pict_type == PictureType.I,
            corrupt=frame.is_corrupt,
        )
        return [*pictures, _Picture(frame.pts, frame, error)]

    def _lost(self, count: int) -> list[_Picture]:
        """The `count` earliest packets, which can no longer give a picture.

        Some packets rightly give none (hidden reference pictures, second fields), so they are
        reported only while the stream is damaged.
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
            self._held.append(picture)
            if picture.error is not None:
                self._held = [_tainted(held) for held in self._held]
            if picture.frame is None or picture.frame.pict_type != PictureType.B:
                out += self._held
                self._held = []
        return out

    def _converted(self, pictures: list[_Picture]) -> list[Decoded]:
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


def _tainted(picture: _Picture) -> _Picture:
    if picture.error is not None:
        return picture
    return replace(picture, error="the picture refers to a damaged one")


def video_stream(container: av.container.InputContainer, name: str) -> av.VideoStream:
    """The first that moves. Raises SourceError, also where there is only a cover picture."""
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
    """Frames per second as the container says or FFmpeg guesses; a mean where it varies."""
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate
    return Fraction(rate) if rate else None
