"""The events that a run emits in addition to its inspections."""

from dataclasses import dataclass
from typing import ClassVar

from inspector.core.decisions import VerdictState
from inspector.core.types import Cause, Defect, Verdict


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
    was not measured.
    """

    type: ClassVar[str] = "defect_closed"
    track_id: str
    first_frame_id: int
    last_frame_id: int
    best_frame_id: int
    sightings: int
    defect: Defect | None = None
