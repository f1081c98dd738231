"""The events that a run emits in addition to its inspections."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Final

from inspector.core.decisions import VerdictState
from inspector.core.file_hash import FileState
from inspector.core.trace import UNTRACED, TraceFields
from inspector.core.types import Cause, Defect, Inspection, Verdict

NOT_IN_RECORD: Final = {"in_record": False}
"""Metadata of a field of an event that is no key of its record."""


@dataclass(frozen=True, slots=True)
class VerdictEvent:
    """The verdict on one frame, sent before anything is written.

    state: PENDING if the verdict depends on sizes that are not measured yet; verdict is then None,
    and a second event with the final verdict follows. Machines must act on FINAL events only.

    The `verdict` line of the same frame in the log follows later. The verdict has no seq, because
    lines are numbered when they are written. run_id, source and frame_id together are unique and
    identify the line; a sink gets run_id and source (source_name) with open(run).

    pts_s, score: None if unknown. error, cause: for ERROR only. captured_ns, judged_ns: monotonic.
    """

    frame_id: int
    verdict: Verdict | None
    score: float | None
    image_threshold: float
    error: str | None
    cause: Cause | None
    pts_s: float | None
    captured_ns: int
    judged_ns: int
    wall_time_utc: str
    state: VerdictState = VerdictState.FINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that ended or changed. It becomes one line of the log, with the class's `type`.

    frame_id, captured_ns: of the frame that showed it; None if no frame did. seq: number of the
    line in the run; the pipeline sets it. trace: of its part. A subclass adds fields; each becomes
    a key of the line.
    """

    type: ClassVar[str]
    wall_time_utc: str
    frame_id: int | None = None
    captured_ns: int | None = None
    part_id: str | None = None
    recipe_id: str | None = None
    seq: int = 0
    trace: TraceFields = UNTRACED


@dataclass(frozen=True, slots=True, kw_only=True)
class DefectClosed(Event):
    """One defect that no later frame can show.

    sightings: number of frames, from the first to the last, in which it was detected.
    best_frame_id: the frame that shows it best. defect: its size over all sightings; None if it
    was not measured. merged_track_ids: tracks that turned out to be parts of it. extent: the box of
    web over which it was seen, y_from_m, y_to_m along and x_from_mm, x_to_mm across; without a
    calibration y_from_px and so on. picture: path of its picture relative to the folder of the run;
    None if there is none. best: the inspection of the best frame, without picture and map, for
    tables; it is not in the record.
    """

    type: ClassVar[str] = "defect_closed"
    track_id: str
    first_frame_id: int
    last_frame_id: int
    best_frame_id: int
    sightings: int
    defect: Defect | None = None
    merged_track_ids: tuple[str, ...] = ()
    extent: Mapping[str, float] | None = None
    picture: str | None = None
    best: Inspection | None = field(default=None, metadata=NOT_IN_RECORD)


