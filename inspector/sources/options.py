"""The options of each source: the section `source` of the configuration.

This module is separate because the modules of the sources import FFmpeg and OpenCV. The classes
have no slots, because Python cannot inherit from several classes with slots.
"""

from dataclasses import dataclass, field
from typing import Annotated

from inspector.core.reading import BIT_DEPTHS, MAX_PIXELS, Reading
from inspector.core.schema import (
    AtLeastOne,
    Between,
    Count,
    OneOf,
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


@dataclass(frozen=True)
class CameraOptions(RateOptions, SizeOptions, LiveOptions):
    """fps, frame_size: requested from the camera; None: the camera chooses."""


@dataclass(frozen=True)
class NetworkOptions(LiveOptions, ReadingOptions):
    """open_timeout_s: opening fails if the server does not answer in this time.

    buffer_s: largest delay of a live playlist (HLS), in s, before frames are dropped. tls_verify:
    refuse an HTTPS server whose certificate no trusted authority has signed.
    """

    open_timeout_s: Seconds = 5.0
    rtsp_transport: Annotated[str, OneOf("tcp", "udp")] = "tcp"
    buffer_s: Seconds = 20.0
    tls_verify: bool = True


@dataclass(frozen=True)
class VideoFileOptions(ReadingOptions):
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
    CameraOptions, NetworkOptions, VideoFileOptions, ImageFolderOptions, SyntheticOptions
):
    """Every key of the section. Each source receives this object as options of its kind.

    uri: what to read, see `inspector.sources.uri.kind_of`.
    """

    uri: str | None = None
