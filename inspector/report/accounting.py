"""Counts the frames of a run for its report, from summary.json or from the log alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from inspector.report.run_log import RunLog, frame_ranges

FAIL: Final = "FAIL"
INCOMPLETE: Final = "INCOMPLETE"
PASS: Final = "PASS"

_COUNTS: Final = ("captured", "inspected", "passed", "failed", "dropped", "errored", "missing")

INTENDED: Final = ("masked", "outside_crop", "outside_frame")
"""Causes for which a surface is not inspected because the configuration says so."""


@dataclass(frozen=True, slots=True)
class FrameAccount:
    """captured = inspected + dropped + errored. The causes are in *_by_cause.

    exact: False without summary.json, and for a run that was killed. captured
    and dropped are then lower limits: only gaps in the numbers of the frames are known. balanced:
    whether the counts add up.
    """

    captured: int
    inspected: int
    passed: int
    failed: int
    dropped: int
    errored: int
    missing: int
    dropped_by_cause: Mapping[str, int]
    errored_by_cause: Mapping[str, int]
    missing_by_cause: Mapping[str, int]
    exact: bool

    @property
    def balanced(self) -> bool:
        return self.captured == self.inspected + self.dropped + self.errored

    @property
    def not_inspected(self) -> int:
        return self.dropped + self.errored + self.missing


def count_frames(log: RunLog) -> FrameAccount:
    """From summary.json; from the log alone if there is no summary, or if the run was killed."""
    summary = log.summary
    if summary is None or "captured" not in summary or log.status == "killed":
        return _count_log(log)
    captured, inspected, passed, failed, dropped, errored, missing = (
        int(summary.get(name) or 0) for name in _COUNTS
    )
    return FrameAccount(
        captured=captured,
        inspected=inspected,
        passed=passed,
        failed=failed,
        dropped=dropped,
        errored=errored,
        missing=missing,
        dropped_by_cause=_by_cause(summary, "dropped_by_cause"),
        errored_by_cause=_by_cause(summary, "errored_by_cause"),
        missing_by_cause=_by_cause(summary, "missing_by_cause"),
        exact=True,
    )


def _by_cause(summary: Mapping[str, Any], name: str) -> dict[str, int]:
    return {cause: count for cause, count in (summary.get(name) or {}).items() if count}


def _count_log(log: RunLog) -> FrameAccount:
    frames = log.frames
    gaps = sum(part.count for part in frame_ranges(frames) if part.verdict is None)
    passed, failed, errored = (frames.count(v) for v in ("PASS", "FAIL", "ERROR"))
    return FrameAccount(
        captured=len(frames) + gaps,
        inspected=passed + failed,
        passed=passed,
        failed=failed,
        dropped=gaps,
        errored=errored,
        missing=0,
        dropped_by_cause={"unknown": gaps} if gaps else {},
        errored_by_cause=frames.errors_by_cause(),
        missing_by_cause={},
        exact=False,
    )


def conclude(log: RunLog, account: FrameAccount) -> str:
    """FAIL if a frame, a part or a roll failed; INCOMPLETE if something was not inspected or the
    run did not end as intended; else PASS."""
    records = [record for kind in ("part", "roll") for _, record in log.events.get(kind, ())]
    if account.failed or any(record.get("verdict") == FAIL for record in records):
        return FAIL
    ended = log.status in ("finished", "stopped")
    is_whole = ended and account.inspected > 0 and not account.not_inspected and account.balanced
    parts_judged = all(record.get("verdict") == PASS for record in records)
    agree = not log.problems and parts_judged
    return PASS if is_whole and agree and not surface_not_inspected(log) else INCOMPLETE


def surface_not_inspected(log: RunLog) -> float:
    """Sum of what no frame inspected, in the units of the ledgers. Intended causes do not count."""
    ledgers = [ledger for _, ledger in log.events.get("ledger", ())]
    causes = [pair for ledger in ledgers for pair in ledger["not_inspected_by_cause"].items()]
    return sum(area for cause, area in causes if cause not in INTENDED)


def count_defects(log: RunLog) -> tuple[int, int]:
    """Lowest and highest number of different defects; equal unless a gap leaves a doubt. Without
    tracking both are the number of sightings."""
    ledger = log.event("ledger")
    count = len(log.defects)
    if ledger is None:
        return count, count
    doubt = int(ledger.get("defects", 0)) - int(ledger.get("defects_low", 0))
    return max(count - doubt, 0), count


def sum_defects(logs: Sequence[RunLog]) -> tuple[int, int]:
    """Lowest and highest number of different defects of several runs. A track that goes on from one
    run to the next counts once."""
    counts = [count_defects(log) for log in logs]
    tracks = [d.track_id for log in logs for d in log.defects if d.track_id is not None]
    continued = len(tracks) - len(set(tracks))
    low, high = (sum(column) - continued for column in zip(*counts, strict=True))
    return max(low, 0), high
