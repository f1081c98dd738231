"""Counts the frames of a run and measures their times."""

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
    """Counters of one run. At its end: captured == inspected + dropped + errored.

    inspected: judged PASS or FAIL and written by every sink. errored: verdict ERROR and written by
    every sink. dropped: discarded by a full live channel (overrun) or by an abort (abort). missing:
    never received, as far as the source knows. expected == captured + missing. stopped: whether
    the capture was ended before the end of the source, also by an error, or because another run
    gets the next frame.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._start_ns = now_ns()
        self._end_ns: int | None = None
        self._start_cpu_s = time.process_time()
        self._cpu_s: float | None = None
        self.stopped = False
        self.received = 0
        self.dropped_in_source = 0
        self.passed = 0
        self.failed = 0
        self.errored_by_cause = dict.fromkeys(Cause, 0)
        self.dropped_live = 0
        self.dropped_abort = 0
        self.missing_by_cause: dict[str, int] = {}
        self.latency = LogHistogram(smallest=MIN_MS)
        self.verdict = LogHistogram(smallest=MIN_MS)
        self.stages: dict[str, LogHistogram] = {}

    @property
    def captured(self) -> int:
        """Frames that the source gave, and those that it dropped itself."""
        return self.received + self.dropped_in_source

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
        """Time from the first capture until the last frame was written, or until now."""
        end = now_ns() if self._end_ns is None else self._end_ns
        return (end - self._start_ns) / 1e9

    @property
    def frames_per_s(self) -> float:
        return (self.inspected + self.errored) / self.seconds if self.seconds > 0 else 0.0

    def mark_start(self) -> None:
        self._start_ns = now_ns()
        self._start_cpu_s = time.process_time()

    def mark_end(self) -> None:
        self._end_ns = now_ns()
        self._cpu_s = time.process_time() - self._start_cpu_s

    def count_aborted(self, count: int) -> None:
        """Counts frames that an abort discards. Any thread may call this."""
        with self._lock:
            self.dropped_abort += count

    def count_inspection(self, inspection: Inspection, output_ms: float) -> None:
        """Counts an inspection that every sink has written, in `output_ms` milliseconds."""
        if inspection.verdict is Verdict.PASS:
            self.passed += 1
        elif inspection.verdict is Verdict.FAIL:
            self.failed += 1
        else:
            assert inspection.cause is not None  # Inspection checks this
            self.errored_by_cause[inspection.cause] += 1
        captured_ns, judged_ns = inspection.frame.captured_ns, inspection.judged_ns
        self.latency.add(ms_since(captured_ns))
        if judged_ns is not None:
            self.verdict.add((judged_ns - captured_ns) / 1e6)
        for stage, milliseconds in (*inspection.timings_ms.items(), ("output", output_ms)):
            if stage != "latency":
                histogram = self.stages.setdefault(stage, LogHistogram(smallest=MIN_MS))
                histogram.add(milliseconds)

    def _cpu_ms_per_frame(self) -> float | None:
        """CPU time of the process per frame. None before the end."""
        frames = self.inspected + self.errored
        return None if self._cpu_s is None or not frames else round(self._cpu_s * 1e3 / frames, 2)

    def equation(self) -> str:
        """The accounting in one line, with every cause that has frames."""
        text = (
            f"captured {self.captured} = inspected {self.inspected} + "
            f"dropped {self.dropped}{_format_causes(self.dropped_by_cause)} + "
            f"errored {self.errored}{_format_causes(self.errored_by_cause)}"
        )
        if not self.missing:
            return text
        return (
            f"expected {self.expected} = captured {self.captured} + "
            f"missing {self.missing}{_format_causes(self.missing_by_cause)}; {text}"
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
            "verdict_ms": summarize_quantiles(self.verdict),
            "latency_ms": summarize_quantiles(self.latency),
            "stages_ms": {name: summarize_quantiles(h) for name, h in self.stages.items()},
        }


def _format_causes(counts: Mapping[Any, int]) -> str:
    named = ", ".join(f"{cause} {count}" for cause, count in counts.items() if count)
    return f" ({named})" if named else ""


def summarize_quantiles(histogram: LogHistogram) -> dict[str, float | None]:
    """Median, 99th percentile, mean and maximum."""
    values = {
        "p50": histogram.quantile(0.5),
        "p99": histogram.quantile(0.99),
        "mean": histogram.mean if histogram.count else math.nan,
        "max": histogram.maximum if histogram.count else math.nan,
    }
    return {name: None if math.isnan(v) else round(v, 3) for name, v in values.items()}
