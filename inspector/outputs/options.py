"""The options of the outputs: the section `output` of the configuration.

They lie apart from the outputs, which load FFmpeg and OpenCV.
"""

from dataclasses import dataclass, field
from typing import Annotated

from inspector.core.schema import Between, Count, OneOf, OnError, Threads


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """scale: size of each half over that of the frame. preset, crf, threads: of x264; 0 threads is
    its choice. copy_audio: copy the sound of the source's file as it is."""

    enabled: bool = True
    scale: Annotated[float, Between(0.1, 1)] = 1.0
    preset: Annotated[
        str, OneOf("ultrafast", "superfast", "veryfast", "faster", "fast", "medium")
    ] = "ultrafast"
    crf: Annotated[int, Between(0, 51)] = 23
    threads: Threads = 1
    copy_audio: bool = True


@dataclass(frozen=True, slots=True)
class SnapshotOptions:
    """max_count: the newest so many are kept; 0 keeps none. quality: JPEG, 1 to 100. on_error: what
    a snapshot that cannot be written does to the run."""

    max_count: Count = 100
    when: Annotated[str, OneOf("fail", "error", "both")] = "both"
    quality: Annotated[int, Between(1, 100)] = 90
    on_error: OnError = "warn"


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """dir: the output folder. overwrite: results that it holds are removed first."""

    dir: str = "artifacts/run"
    overwrite: bool = False
    video: VideoOptions = field(default_factory=VideoOptions)
    snapshots: SnapshotOptions = field(default_factory=SnapshotOptions)
