"""Words the state of a line and of its cameras."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Final

from inspector.core.mode import LOCKED
from inspector.service.line_state import LineState, SourceState, describe_recipes

DISK_TEXTS: Final = (
    "",
    "The disk is nearly full. Fewer pictures are saved.",
    "The disk is full. Only verdicts are saved.",
)


def status_text(state: LineState) -> str:
    """The state of the line in one line."""
    parts = [f"Line: {state.state}", f"recipe: {describe_recipes(state) or 'none'}"]
    if state.mode == LOCKED:
        parts.append("locked")
    if state.release_locked:
        parts.append("release locked")
    return " · ".join(parts)


def disk_text(state: LineState) -> str:
    """A sentence if the disk has too little space."""
    return "" if state.disk is None else DISK_TEXTS[state.disk.level]


def engine_name(source: SourceState) -> str | None:
    return None if source.engine is None else PurePath(source.engine).name


def equation(source: SourceState) -> str:
    """The accounting of one camera. Frames in work are captured, and not written yet."""
    in_work = source.captured - source.inspected - source.dropped - source.errored
    more = f" + in work {in_work}" if in_work else ""
    return (
        f"captured {source.captured} = inspected {source.inspected} + dropped {source.dropped} + "
        f"errored {source.errored}{more}"
    )


def source_figures(source: SourceState) -> dict[str, str]:
    """Name -> text of each figure that changes while the page is open."""
    return {
        "state": source.state,
        "problem": source.error or source.condition or "",
        "verdict": source.last_verdict or "none",
        "frame": "-" if source.last_frame_id is None else str(source.last_frame_id),
        "rate": f"{source.frames_per_s:.1f} frames/s",
        "latency": f"{_ms(source.latency_p50_ms)} median, {_ms(source.latency_p99_ms)} p99",
        "passed": str(source.passed),
        "failed": str(source.failed),
        "errored": str(source.errored),
        "dropped": f"{source.dropped}{_causes(source.dropped_by_cause)}",
        "missing": str(source.missing),
        "equation": equation(source),
    }


def _causes(counts: Mapping[str, int]) -> str:
    named = ", ".join(f"{cause} {count}" for cause, count in counts.items() if count)
    return f" ({named})" if named else ""


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"