class PartCause(StrEnum):
    """Why a part is ERROR, if no ERROR frame is the cause.

    dropped: frames of it were dropped that it needs, or all. not_seen: a trigger announced it, but
    no frame shows it. incomplete: it has fewer frames than it must have. missing_source: a camera
    did not see it in time. code: it has no code that can be read, or codes that differ.
    """

    DROPPED = "dropped"
    NOT_SEEN = "not_seen"
    INCOMPLETE = "incomplete"
    MISSING_SOURCE = "missing_source"
    CODE = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part(Event):
    """The verdict on one part, over all frames of all sources. part_id is set.

    rule: any, k_of_n or worst. sources: those that can see the part. cause, error: for ERROR only;
    the cause is one of Cause or PartCause. first_frame_id, last_frame_id, worst_frame_id (the
    highest score): None if no frame shows it, or if several sources do; views has them for each
    source. frames: without the dropped ones. defects: largest number in one frame, added up over
    the sources. sightings: number of outlines in all frames. views: one object for each source.
    summary: sentence about the defects of the frame with the highest score; None unless they are
    explained. newest_captured_ns: monotonic, of the newest frame of all sources; None without a
    frame; it is not in the record.
    """

    type: ClassVar[str] = "part"
    verdict: Verdict
    rule: str
    sources: tuple[str, ...]
    cause: str | None
    error: str | None
    first_frame_id: int | None
    last_frame_id: int | None
    frames: int
    frames_failed: int
    frames_errored: int
    frames_dropped: int
    defects: int
    sightings: int
    score: float | None
    worst_frame_id: int | None
    views: tuple[Mapping[str, Any], ...]
    summary: str | None = None
    newest_captured_ns: int | None = field(default=None, metadata=NOT_IN_RECORD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll(Event):
    """The verdict on one roll: FAIL if a frame failed, otherwise ERROR if a frame is ERROR.

    cause, error: of the first ERROR frame, for ERROR only. length_m: None without tracking or
    calibration. defects: with tracking those that were first seen in this roll; otherwise number of
    outlines in all frames.
    """

    type: ClassVar[str] = "roll"
    roll_id: str
    verdict: Verdict
    cause: str | None
    error: str | None
    first_frame_id: int
    last_frame_id: int
    length_m: float | None
    frames: int
    frames_failed: int
    frames_errored: int
    frames_dropped: int
    defects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger(Event):
    """How much of the surface, or how many parts, were inspected, and how many defects they have.

    unit: mm2, or px2 without a calibration; all areas are in it. With unit parts the fields count
    parts, and gaps are where parts may have passed unseen. inspected_by_times: "1", "2", ... ->
    area that was inspected so often; the last entry, "9", also has more often. The areas of
    inspected_once, inspected_more and not_inspected_by_cause add up to the total. defects: number
    of tracks. defects_low: lowest number that is possible, because after a gap a defect may have
    been counted again. defects_continued: number of those that an earlier run has counted. gaps:
    the last places where the motion was unknown; gap_count: number of all. width_mm: of the web;
    width_px without a calibration. lengths_not_inspected: the last lengths that no frame inspected
    over the full width, from_m, to_m (from_px, to_px) and cause; lengths_not_inspected_count:
    number of all. bands_not_inspected: bands across the web that no frame can inspect, from_mm,
    to_mm (from_px, to_px) and cause.
    """

    type: ClassVar[str] = "ledger"
    unit: str
    total: float
    inspected_once: float
    inspected_more: float
    not_inspected_by_cause: Mapping[str, float]
    inspected_by_times: Mapping[str, float]
    length_m: float | None
    defects: int
    defects_low: int
    defects_continued: int
    gap_count: int
    gaps: tuple[Mapping[str, float], ...]
    frames_by_motion: Mapping[str, int]
    width_mm: float | None = None
    width_px: float | None = None
    lengths_not_inspected_count: int = 0
    lengths_not_inspected: tuple[Mapping[str, Any], ...] = ()
    bands_not_inspected: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthChanged(Event):
    """A condition that began or ended. condition: a word. state: begin or end. value, limit:
    figures of the condition; None if it has none."""

    type: ClassVar[str] = "health"
    condition: str
    state: str
    message: str
    value: float | None
    limit: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChanged(Event):
    """A setting that differs from the run before. frame_id: the first frame with the new setting;
    None if the run has no frame. key: dotted key of the configuration. who, why: None if unknown.
    """

    type: ClassVar[str] = "config_changed"
    key: str
    old: Any
    new: Any
    who: str | None
    why: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint(Event):
    """The files of the run that changed since the last checkpoint; see docs/evidence.md.

    files: path relative to the folder of the run -> its state before the inspection of this frame;
    None if the run removed the file. A table or a video may have grown since. key_id: of the key
    that signs the line; None without a key. The line also has the key `signature`.
    """

    type: ClassVar[str] = "checkpoint"
    files: Mapping[str, FileState | None]
    key_id: str | None
