"""Counts the frames that show one part or one roll."""

from dataclasses import dataclass

from inspector.core.types import Inspection, Verdict
from inspector.tracking.motion import time_s


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """The facts of an inspection that a part needs, without picture and map.

    time_s: on the clock of the source: the time in the file, or that of the capture; None if
    unknown.
    """

    frame_id: int
    captured_ns: int
    wall_time_utc: str
    time_s: float | None
    verdict: Verdict
    cause: str | None
    error: str | None
    score: float | None
    defects: int
    summary: str | None = None


def make_facts(inspection: Inspection, *, live: bool) -> FrameFacts:
    """The facts of an inspection. live: whether times are those of the capture."""
    frame, cause = inspection.frame, inspection.cause
    return FrameFacts(
        frame_id=frame.frame_id,
        captured_ns=frame.captured_ns,
        wall_time_utc=frame.wall_time_utc,
        time_s=time_s(frame, live=live),
        verdict=inspection.verdict,
        cause=None if cause is None else cause.value,
        error=inspection.error,
        score=inspection.score,
        defects=len(inspection.defects),
        summary=inspection.summary,
    )


@dataclass(slots=True)
class Tally:
    """Counts of frames. frames: judged and ERROR ones. most_defects: largest number in one frame.

    score, worst_frame_id, summary: of the frame with the highest score. cause, error: of the first
    ERROR frame. begun, latest: facts of the first and of the last frame.
    """

    frames: int = 0
    failed: int = 0
    errored: int = 0
    dropped: int = 0
    most_defects: int = 0
    sightings: int = 0
    score: float | None = None
    worst_frame_id: int | None = None
    summary: str | None = None
    cause: str | None = None
    error: str | None = None
    begun: FrameFacts | None = None
    latest: FrameFacts | None = None

    @property
    def inspected(self) -> int:
        """Number of frames with a verdict PASS or FAIL."""
        return self.frames - self.errored

    def add(self, facts: FrameFacts) -> None:
        self.frames += 1
        self.failed += facts.verdict is Verdict.FAIL
        self.errored += facts.verdict is Verdict.ERROR
        self.most_defects = max(self.most_defects, facts.defects)
        self.sightings += facts.defects
        if facts.score is not None and (self.score is None or facts.score > self.score):
            self.score, self.worst_frame_id = facts.score, facts.frame_id
            self.summary = facts.summary
        if facts.cause is not None and self.cause is None:
            self.cause, self.error = facts.cause, facts.error
        self.begun = self.begun or facts
        self.latest = facts
