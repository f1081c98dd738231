"""The options of each source: the section `source` of the configuration.

They lie apart from the sources, which load FFmpeg and OpenCV. No slots here: Python refuses to
inherit from several classes that have them.
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
    """fps: frames per second; None: what each source takes then."""

    fps: Annotated[float, Between(0.001, 1000)] | None = None


@dataclass(frozen=True)
class SizeOptions:
    """frame_size: WxH in px; None: what each source takes then."""

    frame_size: SizeText | None = None

    @property
    def frame_hw(self) -> tuple[int, int] | None:
        """(height, width) in px."""
        return None if self.frame_size is None else parse_size(self.frame_size)


@dataclass(frozen=True)
class LiveOptions:
    """read_timeout_s: a source that is silent for so long counts as lost."""

    read_timeout_s: Positive = 5.0
    reconnect: Backoff = field(default_factory=Backoff)


@dataclass(frozen=True)
class CameraOptions(RateOptions, SizeOptions, LiveOptions):
    """fps and frame_size are asked of the camera; None leaves the camera's choice."""


@dataclass(frozen=True)
class NetworkOptions(LiveOptions):
    """open_timeout_s: a server that does not answer for so long cannot be opened."""

    open_timeout_s: Positive = 5.0
    rtsp_transport: Annotated[str, OneOf("tcp", "udp")] = "tcp"


@dataclass(frozen=True)
class VideoFileOptions:
    """decode_threads: 0 is one per core. 1 costs the least per frame and gives damaged pictures
    where more give none."""

    decode_threads: Threads = 1


@dataclass(frozen=True)
class ImageFolderOptions(RateOptions):
    """fps: picture i has the time i / fps. max_unreadable: largest share of unreadable pictures."""

    max_unreadable: Share = 0.1


@dataclass(frozen=True, slots=True)
class WebOptions:
    """The section `source.synthetic`.

    frames: None for no end. defect_rate: new defects per frame on the average, of all kinds and
    random sizes. paced: live, a frame every 1 / fps s; otherwise as fast as it is read. texture: a
    picture to make the web of; None weaves one.
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
