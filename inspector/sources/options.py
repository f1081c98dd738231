"""The options of each source: the section `source` of the configuration.

This module is separate because the modules of the sources import FFmpeg and OpenCV. The classes
have no slots, because Python cannot inherit from several classes with slots.
"""

from dataclasses import dataclass, field
from typing import Annotated

from inspector.core.schema import (
    AtLeastOne,
    Between,
    Count,
    OneOf,
    Positive,
    Scale,
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

    read_timeout_s: Positive = 5.0
    reconnect: Backoff = field(default_factory=Backoff)


@dataclass(frozen=True)
class CameraOptions(RateOptions, SizeOptions, LiveOptions):
    """fps, frame_size: requested from the camera; None: the camera chooses."""


@dataclass(frozen=True)
class NetworkOptions(LiveOptions):
    """open_timeout_s: opening fails if the server does not answer in this time."""

    open_timeout_s: Positive = 5.0
    rtsp_transport: Annotated[str, OneOf("tcp", "udp")] = "tcp"


@dataclass(frozen=True)
class VideoFileOptions:
    """decode_threads: 0: one per core. 1 thread needs the least CPU time per frame. With 1 the
    damaged pictures of some formats are delivered; with more threads most are missing."""

    decode_threads: Threads = 1


@dataclass(frozen=True)
class ImageFolderOptions(RateOptions):
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
