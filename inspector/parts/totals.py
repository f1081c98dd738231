"""Counts parts by verdict, and how often they were inspected."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from inspector.core.events import Ledger, Part
from inspector.core.types import Verdict
from inspector.tracking.ledger import MOST_TIMES


@dataclass(slots=True)
class PartTotals:
    """by_times: number of PASS or FAIL frames, at most MOST_TIMES -> parts that have so many.
    not_inspected: cause -> parts that have none."""

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    errored_by_cause: Counter[str] = field(default_factory=Counter)
    by_times: Counter[int] = field(default_factory=Counter)
    not_inspected: Counter[str] = field(default_factory=Counter)
    defects: int = 0

    @property
    def total(self) -> int:
        return sum(self.verdicts.values())

    @property
    def all_passed(self) -> bool:
        """Whether there was a part, and each one is PASS."""
        return 0 < self.total == self.verdicts[Verdict.PASS]

    def add(self, part: Part) -> None:
        self.verdicts[part.verdict] += 1
        self.defects += part.defects
        if part.cause is not None:
            self.errored_by_cause[str(part.cause)] += 1
        times = part.frames - part.frames_errored
        if times:
            self.by_times[min(times, MOST_TIMES)] += 1
        else:
            self.not_inspected[str(part.cause)] += 1

    def as_dict(self) -> dict[str, Any]:
        """For summary.json. total = passed + failed + errored = inspected_once + inspected_more +
        the sum of not_inspected_by_cause."""
        return {
            "total": self.total,
            "passed": self.verdicts[Verdict.PASS],
            "failed": self.verdicts[Verdict.FAIL],
            "errored": self.verdicts[Verdict.ERROR],
            "errored_by_cause": dict(self.errored_by_cause),
            **self._times(),
            "defects": self.defects,
        }

    def make_ledger(
        self, wall_time_utc: str, gap_count: int, gaps: tuple[Mapping[str, int], ...]
    ) -> Ledger:
        return Ledger(
            wall_time_utc=wall_time_utc,
            unit="parts",
            total=self.total,
            length_m=None,
            defects=self.defects,
            defects_low=self.defects,
            defects_continued=0,
            gap_count=gap_count,
            gaps=gaps,
            frames_by_motion={},
            **self._times(),
        )

    def describe(self) -> str:
        """One line for the screen."""
        counts = self.verdicts
        return (
            f"{self.total} parts: {counts[Verdict.PASS]} passed, {counts[Verdict.FAIL]} failed, "
            f"{counts[Verdict.ERROR]} errored"
        )

    def _times(self) -> dict[str, Any]:
        return {
            "inspected_once": self.by_times[1],
            "inspected_more": sum(n for times, n in self.by_times.items() if times > 1),
            "not_inspected_by_cause": dict(self.not_inspected),
            "inspected_by_times": {str(times): n for times, n in sorted(self.by_times.items())},
        }
