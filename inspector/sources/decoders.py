"""Chooses the decoder of a video stream and the checks that find the most damage."""

from typing import Any, Final

import av
from av.codec.codec import UnknownCodecError
from av.codec.context import Flags
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.stream import Disposition

from inspector.core.errors import ConfigError, SourceError
from inspector.sources.options import SOFTWARE

# "aggressive" also detected 22 of 28 wrong pictures in a damaged CAVLC clip, and had no false alarm
# in clips without damage.
_CHECKS: Final = "crccheck+bitstream+buffer+careful+aggressive"

_CONCEALING: Final = frozenset({"h264", "mpeg1video", "mpeg2video", "mpeg4"})
"""These decoders conceal damage and mark each such picture. All others conceal it without a mark,
so they need "explode": damage becomes an exception, and the picture is lost.

With frame threads, a race in FFmpeg's H.264 decoder sometimes loses the mark: in 9 of 36 runs over
one damaged clip, in 0 of 80 runs with "explode", and in 0 of 12 runs with one thread.
"""

_BETTER: Final = {"vp9": "libvpx-vp9"}
"""Format -> decoder that detects damage. FFmpeg's decoder of VP9 delivered 289 of 289 wrong
pictures in clips with changed bits without an error, libvpx 1 of 297, and both are equally fast."""

_LIBVPX_FORMATS: Final = frozenset({"yuv420p", "yuv422p", "yuv440p", "yuv444p"})

_STRICT: Final = frozenset({"libdav1d"})
"""Decoders that check the end of the data of each picture only in strict mode."""


def open_container(place: str, decoder: str, **options: Any) -> av.container.InputContainer:
    """av.open() with `source.decoder`, after check_decoder(). Raises as av.open(), and SourceError
    if the hardware cannot decode the format. The software never takes its place."""
    if decoder in SOFTWARE:
        return av.open(place, **options)
    refusal = f"source.decoder: {decoder} cannot decode %s: set it to software"
    try:
        # If the hardware refuses the pictures later, decoding them raises an error.
        hardware = HWAccel(decoder, allow_software_fallback=False)
        container = av.open(place, hwaccel=hardware, **options)
    except av.FFmpegError:
        raise
    except RuntimeError as exc:  # PyAV: the hardware can decode no stream
        raise SourceError(refusal % "the format of this video") from exc
    for stream in container.streams.video:
        context = stream.codec_context
        cover = stream.disposition & Disposition.attached_pic
        if context is not None and not cover and not context.is_hwaccel:
            container.close()
            raise SourceError(refusal % context.name)
    return container


def check_decoder(decoder: str) -> None:
    """Raises ConfigError if this machine lacks the hardware of `source.decoder`."""
    if decoder in SOFTWARE:
        return
    fault = "this build of FFmpeg does not have it"
    if decoder in hwdevices_available():
        try:
            av.CodecContext.create("h264", "r", HWAccel(decoder))
        except av.FFmpegError as exc:
            fault = exc.strerror or str(exc)
        else:
            return
    raise ConfigError(
        f"source.decoder: {decoder} does not start on this machine ({fault}): install the driver "
        "of its hardware, or set it to software"
    )


def name_decoder(context: av.VideoCodecContext) -> str:
    """Such as "h264", or "h264 (hardware)"."""
    return f"{context.name} (hardware)" if context.is_hwaccel else context.name


def open_decoder(stream: av.VideoStream, *, threads: int, max_pixels: int) -> av.VideoCodecContext:
    """Returns a decoder for the packets of the stream.

    threads: 0 is one per core. max_pixels: larger pictures are errors.

    Slice threads, PyAV's default, are never used: with them FFmpeg's H.264 decoder does not conceal
    or mark anything. The hardware does not do it either; there only the errors in the headers of
    pictures are found.
    """
    context = stream.codec_context
    if not context.is_hwaccel:
        context = _better_decoder(context) or context
    explode = threads != 1 or context.is_hwaccel or context.name not in _CONCEALING
    options = {
        "err_detect": _CHECKS + "+explode" if explode else _CHECKS,
        "max_pixels": str(max_pixels),
    }
    if context.name in _STRICT:
        options["strict"] = "strict"
    context.options = options
    context.thread_type = "NONE" if threads == 1 else "FRAME"
    context.thread_count = threads
    context.flags |= int(Flags.output_corrupt)
    return context


def sets_key_frames(context: av.VideoCodecContext) -> bool:
    """False if the decoder does not say which pictures are key frames."""
    return context.name not in _BETTER.values()


def _better_decoder(context: av.VideoCodecContext) -> av.VideoCodecContext | None:
    name = _BETTER.get(context.codec.canonical_name)
    if name is None or context.pix_fmt not in _LIBVPX_FORMATS:
        return None
    try:
        return av.VideoCodecContext.create(name, "r")
    except UnknownCodecError:
        return None  # an FFmpeg without libvpx
