"""Copies the sound of a video file packet by packet into another file."""

import contextlib
import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.bitstream import BitStreamFilterContext
from loguru import logger

from inspector.outputs.mp4_boxes import Sample, Track, find_box

CODECS: Final = ("aac", "mp3", "mp3float", "ac3", "eac3", "alac", "opus", "libopus", "flac")
"""Names of decoders whose sound players accept in MP4."""

_END_S: Final = Fraction(1, 2)
"""A video that ends this close to the end of its file counts as complete."""
_LEAD_S: Final = 1
"""Sound that ends more than this before time 0 is left out. Decoders need what follows."""
_TRIAL: Final = 8
"""Number of packets with which the description of the sound is made."""


@dataclass(frozen=True, slots=True)
class _Packet:
    """A sample and its time in s."""

    sample: Sample
    at_s: Fraction


class SoundCopy:
    """The sound of a media file as samples of an MP4 track. open_sound() makes it."""

    def __init__(
        self,
        container: av.container.InputContainer,
        packets: Iterator[_Packet],
        track: Track,
        shift_s: Fraction,
    ) -> None:
        self.track = track
        self._container = container
        self._packets = packets
        self._shift = shift_s
        self._sent_s: Fraction | None = None
        self._next = next(packets, None)

    def until(self, time_s: Fraction) -> Iterator[Sample]:
        """Yields the samples up to `time_s`."""
        while self._next is not None and self._next.at_s <= time_s:
            yield self._take(self._next)

    def before(self, time_s: Fraction) -> Iterator[Sample]:
        """Yields the samples before `time_s`."""
        while self._next is not None and self._next.at_s < time_s:
            yield self._take(self._next)

    def skip(self, time_s: Fraction) -> None:
        """Leaves out the samples before `time_s`, where the video has a gap."""
        for _ in self.before(time_s):
            pass

    def next_track(self, time_s: Fraction) -> Track:
        """The track of the samples that are left, for a file that begins at `time_s`."""
        first = round(time_s * self.track.timescale)
        return replace(self.track, first=first if self._next is None else self._next.sample.time)

    def rest(self, last_s: Fraction) -> Iterator[Sample]:
        """Yields the rest of the sound after the last picture at `last_s`.

        If the pictures were written to the end of the file, this is all of it. Otherwise it ends
        with the last picture.
        """
        end_s = self._picture_end_s()
        complete = end_s is None or last_s + _END_S >= end_s
        while self._next is not None and (complete or self._next.at_s <= last_s):
            yield self._take(self._next)

    def close(self) -> None:
        self._next = None
        self._container.close()

    def _take(self, packet: _Packet) -> Sample:
        self._next = next(self._packets, None)
        return packet.sample

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


def open_sound(path: Path, shift_s: Fraction, *, number: int) -> SoundCopy | None:
    """Opens the best sound stream of a media file for the track `number`. shift_s is subtracted
    from its times.

    None if there is no sound that players accept in MP4. Sound that is left out, sound after a read
    error, and other sound streams are named in a logged line. The video is never affected.
    """
    if not path.is_file():
        return None
    with contextlib.ExitStack() as on_failure:
        try:
            container = av.open(str(path))
        except (av.FFmpegError, OSError) as exc:
            logger.warning("the sound of {} is not copied: {}", path, exc.strerror)
            return None
        on_failure.callback(container.close)
        source = container.streams.best("audio")
        if source is None:
            return None
        if others := len(container.streams.audio) - 1:
            logger.warning("{} more sound streams of {} are not copied", others, path)
        try:
            sound = _open(container, source, path, shift_s, number)
        except (av.FFmpegError, OSError, ValueError) as exc:
            name = "unknown" if source.codec_context is None else source.codec_context.name
            reason = getattr(exc, "strerror", None) or exc
            logger.warning("the {} sound of {} is not copied: {}", name, path, reason)
            return None
        on_failure.pop_all()
        return sound


def _open(
    container: av.container.InputContainer,
    source: av.AudioStream,
    path: Path,
    shift_s: Fraction,
    number: int,
) -> SoundCopy:
    """Raises ValueError if MP4 cannot store the sound."""
    context, rate = source.codec_context, source.rate
    if context is None or context.name not in CODECS:
        raise ValueError("players do not accept this format in MP4")
    raw = _read(container, source, path)
    trial = list(itertools.islice(raw, _TRIAL))
    if not rate or not trial:
        raise ValueError("it has no readable packets" if rate else "it has no sample rate")
    # Before the trial, because FFmpeg changes the times of the packets that it writes.
    first = list(_convert(iter(trial), rate, shift_s))
    description = _stsd(source, trial)
    packets = itertools.chain(first, _convert(raw, rate, shift_s))
    head = next(packets, None)
    if head is None:
        raise ValueError("it ends before the first picture")
    first_time = head.sample.time
    track = Track(number, rate, description, first_time, offset=max(0, -first_time))
    return SoundCopy(container, itertools.chain([head], packets), track, shift_s)


def _stsd(source: av.AudioStream, first: list[av.Packet]) -> bytes:
    """The description of the sound, which FFmpeg writes into a file in memory."""
    memory = io.BytesIO()
    with av.open(memory, "w", format="mp4") as trial:
        stream = trial.add_stream_from_template(source)
        for packet in first:
            packet.stream = stream
            trial.mux(packet)
    stsd = find_box(memory.getvalue(), b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
    if stsd is None:
        raise ValueError("MP4 cannot store it")
    return stsd


def _convert(packets: Iterator[av.Packet], rate: int, shift_s: Fraction) -> Iterator[_Packet]:
    """Converts times to samples of sound."""
    for packet in packets:
        assert packet.dts is not None
        at_s = packet.dts * Fraction(packet.time_base) - shift_s
        length_s = (packet.duration or 0) * Fraction(packet.time_base)
        if at_s + length_s < -_LEAD_S:
            continue
        sample = Sample(bytes(packet), round(at_s * rate), round(length_s * rate))
        yield _Packet(sample, at_s)


def _read(
    container: av.container.InputContainer, source: av.AudioStream, path: Path
) -> Iterator[av.Packet]:
    last: int | None = None
    try:
        for packet in _demux(container, source):
            if last is not None and packet.dts <= last:
                logger.warning(
                    "the sound of {} is copied only to the point where its time jumps back", path
                )
                return
            last = packet.dts
            yield packet
    except (av.FFmpegError, OSError) as exc:
        logger.warning("the rest of the sound of {} cannot be read: {}", path, exc.strerror)


def _demux(container: av.container.InputContainer, source: av.AudioStream) -> Iterator[av.Packet]:
    """Removes the header of each AAC packet of a transport stream, because MP4 refuses it."""
    context = source.codec_context
    framed = context is not None and context.name == "aac" and not context.extradata
    bare = BitStreamFilterContext("aac_adtstoasc", source) if framed else None
    for packet in container.demux(source):
        # The demuxer ends with an empty packet without a time.
        if packet.dts is None or packet.pts is None or not packet.size:
            continue
        for out in [packet] if bare is None else bare.filter(packet):
            out.time_base = source.time_base
            yield out
