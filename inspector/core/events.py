"""The events that a run emits in addition to its inspections."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from inspector.core.decisions import VerdictState
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
    line in the run; the pipeline sets it. A subclass adds fields; each becomes a key of the line.
    """

    type: ClassVar[str]
    wall_time_utc: str
    frame_id: int | None = None
    captured_ns: int | None = None
    part_id: str | None = None
    recipe_id: str | None = None
    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DefectClosed(Event):
    """One defect that no later frame can show.

    sightings: number of frames, from the first to the last, in which it was detected.
    best_frame_id: the frame that shows it best. defect: its size over all sightings; None if it
    was not measured. merged_track_ids: tracks that turned out to be parts of it. best: the
    inspection of the best frame, without picture and map, for tables; it is not in the record.
    """

    type: ClassVar[str] = "defect_closed"
    track_id: str
    first_frame_id: int
    last_frame_id: int
    best_frame_id: int
    sightings: int
    defect: Defect | None = None
    merged_track_ids: tuple[str, ...] = ()
    best: Inspection | None = field(default=None, metadata=NOT_IN_RECORD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger(Event):
    """How much of the surface was inspected, and how many defects it has.

    unit: mm2, or px2 without a calibration; all areas are in it. inspected_by_times: "1", "2", ...
    -> area that was inspected so often; the last entry, "9", also has more often. The areas of
    inspected_once, inspected_more and not_inspected_by_cause add up to the total. defects: number
    of tracks. defects_low: lowest number that is possible, because after a gap a defect may have
    been counted again. defects_continued: number of those that an earlier run has counted. gaps:
    the last places where the motion was unknown; gap_count: number of all.
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
    gaps: tuple[Mapping[str, int], ...]
    frames_by_motion: Mapping[str, int]
