"""Chooses and opens the H.264 encoder of the annotated video: x264, or one of the hardware."""

from fractions import Fraction
from functools import cache
from typing import Final

import av
from av.codec.codec import UnknownCodecError
from av.codec.context import Flags
from av.codec.hwaccel import HWAccel
from av.video.reformatter import ColorRange
from loguru import logger

from inspector.core.errors import ConfigError
from inspector.outputs.options import AUTO, X264

RATE: Final = Fraction(25)
"""Pictures per s for the encoder. The times of the pictures do not depend on it."""
COLOUR: Final = (1, 1, 6)
"""Primaries, transfer and matrix (ITU-T H.273): BT.709, BT.709 and SMPTE 170M, which is the matrix
of BT.601. The range is limited."""

FAULTS: Final = (av.FFmpegError, OSError, ValueError)
"""What an encoder raises."""

_HARDWARE: Final = ("h264_nvenc", "h264_vaapi", "h264_qsv")
"""In the order in which `auto` tries them."""
_TRIAL_HW: Final = (360, 640)


def choose_encoder(name: str) -> str:
    """Returns the encoder to use. `auto` is the first encoder of the hardware that opens on this
    machine, otherwise x264. Raises ConfigError if this machine lacks the encoder of this name."""
    if name == AUTO:
        return _find_encoder()
    if name != X264 and (fault := _find_fault(name)) is not None:
        raise ConfigError(
            f"output.video.encoder: {name} does not start on this machine ({fault}): install the "
            f"driver of its hardware, or set {X264} or {AUTO}"
        )
    return name


def open_encoder(
    name: str,
    *,
    hw: tuple[int, int],
    time_base: Fraction,
    preset: str,
    crf: int,
    threads: int,
    gop: int,
) -> av.VideoCodecContext:
    """Opens an encoder that returns each picture at once. A kill would lose pictures that it keeps
    for B pictures, look-ahead or one thread per picture.

    hw: size of the pictures, even. preset, threads: of x264; the hardware ignores them. crf: 0 to
    51; the hardware uses it as its constant quality. Raises one of FAULTS.
    """
    device = HWAccel("vaapi") if name == "h264_vaapi" else None
    encoder = av.CodecContext.create(name, "w", device)
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.options = _options(name, preset, crf)
    encoder.height, encoder.width = hw
    encoder.pix_fmt = "yuv420p" if name in (X264, "h264_nvenc") else "nv12"
    encoder.time_base = time_base
    encoder.framerate = RATE
    encoder.gop_size = gop
    if name == X264:
        encoder.thread_count = threads
        encoder.thread_type = "SLICE"  # like zerolatency; FFmpeg would replace it otherwise
    encoder.color_range = ColorRange.MPEG
    encoder.color_primaries, encoder.color_trc, encoder.colorspace = COLOUR
    encoder.flags |= Flags.global_header
    encoder.open()
    return encoder


def explain_fault(exc: Exception) -> str:
    """exc: one of FAULTS."""
    return str(getattr(exc, "strerror", None) or exc)


def _options(name: str, preset: str, crf: int) -> dict[str, str]:
    if name == X264:
        options = {"preset": preset, "crf": str(crf), "tune": "zerolatency", "forced-idr": "1"}
        # Motion by parts of a pixel. On a moving web this halves the file, and costs at most 0.8
        # CPU-ms for pictures of 1280x380. The slower presets have it.
        return options | ({"subq": "1"} if preset == "ultrafast" else {})
    if name == "h264_nvenc":
        quality = {"rc": "constqp", "qp": str(crf)}
        return quality | {"tune": "ull", "zerolatency": "1", "delay": "0", "forced-idr": "1"}
    if name == "h264_vaapi":
        return {"rc_mode": "CQP", "qp": str(max(1, crf)), "bf": "0", "async_depth": "1"}
    quality = {"global_quality": str(max(1, crf))}
    return quality | {"bf": "0", "async_depth": "1", "forced_idr": "1"}


@cache
def _find_encoder() -> str:
    """Tried once in a process, because opening hardware takes a moment."""
    encoder = next((name for name in _HARDWARE if _find_fault(name) is None), X264)
    if encoder == X264:
        logger.info("no hardware encoder for H.264 starts on this machine: {} is used", X264)
    return encoder


def _find_fault(name: str) -> str | None:
    """Opens the encoder once. Returns the reason if this fails."""
    try:
        open_encoder(name, hw=_TRIAL_HW, time_base=1 / RATE, preset="", crf=23, threads=1, gop=30)
    except UnknownCodecError:
        return "this build of FFmpeg does not have it"
    except FAULTS as exc:
        return explain_fault(exc)
    return None
