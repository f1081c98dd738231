"""The count of every frame, and how long frames took."""

import math
import time
from collections.abc import Mapping
from threading import Lock
from typing import Any

from inspector.core.clock import ms_since, now_ns
from inspector.core.quantiles import LogHistogram
from inspector.core.types import Cause, Inspection, Verdict

MIN_MS = 1e-3


class RunStats:
    """Counters of one run. captured == inspected + dropped + errored once the run has ended.

    inspected: judged PASS or FAIL and taken by every sink. errored: verdict ERROR, likewise.
    dropped: discarded by a full live channel (overrun), or thrown away when the run was aborted
    (abort). missing: never received, as far as the source knows; expected == captured + missing.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._start_ns = now_ns()
        self._end_ns: int | None = None
        self._start_cpu_s = time.process_time()
        self._cpu_s: float | None = None
        self.captured = 0
        self.passed = 0
        self.failed = 0
        self.errored_by_cause = dict.fromkeys(Cause, 0)
        self.dropped_live = 0
        self.dropped_abort = 0
        self.missing_by_cause: dict[str, int] = {}
        self.latency = LogHistogram(smallest=MIN_MS)
        self.stages: dict[str, LogHistogram] = {}

    @property
    def inspected(self) -> int:
        return self.passed + self.failed

    @property
    def errored(self) -> int:
        return sum(self.errored_by_cause.values())

    @property
    def dropped_by_cause(self) -> dict[str, int]:
        return {"overrun": self.dropped_live, "abort": self.dropped_abort}

    @property
    def dropped(self) -> int:
        return self.dropped_live + self.dropped_abort

    @property
    def missing(self) -> int:
        return sum(self.missing_by_cause.values())

    @property
    def expected(self) -> int:
        return self.captured + self.missing

    @property
    def balanced(self) -> bool:
        return self.captured == self.inspected + self.dropped + self.errored

    @property
    def seconds(self) -> float:
        """From the first capture until the last frame was out, or until now."""
        end = now_ns() if self._end_ns is None else self._end_ns
        return (end - self._start_ns) / 1e9

    @property
    def frames_per_s(self) -> float:
        return (self.inspected + self.errored) / self.seconds if self.seconds > 0 else 0.0

    def started(self) -> None:
        self._start_ns = now_ns()
        self._start_cpu_s = time.process_time()

    def ended(self) -> None:
        self._end_ns = now_ns()
        self._cpu_s = time.process_time() - self._start_cpu_s

    def thrown_away(self, count: int) -> None:
        """Frames lost in an abort; any thread may say so."""
        with self._lock:
            self.dropped_abort += count

    def reported(self, inspection: Inspection, output_ms: float) -> None:
        """One inspection that every sink has taken, in `output_ms` milliseconds."""
        if inspection.verdict is Verdict.PASS:
            self.passed += 1
        elif inspection.verdict is Verdict.FAIL:
            self.failed += 1
        else:
            assert inspection.cause is not None  # as Inspection checks
            self.errored_by_cause[inspection.cause] += 1
        self.latency.add(ms_since(inspection.frame.captured_ns))
        for stage, milliseconds in (*inspection.timings_ms.items(), ("output", output_ms)):
            if stage != "latency":
                histogram = self.stages.setdefault(stage, LogHistogram(smallest=MIN_MS))
                histogram.add(milliseconds)

    def _cpu_ms_per_frame(self) -> float | None:
        """Of the whole process, all threads; None before the end."""
        done = self.inspected + self.errored
        return None if self._cpu_s is None or not done else round(self._cpu_s * 1e3 / done, 2)

    def equation(self) -> str:
        """The accounting in one line, with every cause that counted a frame."""
        text = (
            f"captured {self.captured} = inspected {self.inspected} + "
            f"dropped {self.dropped}{_causes(self.dropped_by_cause)} + "
            f"errored {self.errored}{_causes(self.errored_by_cause)}"
        )
        if not self.missing:
            return text
        return (
            f"expected {self.expected} = captured {self.captured} + "
            f"missing {self.missing}{_causes(self.missing_by_cause)}; {text}"
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values for summary.json; NaN becomes None."""
        return {
            "captured": self.captured,
            "inspected": self.inspected,
            "dropped": self.dropped,
            "errored": self.errored,
            "passed": self.passed,
            "failed": self.failed,
            "dropped_by_cause": self.dropped_by_cause,
            "errored_by_cause": {str(c): count for c, count in self.errored_by_cause.items()},
            "expected": self.expected,
            "missing": self.missing,
            "missing_by_cause": self.missing_by_cause,
            "seconds": round(self.seconds, 3),
            "throughput_per_s": round(self.frames_per_s, 2),
            "cpu_ms_per_frame": self._cpu_ms_per_frame(),
            "latency_ms": quantiles(self.latency),
            "stages_ms": {name: quantiles(h) for name, h in self.stages.items()},
        }


def _causes(counts: Mapping[Any, int]) -> str:
    named = ", ".join(f"{cause} {count}" for cause, count in counts.items() if count)
    return f" ({named})" if named else ""


def quantiles(histogram: LogHistogram) -> dict[str, float | None]:
    """Median, 99th percentile, mean and maximum."""
    values = {
        "p50": histogram.quantile(0.5),
        "p99": histogram.quantile(0.99),
        "mean": histogram.mean if histogram.count else math.nan,
        "max": histogram.maximum if histogram.count else math.nan,
    }
    return {name: None if math.isnan(v) else round(v, 3) for name, v in values.items()}
