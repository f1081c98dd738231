"""Decides the verdict on a part from all frames that show it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from inspector.core.events import PartCause
from inspector.core.trace import TRACE_FIELDS
from inspector.core.types import Verdict
from inspector.parts.book import PartView
from inspector.parts.options import WORST


@dataclass(frozen=True, slots=True)
class PartRule:
    """name: any, k_of_n or worst. k: for k_of_n; otherwise None."""

    name: str
    k: int | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a part cannot PASS although no frame of it fails."""

    cause: str
    error: str


def judge_part(
    rule: PartRule, views: Sequence[PartView], missing: Collection[str] = ()
) -> tuple[Verdict, Problem | None]:
    """The verdict on a part, and the problem of an ERROR.

    views: of the sources that saw the part, or that should have seen it. missing: sources that did
    not report in time. A part with a problem is never PASS. It FAILs if enough frames fail, except
    with the rule worst, where ERROR is worse than FAIL.
    """
    failed = sum(view.tally.failed for view in views) >= (rule.k or 1)
    problem = next((p for p in map(find_problem, views) if p is not None), None)
    if problem is None and missing:
        names = ", ".join(missing)
        problem = Problem(PartCause.MISSING_SOURCE, f"not seen in time by: {names}")
    problem = problem or _find_differing(views)
    if problem is not None and (not failed or rule.name == WORST):
        return Verdict.ERROR, problem
    return (Verdict.FAIL if failed else Verdict.PASS), None


def _find_differing(views: Sequence[PartView]) -> Problem | None:
    """Trace fields of which the sources have different values: they saw different parts."""
    for name in TRACE_FIELDS:
        values = {getattr(view.trace, name) for view in views} - {None}
        if len(values) > 1:
            return Problem(PartCause.CODE, f"its {name} differs: {', '.join(sorted(values))}")
    return None


def find_problem(view: PartView) -> Problem | None:
    """Why a part cannot PASS by what this source saw of it."""
    tally = view.tally
    if tally.cause is not None:
        count = f"{tally.errored} of {tally.frames} frames are ERROR"
        return Problem(tally.cause, f"{view.source}: {count}; the first: {tally.error}")
    if tally.frames == 0 and not tally.dropped:
        return Problem(PartCause.NOT_SEEN, f"{view.source}: no frame shows the part")
    if tally.frames == 0 or (view.all_needed and tally.dropped):
        total = tally.frames + tally.dropped
        return Problem(PartCause.DROPPED, f"{view.source}: {tally.dropped} of {total} dropped")
    if view.expected is not None and tally.frames < view.expected:
        reason = f"it has {tally.frames} of {view.expected} frames"
        return Problem(PartCause.INCOMPLETE, f"{view.source}: {reason}")
    if view.is_cut:
        reason = "the run began or ended while the part was in front of the camera"
        return Problem(PartCause.INCOMPLETE, f"{view.source}: {reason}")
    if view.code_error is not None:
        return Problem(PartCause.CODE, f"{view.source}: {view.code_error}")
    return None
