"""The data types of the pipeline: frames, maps, defects, inspections.

Units are in the field names. Pixel coordinates run x right, y down, with (0, 0) at the corner of
the first pixel; boxes are half-open (x0, y0, x1, y1); sizes are (height, width) in `_hw` fields.
A larger score is more anomalous. Scores have the raw unit of the method and are never rescaled.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from inspector.core.arrays import Image, Map
from inspector.core.decisions import Decision, LimitDecision
from inspector.core.explanation import Explanation
from inspector.core.geometry import Affine, Points
from inspector.core.records import COVERAGE_FACTOR, new_run_id
from inspector.core.trace import UNTRACED, TraceFields, read_trace
from inspector.core.web_place import FrameOnWeb, WebPlace


class Verdict(StrEnum):
    """PASS, FAIL, or ERROR: the frame could not be judged. ERROR never counts as PASS."""

    PASS = "PASS"
    FAIL = "FAIL"
    ERROR = "ERROR"


class Cause(StrEnum):
    """Why a frame is ERROR.

    decode: the picture is damaged or cannot be decoded. stale: the picture is older than its time
    says. size: the picture has another size than the calibration or another aspect ratio than the
    pictures of fitting, or is too small for the crop of the engine. not_finite: the engine gave NaN
    or infinity. health: the camera or the picture differs from the good pictures. no_product: the
    engine sees no product, or too little.
    """

    DECODE = "decode"
    STALE = "stale"
    SIZE = "size"
    NOT_FINITE = "not_finite"
    HEALTH = "health"
    NO_PRODUCT = "no_product"


class Severity(StrEnum):
    """Grade of one defect, from the configured size and score limits."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


ON_FRAME: Final = ("refined", "track")
"""Values of Defect.size_source for sizes that were measured on a frame: this one, or earlier ones
that show the same defect."""


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """Properties of an open source.

    source_id: the name for logs, without a password. live: frames are lost if they are not read in
    time. frame_hw, fps, frame_count, duration_s: None if unknown before the first read.
    time_base: seconds per tick of the source's clock; None for live sources.
    path: the media file, from which sound can be copied; None for other sources. settings: of a
    camera, as they were read back; None for other sources. decoder: of a video, its name in FFmpeg,
    with "(hardware)" if the hardware decodes; None for other sources.
    """

    source_id: str
    live: bool
    frame_hw: tuple[int, int] | None = None
    fps: float | None = None
    frame_count: int | None = None
    duration_s: float | None = None
    time_base: Fraction | None = None
    path: Path | None = None
    settings: Mapping[str, Any] | None = None
    decoder: str | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """One captured frame.

    frame_id: counts captured frames from 0, so a gap means dropped frames.
    image: (H, W, 3) uint8 BGR, C-contiguous, read-only.
    captured_ns: monotonic time after the frame was grabbed. pts_s: None for live sources.
    name: file name of the picture if the source is a folder.
    """

    frame_id: int
    source_id: str
    image: Image
    captured_ns: int
    pts_s: float | None
    wall_time_utc: str
    name: str | None = None

    @property
    def frame_hw(self) -> tuple[int, int]:
        return self.image.shape[0], self.image.shape[1]


@dataclass(frozen=True, slots=True)
class BadFrame:
    """A captured frame that cannot be judged. Its inspection gets the verdict ERROR.

    error: one sentence. image: the damaged picture from the decoder; None if there is none.
    cause: decode, unless the source sets another one.
    """

    frame_id: int
    source_id: str
    error: str
    captured_ns: int
    pts_s: float | None
    wall_time_utc: str
    name: str | None = None
    image: Image | None = None
    cause: Cause = Cause.DECODE


@dataclass(frozen=True, slots=True)
class Defect:
    """One region, detected on the anomaly map and measured on the frame.

    polygons: outlines in frame pixels, outer outlines first, then holes; each (n, 2) float64, open.
    holes: how many of the polygons, counted from the end, are holes.
    length: maximum Feret diameter; width: minimum Feret diameter.
    orientation_deg: direction of the length in the frame, [0, 180), 0 along x, towards y down.
    `*_mm*` are None without a calibration, never 0. `*_u_*` are standard uncertainties (k = 1).
    map_*: size of the region on the anomaly map, before refinement. If refinement splits a region
    into several defects, they have the same map_* values.
    size_source: "refined" (measured on the frame), "track" (measured on earlier frames that show
    the same defect) or "map"; size_note: why it was not refined.
    truncated: touches the border of the inspected area, so its true size may be larger.
    shape_figures: name in SHAPE_FIGURES (inspector.measure.shape_figures) -> value without unit.
    severity_by: the limits of measure.severity that gave the severity, such as length_share; None
    if none of them could be used. decision, limits: whether the size is below its limits, together
    and for each limit; None and () unless sizes decide the verdict.
    web: track and place on the web; None without tracking. explanation: None unless the section
    `explain` of the configuration is enabled.
    """

    defect_id: int
    polygons: tuple[Points, ...]
    holes: int
    box_px: tuple[float, float, float, float]
    centroid_px: tuple[float, float]
    area_px: float
    length_px: float
    width_px: float
    orientation_deg: float
    peak_score: float
    mean_score: float
    severity: Severity
    size_source: str
    truncated: bool
    map_area_px: float
    map_length_px: float
    map_width_px: float
    size_note: str | None = None
    centroid_mm: tuple[float, float] | None = None
    area_mm2: float | None = None
    length_mm: float | None = None
    width_mm: float | None = None
    equivalent_diameter_mm: float | None = None
    area_u_mm2: float | None = None
    length_u_mm: float | None = None
    width_u_mm: float | None = None
    map_area_mm2: float | None = None
    map_length_mm: float | None = None
    map_width_mm: float | None = None
    shape_figures: Mapping[str, float] = field(default_factory=dict)
    area_u_px: float | None = None
    length_u_px: float | None = None
    width_u_px: float | None = None
    severity_by: str | None = None
    decision: Decision | None = None
    limits: tuple[LimitDecision, ...] = ()
    web: WebPlace | None = None
    explanation: Explanation | None = None

    @property
    def length_expanded_u_mm(self) -> float | None:
        return _expanded(self.length_u_mm)

    @property
    def width_expanded_u_mm(self) -> float | None:
        return _expanded(self.width_u_mm)

    @property
    def area_expanded_u_mm2(self) -> float | None:
        return _expanded(self.area_u_mm2)

    @property
    def length_expanded_u_px(self) -> float | None:
        return _expanded(self.length_u_px)

    @property
    def width_expanded_u_px(self) -> float | None:
        return _expanded(self.width_u_px)

    @property
    def area_expanded_u_px(self) -> float | None:
        return _expanded(self.area_u_px)


