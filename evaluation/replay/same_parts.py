"""Settings by which the parts of a recorded run come out again in its replay."""

from typing import Any

from evaluation.replay.recorded import RecordedRun
from inspector.parts.options import BY_TRIGGER


def repeat_parts(run: RecordedRun, notes: list[str]) -> dict[str, Any]:
    """Dotted key -> value. Adds a note if the parts cannot be compared."""
    reason = _why_not_repeated(run)
    if reason is None:
        return {}
    notes.append(f"parts are off, because {reason}: they are not compared")
    return {"parts.enabled": False}


def parts_agree(run: RecordedRun) -> bool:
    """Whether the replay gives the same parts as the run."""
    return _why_not_repeated(run) is None


def _why_not_repeated(run: RecordedRun) -> str | None:
    parts = run.header["config"].get("parts") or {}
    if not parts.get("enabled"):
        return None
    if parts["join"]:
        return "they were joined with those of other sources"
    if parts["by"] == BY_TRIGGER and parts["triggers"] is None:
        return "triggers announced them while it ran, and their times are not recorded"
    return None
