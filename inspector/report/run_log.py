"""The content of the log of one run, as far as a report needs it."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from inspector.core.file_hash import FileState
from inspector.core.records import COVERAGE_FACTOR

Record = dict[str, Any]

VERDICTS: Final = ("PASS", "FAIL", "ERROR")
SEVERITIES: Final = ("critical", "high", "medium", "low")
"""The worst first."""


@dataclass(slots=True)
class FrameTable:
    """One entry per frame of the log, in order. Columns instead of objects, because a run can have
    a million frames.

    verdicts: index in VERDICTS. scores, times_s: NaN if unknown; times count from the first frame.
    causes: index of the entry -> (cause, sentence) of an ERROR. names: index -> file name.
    lines: number of the line in the log, from 1.
    """

    frame_ids: "array[int]" = field(default_factory=lambda: array("q"))
    seqs: "array[int]" = field(default_factory=lambda: array("q"))
    lines: "array[int]" = field(default_factory=lambda: array("q"))
    verdicts: "array[int]" = field(default_factory=lambda: array("b"))
    scores: "array[float]" = field(default_factory=lambda: array("d"))
    times_s: "array[float]" = field(default_factory=lambda: array("d"))
    defect_counts: "array[int]" = field(default_factory=lambda: array("l"))
    causes: dict[int, tuple[str, str]] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    first_ns: int | None = None

    def __len__(self) -> int:
        return len(self.frame_ids)

    def count(self, verdict: str) -> int:
        return self.verdicts.count(VERDICTS.index(verdict))

    def errors_by_cause(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for cause, _ in self.causes.values():
            counts[cause] = counts.get(cause, 0) + 1
        return counts


@dataclass(frozen=True, slots=True)
class FrameRange:
    """Frames in a row with the same verdict and cause, or a gap in the numbers of the frames.

    start, end: indices of the first entry and behind the last one in the FrameTable; equal for a
    gap. verdict: None for a gap. first_id, last_id: numbers of the frames.
    """

    start: int
    end: int
    verdict: str | None
    cause: str | None
    first_id: int
    last_id: int

    @property
    def count(self) -> int:
        return self.last_id - self.first_id + 1


def frame_ranges(frames: FrameTable) -> Iterator[FrameRange]:
    """Every frame of the log is in exactly one range, and so is every number that is missing."""
    start = 0
    ids = frames.frame_ids
    if len(frames) and ids[0] > 0:
        yield FrameRange(0, 0, None, None, 0, ids[0] - 1)
    for end in range(1, len(frames) + 1):
        gap = end < len(frames) and ids[end] > ids[end - 1] + 1
        if end < len(frames) and not gap and _kind(frames, end) == _kind(frames, start):
            continue
        verdict, cause = _kind(frames, start)
        yield FrameRange(start, end, VERDICTS[verdict], cause, ids[start], ids[end - 1])
        if gap:
            yield FrameRange(end, end, None, None, ids[end - 1] + 1, ids[end] - 1)
        start = end


def _kind(frames: FrameTable, index: int) -> tuple[int, str | None]:
    cause = frames.causes.get(index)
    return frames.verdicts[index], None if cause is None else cause[0]


@dataclass(frozen=True, slots=True)
class Sighting:
    """One frame that shows a defect: its number, and its `measured` line in the log."""

    frame_id: int
    seq: int | None
    line: int


@dataclass(slots=True)
class ReportDefect:
    """One defect of the report: with tracking a track, without it a defect in one frame.

    number: rank, 1 is the worst. values: fields of the defect in the log, without its outline.
    sightings: the frames that show it. best: the frame to which the values or the picture belong.
    closed_line: line of `defect_closed`; None without tracking, and for a defect that was still
    open when the log ended. generated: the answer of a language model. event_id: of the line with
    the values. index: of the best frame in the
    FrameTable; None if the log has no line of that frame.
    """

    values: Record
    sightings: list[Sighting]
    best: Sighting
    event_id: str
    track_id: str | None = None
    closed_line: int | None = None
    picture: str | None = None
    generated: Record | None = None
    number: int = 0
    index: int | None = None
    count: int = 1
    """Number of frames that show it."""

    @property
    def severity(self) -> str:
        return str(self.values.get("severity", "low"))

    @property
    def track_label(self) -> str:
        """The end of the track id, such as d17, which pictures and the roll map show."""
        return "" if self.track_id is None else self.track_id.rpartition("/")[2]

    def size(self, quantity: str, unit: str) -> tuple[float | None, float | None]:
        """Size and expanded uncertainty U. quantity: length, width or area; unit: mm or px."""
        end = "mm2" if (quantity, unit) == ("area", "mm") else unit
        expanded: float | None = self.values.get(f"{quantity}_expanded_u_{end}")
        standard: float | None = self.values.get(f"{quantity}_u_{end}")
        if expanded is None and standard is not None:  # a log of format 1
            expanded = COVERAGE_FACTOR * standard
        return self.values.get(f"{quantity}_{end}"), expanded


@dataclass(slots=True)
class RunLog:
    """One run of one source.

    summary: content of summary.json; None if the run was killed or is still running. events: type
    -> lines and records other than frames and defects. hashes: name of a file -> its state.
    repeated: sightings of web that was counted before. lines: number of complete lines. torn:
    whether the last line is incomplete. unmeasured: whether the last frame has a verdict but no
    `measured` line.
    """

    folder: Path
    header: Record
    frames: FrameTable
    defects: list[ReportDefect]
    tracked: bool
    events: dict[str, list[tuple[int, Record]]]
    summary: Record | None
    hashes: dict[str, FileState]
    repeated: int = 0
    lines: int = 0
    torn: bool = False
    unmeasured: bool = False
    chain: str | None = None
    problems: list[str] = field(default_factory=list)
    """Keys of texts about what does not agree."""

    @property
    def name(self) -> str:
        """Folder and source, for headings."""
        source = self.header.get("source")
        is_named = isinstance(source, str) and source != "main"
        return f"{self.folder.name} ({source})" if is_named else self.folder.name

    @property
    def unit(self) -> str:
        """mm with a calibration, else px."""
        return "px" if self.header.get("calibration_hash") is None else "mm"

    @property
    def status(self) -> str | None:
        """finished, stopped or failed; killed if the results were completed later; None if the run
        did not end."""
        return None if self.summary is None else self.summary.get("status")

    def event(self, kind: str) -> Record | None:
        """The last record of a type."""
        lines = self.events.get(kind)
        return lines[-1][1] if lines else None