def _expanded(standard: float | None) -> float | None:
    return None if standard is None else COVERAGE_FACTOR * standard


@dataclass(frozen=True, slots=True)
class Inspection:
    """Verdict and defects of one frame.

    frame: the captured Frame or BadFrame. score, anomaly_map, to_frame: None for an ERROR without a
    map. error, cause: a sentence and its kind, for ERROR only. timings_ms: stage name -> time spent
    in it, and "latency": from the capture until the sinks get the inspection.
    judged_ns: monotonic time of the verdict. seq: number of its `verdict` record in the run; its
    `measured` record has the next number. The pipeline sets judged_ns and seq. reason: a sentence
    if score and outlines alone do not explain the verdict; None otherwise. refined_regions: the
    regions that were refined in the time of a live source, as ranks by peak score from 0; None if
    time was not limited. pictures: defect_id -> path of the picture of the defect, relative to the
    folder of the run; empty with tracking. part_id: the part that the frame shows; None if it shows
    none. web: where the frame is on the web; None without tracking. summary: a sentence about all
    defects; None unless they are explained. trace: of its part, as far as this frame knows it.

    Raises ValueError for an ERROR without a cause, and for a cause without ERROR.
    """

    frame: Frame | BadFrame
    verdict: Verdict
    image_threshold: float
    pixel_threshold: float
    score: float | None = None
    anomaly_map: Map | None = None
    to_frame: Affine | None = None
    error: str | None = None
    defects: tuple[Defect, ...] = ()
    timings_ms: dict[str, float] = field(default_factory=dict)
    cause: Cause | None = None
    judged_ns: int | None = None
    seq: int = 0
    reason: str | None = None
    refined_regions: tuple[int, ...] | None = None
    pictures: Mapping[int, str] = field(default_factory=dict)
    part_id: str | None = None
    web: FrameOnWeb | None = None
    summary: str | None = None
    trace: TraceFields = UNTRACED

    def __post_init__(self) -> None:
        if (self.verdict is Verdict.ERROR) is (self.cause is None):
            raise ValueError(
                f"an inspection needs a cause if, and only if, its verdict is ERROR: "
                f"it has the verdict {self.verdict} and the cause {self.cause}"
            )

    @property
    def frame_id(self) -> int:
        return self.frame.frame_id


SINGLE: Final = "main"
"""Name of the source if the configuration has no list of sources."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """Facts about the run, which every sink gets before the first inspection.

    engine: the engine's spec as plain values (no pictures). config: the configuration as plain
    values, without passwords. Hashes are sha256 hex. unit: mm, cm or inch, used to show lengths.
    parity: result of comparing the engine with its reference. judged_by: the engine file and the
    runtime in use. Both are filled when the engine is open. run_id: differs for every run.
    source_name: short name of the source among the sources of the run. source_hash: recognises
    the files of the source again; None without files. version: of the program; None if unknown.
    recipe_id: name of the recipe; None without recipes. continues: {"run_id": ...} of the run that
    gave the source to this one, without a frame in between; None if the source was opened anew.
    check: name of the routine check that the run is; None in production. video_encoder: its name in
    FFmpeg; None without a video.
    """

    source: SourceInfo
    output_dir: Path
    started_utc: str
    engine: dict[str, Any]
    config: dict[str, Any]
    config_hash: str
    engine_hash: str
    calibration_hash: str | None
    image_threshold: float
    pixel_threshold: float
    unit: str = "mm"
    parity: dict[str, Any] = field(default_factory=dict)
    judged_by: dict[str, Any] = field(default_factory=dict)
    run_id: str = field(default_factory=new_run_id)
    source_name: str = SINGLE
    source_hash: str | None = None
    version: str | None = None
    recipe_id: str | None = None
    continues: dict[str, str] | None = None
    check: str | None = None
    video_encoder: str | None = None

    def check_of(self, part_id: str | None) -> str | None:
        """The routine check to which a line with this part_id belongs; None: to production.

        It is the check of the run, or that whose key part_id matches, as a shell pattern.
        """
        if self.check is None and part_id is not None:
            for entry in self.config.get("checks", ()):
                pattern = entry["part_id"]
                if pattern is not None and fnmatchcase(part_id, pattern):
                    return str(entry["name"])
        return self.check

    def trace_of(self, trace: TraceFields) -> dict[str, str | None]:
        """The trace fields of a line: those of its part, and the constants of the configuration."""
        return trace.over(read_trace(self.config.get("trace", {}))).plain()
