"""Copies the sound of a video file packet by packet into another file."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.bitstream import BitStreamFilterContext
from loguru import logger

from inspector.core.errors import SinkError

_END_S: Final = Fraction(1, 2)
"""A video that ends this close to the end of its file counts as complete."""


class SoundCopy:
    """The best sound stream of the media file `path`. shift_s is subtracted from its times.

    Create it before the header of `target` is written. Sound that `target` cannot store, sound
    after a read error, and other sound streams are left out; a logged line says so. Raises
    SinkError if the file cannot be opened.
    """

    def __init__(self, path: Path, target: av.container.OutputContainer, shift_s: Fraction) -> None:
        self._path = path
        self._shift = shift_s
        self._sent_s: Fraction | None = None
        self._target: av.AudioStream | None = None
        self._rate: int | None = None
        try:
            self._container = av.open(str(path))
        except (av.FFmpegError, OSError) as exc:
            raise SinkError(f"the sound of {path} cannot be read: {exc.strerror}") from exc
        source = self._container.streams.best("audio")
        self._packets: Iterator[av.Packet] = iter(()) if source is None else self._read(source)
        self._next = next(self._packets, None)
        if self._next is not None and source is not None:
            self._target = self._add(source, target)
        if self._target is None or source is None:
            self._next = None
        else:
            self._rate = source.rate

    @property
    def rate(self) -> int | None:
        """Samples per second, the timescale of sound in MP4. None without sound."""
        return self._rate

    def until(self, time_s: Fraction) -> Iterator[av.Packet]:
        """Yields the packets up to `time_s` and one more. The muxer delays pictures until it gets
        later sound."""
        while self._next is not None and (self._sent_s is None or self._sent_s <= time_s):
            yield self._take(self._next)

    def rest(self, last_s: Fraction) -> Iterator[av.Packet]:
        """Yields the rest of the sound after the last picture at `last_s`.

        If the pictures were written to the end of the file, this is all of it. Otherwise it ends
        with the last picture.
        """
        end_s = self._picture_end_s()
        complete = end_s is None or last_s + _END_S >= end_s
        while self._next is not None and (complete or self._time(self._next) <= last_s):
            yield self._take(self._next)

    def close(self) -> None:
        self._next = None
        self._container.close()

    def _add(
        self, source: av.AudioStream, target: av.container.OutputContainer
    ) -> av.AudioStream | None:
        name = "unknown" if source.codec_context is None else source.codec_context.name
        others = len(self._container.streams.audio) - 1
        if others:
            logger.warning("{} more sound streams of {} are not copied", others, self._path)
        try:
            return target.add_stream_from_template(source)
        except ValueError as exc:
            logger.warning("the {} sound of {} is not copied: {}", name, self._path, exc)
            return None

    def _read(self, source: av.AudioStream) -> Iterator[av.Packet]:
        last: int | None = None
        try:
            for packet in self._demux(source):
                if last is not None and packet.dts <= last:
                    logger.warning(
                        "the sound of {} is copied only to the point where its time jumps back",
                        self._path,
                    )
                    return
                last = packet.dts
                yield packet
        except av.FFmpegError as exc:
            logger.warning(
                "the rest of the sound of {} cannot be read: {}", self._path, exc.strerror
            )

    def _demux(self, source: av.AudioStream) -> Iterator[av.Packet]:
        """Removes the header of each AAC packet of a transport stream, because MP4 refuses it."""
        context = source.codec_context
        framed = context is not None and context.name == "aac" and not context.extradata
        bare = BitStreamFilterContext("aac_adtstoasc", source) if framed else None
        for packet in self._container.demux(source):
            # The demuxer ends with an empty packet without a time.
            if packet.dts is None or packet.pts is None:
                continue
            for out in [packet] if bare is None else bare.filter(packet):
                out.time_base = source.time_base
                yield out

    def _take(self, packet: av.Packet) -> av.Packet:
        """Converts the next packet for the target and reads the packet after it."""
        self._sent_s = self._time(packet)
        ticks = round(self._shift / packet.time_base)
        packet.pts -= ticks
        packet.dts -= ticks
        packet.stream = self._target
        self._next = next(self._packets, None)
        return packet

    def _time(self, packet: av.Packet) -> Fraction:
        return Fraction(packet.dts * packet.time_base) - self._shift

    def _picture_end_s(self) -> Fraction | None:
        """Time at which the pictures of the file end. None if the file does not say."""
        video = self._container.streams.best("video")
        if video is not None and video.duration is not None:
            end = (video.duration + (video.start_time or 0)) * Fraction(video.time_base)
        elif self._container.duration is not None:
            start = self._container.start_time or 0
            end = Fraction(start + self._container.duration, av.time_base)
        else:
            return None
        return end - self._shift
