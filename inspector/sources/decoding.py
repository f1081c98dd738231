"""Decodes packets to pictures and marks the damaged ones, for files and for streams."""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, replace
from fractions import Fraction

import av
from av.stream import Disposition
from av.video.frame import PictureType
from loguru import logger

from inspector.core.arrays import Image
from inspector.core.errors import DataError, SourceError
from inspector.core.reading import READING, Reading
from inspector.core.secrets import mask_secrets
from inspector.sources.damage import DamageTracker
from inspector.sources.decoders import name_decoder, open_decoder, sets_key_frames
from inspector.sources.pictures import PictureConverter
from inspector.sources.timeline import PacketTimes

# More packets than any decoder holds (16 reference pictures and one per thread).
_MOST_IN_DECODER = 128


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
    key: bool = False


class StreamDecoder:
    """Decodes one video stream and accounts for every packet.

    Pictures come in presentation order. A B picture waits until the picture that it refers to has
    been checked. Where parts were joined and the times step back, all later times are shifted so
    that they continue.

    threads: with 1, the damaged pictures of H.264, MPEG-1, MPEG-2 and MPEG-4 are delivered and
    marked. Otherwise damaged pictures are missing. More threads (0: one per core) decode several
    pictures at a time: each picture comes that many packets later. name: of the decoder.
    """

    def __init__(self, stream: av.VideoStream, *, threads: int, reading: Reading = READING) -> None:
        self._context = open_decoder(stream, threads=threads, max_pixels=reading.max_pixels)
        self.name = name_decoder(self._context)
        codec = self._context.codec
        self._intra_only = codec.intra_only
        # Then each packet gives one picture at once, and damage ends with the picture.
        self._one_to_one = codec.intra_only and threads == 1 and not codec.delay
        # A parser splits the packets of a transport stream again, and moves the mark of an
        # incomplete packet to the packet before it.
        self._marks_early = stream.container.format.name == "mpegts"
        self._doubtful = False
        self._keys: set[int] | None = None if sets_key_frames(self._context) else set()
        self._times = PacketTimes(stream.time_base)
        self._converter = PictureConverter(reading.bit_depth)
        self._damage = DamageTracker()
        self._waiting: list[_Picture] = []
        self._sent: deque[int] = deque()

    @property
    def last_pts(self) -> int | None:
        """The latest presentation time of the packets so far, in ticks."""
        return self._times.last_pts

    def report_damage(self, reason: str, packet: av.Packet | None = None) -> None:
        """packet: the first damaged one; None if it is unknown."""
        before: Collection[int] = ()
        if packet is not None and self._context.thread_count == 1:
            before = [pts for pts in self._sent if pts != packet.pts]
        self._damage.report(reason, self.last_pts, before)

    def doubt_next_packet(self) -> None:
        """Call this if the next packet may be incomplete without a mark."""
        self._doubtful = True

    def decode(self, packet: av.Packet) -> list[Decoded]:
        """Decodes a packet of the stream and corrects its times. Damage does not raise errors."""
        pictures = self._note_sent(packet)
        if packet.size:
            pictures += self._decode_packet(packet)
        else:
            pictures.append(self._lose(packet, "the file holds no data for this picture"))
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
            reason = mask_secrets(exc.strerror or str(exc))
            if packet is not None and self._one_to_one:
                return [self._lose(packet, f"the picture is damaged: {reason}")]
            # Before an error, decoders accept some damage without one.
            self.report_damage(reason)
            return []
        if packet is not None and self._one_to_one and not frames:
            return [self._lose(packet, "the packet holds no picture")]
        return [picture for frame in frames for picture in self._check_picture(frame)]

    def _lose(self, packet: av.Packet, error: str) -> _Picture:
        self._sent = deque(pts for pts in self._sent if pts != packet.pts)
        return _Picture(packet.pts, None, error)

    def _note_sent(self, packet: av.Packet) -> list[_Picture]:
        if self._times.correct(packet) and not packet.is_keyframe:
            self.report_damage("the times step back in the middle of a group of pictures", packet)
        if packet.pts is not None and not packet.is_discard:
            self._sent.append(packet.pts)
            if self._keys is not None and packet.is_keyframe:
                self._keys.add(packet.pts)
        if packet.is_corrupt or self._doubtful:
            self.report_damage("a packet is incomplete", packet)
        self._doubtful = packet.is_corrupt and self._marks_early
        return self._drop_earliest(len(self._sent) - _MOST_IN_DECODER)

    def _check_picture(self, frame: av.VideoFrame) -> list[_Picture]:
        pictures = []
        if frame.pts is not None:
            pictures = self._drop_earliest(sum(pts < frame.pts for pts in self._sent))
            self._sent = deque(pts for pts in self._sent if pts != frame.pts)
        key = self._is_key(frame)
        error = self._damage.judge(
            pts=frame.pts,
            key=key,
            intra=frame.pict_type == PictureType.I or self._intra_only or self._keys is not None,
            corrupt=frame.is_corrupt,
        )
        return [*pictures, _Picture(frame.pts, frame, error, key)]

    def _is_key(self, frame: av.VideoFrame) -> bool:
        if self._keys is None or frame.pts is None:
            return frame.key_frame or self._intra_only
        key = frame.pts in self._keys
        self._keys = {pts for pts in self._keys if pts > frame.pts}
        return key

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
        try:
            image = self._converter.bgr(picture.frame)
            return Decoded(picture.pts, image, picture.error, picture.key)
        except av.FFmpegError as exc:
            error = f"the picture cannot be converted to BGR: {exc.strerror}"
            return Decoded(picture.pts, None, error, picture.key)
        except DataError as exc:
            return Decoded(picture.pts, None, f"the picture {exc}", picture.key)


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
    """Returns the first stream that is not a cover picture, and not a single picture beside a
    video. Raises SourceError if there is none. Other video streams are not read; a warning says
    so."""
    streams = list(container.streams.video)
    if not streams:
        raise SourceError(f"{name} holds no video stream")
    moving = [s for s in streams if not s.disposition & Disposition.attached_pic]
    if not moving:
        raise SourceError(f"{name} holds no video stream, only a cover picture")
    # An animated AVIF file has its first picture as a stream too.
    moving = [s for s in moving if s.frames != 1] or moving
    if moving[0].codec_context is None:
        raise SourceError(f"there is no decoder for the video stream of {name}")
    if len(moving) > 1:
        logger.warning("{} holds {} video streams: only the first is read", name, len(moving))
    return moving[0]


def frame_rate(stream: av.VideoStream) -> Fraction | None:
    """Frames per second from the container or guessed by FFmpeg. The mean if it varies."""
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate
    return Fraction(rate) if rate else None
