"""The options of the outputs: the section `output` of the configuration.

This module is separate because the modules of the outputs import FFmpeg and OpenCV.
"""

from dataclasses import dataclass, field
from typing import Annotated, Final

from inspector.core.schema import Between, Count, OneOf, OnError, Positive, Share, Threads
from inspector.core.tables import CsvOptions
from inspector.outputs.run_folder import FolderPattern

AUTO: Final = "auto"
X264: Final = "libx264"


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """scale: size of each panel divided by the size of the frame; None: 1, halved until a panel has
    less than 1280x720 pixels. encoder: name in FFmpeg; AUTO is one of the hardware if it starts,
    otherwise x264. preset, threads: of x264; with 0 threads it chooses. crf: quality. copy_audio:
    copy the sound of the source file unchanged. segment_minutes: length of each file; None: one
    file."""

    enabled: bool = True
    segment_minutes: Annotated[float, Between(0.01, 1440)] | None = None
    scale: Annotated[float, Between(0.1, 1)] | None = None
    encoder: Annotated[str, OneOf(AUTO, X264, "h264_nvenc", "h264_vaapi", "h264_qsv")] = X264
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
class FourPointOptions:
    """The 4-point score of a web. edition: of the standard, named in the text of the score.
    defects_are_holes: every defect has the points of a hole. long_defects: a defect longer than a
    yard has 4 points in every yard that it touches, or once."""

    enabled: bool = False
    edition: str = "ASTM D5430-13"
    defects_are_holes: bool = False
    long_defects: Annotated[str, OneOf("every_yard", "once")] = "every_yard"


@dataclass(frozen=True, slots=True)
class DefectPictureOptions:
    """max_count, max_mb: largest number and size of the pictures of each severity; later defects of
    this severity have no picture; max_count 0 saves none. quality: JPEG quality, 1 to 100.
    on_error: effect of a picture that cannot be written: "fatal" ends the run, "warn" disables the
    pictures."""

    max_count: Count = 1000
    max_mb: Positive = 100.0
    quality: Annotated[int, Between(1, 100)] = 85
    on_error: OnError = "warn"


@dataclass(frozen=True, slots=True)
class ExplainedPictureOptions:
    """Heat map, boxes and text of a frame, for frames with explained defects.

    when: none, fail (failing frames), or all (all frames with a map). max_count: largest number of
    frames; later frames have no files. on_error: effect of a file that cannot be written: "fatal"
    ends the run, "warn" writes no more of them.
    """

    when: Annotated[str, OneOf("none", "fail", "all")] = "none"
    max_count: Count = 100
    on_error: OnError = "warn"


@dataclass(frozen=True, slots=True)
class OriginalsOptions:
    """Saves frames without loss, for `line-inspector replay` and for fitting.

    when: all frames, or failures (FAIL and ERROR). pass_share: share of the PASS frames that are
    saved besides the failures, evenly spaced. format: png is smaller, bmp takes less time. max_mb:
    MB of all files; each further file replaces the oldest PASS frame, or if there is none the
    oldest failure. on_error: effect of a frame that cannot be written: "fatal" ends the run, "warn"
    saves no more frames.
    """

    enabled: bool = False
    when: Annotated[str, OneOf("all", "failures")] = "all"
    pass_share: Share = 0.0
    format: Annotated[str, OneOf("png", "bmp")] = "png"
    max_mb: Positive = 10_000.0
    on_error: OnError = "warn"


@dataclass(frozen=True, slots=True)
class DiskOptions:
    """Limits of the free disk, below which a run writes less, or only verdicts. GB (1e9 bytes);
    None: no limit. A full disk is no failure of a picture or of the video if there is a limit."""

    less_below_gb: Positive | None = None
    verdicts_below_gb: Positive | None = None

    @property
    def enabled(self) -> bool:
        return self.less_below_gb is not None or self.verdicts_below_gb is not None


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """dir: the output folder, or a pattern for a new folder for each run. overwrite: first remove
    the results of an earlier run from it. A new folder has none. roll_map: draw the web at the end
    of a run with tracking. csv: form of all tables of the run."""

    dir: Annotated[str, FolderPattern()] = "artifacts/run"
    overwrite: bool = False
    video: VideoOptions = field(default_factory=VideoOptions)
    snapshots: SnapshotOptions = field(default_factory=SnapshotOptions)
    defect_pictures: DefectPictureOptions = field(default_factory=DefectPictureOptions)
    csv: CsvOptions = field(default_factory=CsvOptions)
    roll_map: bool = True
    four_points: FourPointOptions = field(default_factory=FourPointOptions)
    explained_pictures: ExplainedPictureOptions = field(default_factory=ExplainedPictureOptions)
    originals: OriginalsOptions = field(default_factory=OriginalsOptions)
    disk: DiskOptions = field(default_factory=DiskOptions)
