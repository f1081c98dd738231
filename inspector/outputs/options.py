"""The options of the outputs: the section `output` of the configuration.

This module is separate because the modules of the outputs import FFmpeg and OpenCV.
"""

from dataclasses import dataclass, field
from typing import Annotated

from inspector.core.schema import Between, Count, OneOf, OnError, Positive, Threads
from inspector.outputs.run_folder import FolderPattern


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """scale: size of each panel divided by the size of the frame. preset, crf, threads: options of
    x264; with 0 threads x264 chooses. copy_audio: copy the sound of the source file unchanged."""

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
    """max_count: largest number of files; each further file replaces the oldest; 0 saves none.
    quality: JPEG quality, 1 to 100. on_error: effect of a snapshot that cannot be written: "fatal"
    ends the run, "warn" disables the snapshots."""

    max_count: Count = 100
    when: Annotated[str, OneOf("fail", "error", "both")] = "both"
    quality: Annotated[int, Between(1, 100)] = 90
    on_error: OnError = "warn"


@dataclass(frozen=True, slots=True)
class OriginalsOptions:
    """Saves every frame without loss, for `line-inspector replay`.

    format: png is smaller, bmp takes less time. max_mb: MB of all files; each further file replaces
    the oldest. on_error: effect of a frame that cannot be written: "fatal" ends the run, "warn"
    saves no more frames.
    """

    enabled: bool = False
    format: Annotated[str, OneOf("png", "bmp")] = "png"
    max_mb: Positive = 10_000.0
    on_error: OnError = "warn"


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """dir: the output folder, or a pattern for a new folder for each run. overwrite: first remove
    the results of an earlier run from it. A new folder has none."""

    dir: Annotated[str, FolderPattern()] = "artifacts/run"
    overwrite: bool = False
    video: VideoOptions = field(default_factory=VideoOptions)
    snapshots: SnapshotOptions = field(default_factory=SnapshotOptions)
    originals: OriginalsOptions = field(default_factory=OriginalsOptions)
