"""The options of each source: the section `source` of the configuration.

This module is separate because the modules of the sources import FFmpeg and OpenCV. The classes
have no slots, because Python cannot inherit from several classes with slots.
"""

from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from inspector.core.reading import BIT_DEPTHS, MAX_PIXELS, Reading
from inspector.core.schema import (
    AtLeastOne,
    Between,
    Count,
    Matches,
    OneOf,
    Positive,
    Scale,
    Seconds,
    Share,
    SizeText,
    Threads,
    parse_size,
)
from inspector.sources.reconnect import Backoff


@dataclass(frozen=True)
class RateOptions:
    """fps: frames per second; None: each source has a default."""

    fps: Annotated[float, Between(0.001, 1000)] | None = None


@dataclass(frozen=True)
class SizeOptions:
    """frame_size: WxH in px; None: each source has a default."""

    frame_size: SizeText | None = None

    @property
    def frame_hw(self) -> tuple[int, int] | None:
        """(height, width) in px."""
        return None if self.frame_size is None else parse_size(self.frame_size)


@dataclass(frozen=True)
class LiveOptions:
    """read_timeout_s: a source without a frame for this time is lost."""

    read_timeout_s: Seconds = 5.0
    reconnect: Backoff = field(default_factory=Backoff)


@dataclass(frozen=True)
class ReadingOptions:
    """bit_depth: bits that the camera used of the 16 bits of a picture; None: as the picture says.
    max_pixels: larger pictures and frames are refused."""

    bit_depth: Annotated[int, OneOf(*BIT_DEPTHS)] | None = None
    max_pixels: Annotated[int, Between(1, 1 << 30)] = MAX_PIXELS

    @property
    def reading(self) -> Reading:
        return Reading(self.bit_depth, self.max_pixels)


SOFTWARE: Final = ("auto", "software")


@dataclass(frozen=True)
class DecoderOptions(ReadingOptions):
    """decoder: where video is decoded. SOFTWARE, or the kind of hardware in FFmpeg. `auto` never
    uses the hardware, because it hides damage of the pictures."""

    decoder: Annotated[str, OneOf(*SOFTWARE, "cuda", "vaapi")] = "auto"


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """The section `source.camera`: settings that are written when a camera is opened. None: the
    camera keeps its value.

    gain: in dB for most GenICam cameras; in steps of the driver for V4L2. manual: switches
    automatic exposure, gain, white balance and focus off; exposure_us and gain do this for
    themselves. pixel_format: a name of the PFNC such as Mono12, or a code of V4L2 such as MJPG.
    features: name of a GenICam feature, or of a property of OpenCV -> value.

    For GenICam cameras only: offset: (x, y) of the picture on the sensor, in px. trigger: None for
    a camera that runs freely, `software`, or the name of an input such as Line1. clock: where the
    time of a frame comes from. packet_bytes, packet_delay_ns: of GigE Vision. buffers: number of
    pictures for which the host has memory.
    """

    exposure_us: Positive | None = None
    gain: float | None = None
    manual: bool = False
    pixel_format: Annotated[str, Matches(r"\w{3,64}", "letters, digits and _")] | None = None
    offset: tuple[Count, Count] | None = None
    trigger: Annotated[str, Matches(r"\w{1,64}", "letters, digits and _")] | None = None
    clock: Annotated[str, OneOf("camera", "arrival")] = "camera"
    packet_bytes: Annotated[int, Between(220, 65535)] | None = None
    packet_delay_ns: Count | None = None
    buffers: Annotated[int, Between(2, 256)] = 16
    features: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CameraOptions(RateOptions, SizeOptions, LiveOptions):
    """fps, frame_size: requested from the camera; None: the camera chooses."""

    camera: CameraSettings = field(default_factory=CameraSettings)


@dataclass(frozen=True)
class GenicamOptions(CameraOptions, ReadingOptions):
    """bit_depth: of pixel formats with 16 bits, such as Mono16."""


@dataclass(frozen=True)
class NetworkOptions(LiveOptions, DecoderOptions):
    """open_timeout_s: opening fails if the server does not answer in this time.

    buffer_s: largest delay of a live playlist (HLS), in s, before frames are dropped. tls_verify:
    refuse an HTTPS server whose certificate no trusted authority has signed.
    """

    open_timeout_s: Seconds = 5.0
    rtsp_transport: Annotated[str, OneOf("tcp", "udp")] = "tcp"
    buffer_s: Seconds = 20.0
    tls_verify: bool = True


@dataclass(frozen=True)
class VideoFileOptions(DecoderOptions):
    """decode_threads: 0: one per core. 1 thread needs the least CPU time per frame. With 1 the
    damaged pictures of some formats are delivered; with more threads most are missing."""

    decode_threads: Threads = 1


@dataclass(frozen=True)
class ImageFolderOptions(RateOptions, ReadingOptions):
    """fps: picture i has the time i / fps. max_unreadable: allowed share of unreadable pictures."""

    max_unreadable: Share = 0.1


@dataclass(frozen=True, slots=True)
class WebOptions:
    """The section `source.synthetic`.

    frames: number of frames; None: endless. defect_rate: mean number of new defects per frame, of
    all kinds and with random sizes. paced: True is a live source with a frame every 1 / fps s;
    False gives frames as fast as they are read. texture: picture file for the surface of the web;
    None: a woven texture.
    """

    frames: AtLeastOne | None = 300
    seed: Count = 1
    mm_per_px: Scale = 0.1
    defect_rate: Annotated[float, Between(0, 10)] = 0.05
    paced: bool = False
    texture: str | None = None


@dataclass(frozen=True)
class SyntheticOptions(RateOptions, SizeOptions):
    """fps, frame_size: of the rendered frames."""

    synthetic: WebOptions = field(default_factory=WebOptions)


@dataclass(frozen=True)
class SourceOptions(
    GenicamOptions, NetworkOptions, VideoFileOptions, ImageFolderOptions, SyntheticOptions
):
    """Every key of the section. Each source receives this object as options of its kind.

    uri: what to read, see `inspector.sources.uri.kind_of`.
    """

    uri: str | None = None
