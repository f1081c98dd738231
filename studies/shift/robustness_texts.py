"""What the robustness of an engine means: sentences, a table and files."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from evaluation.formats import count_of, percent
from evaluation.result_files import write_json, write_text
from evaluation.results import Rate
from inspector.core.tables import csv_row
from studies.shift.health_limits import BELOW, NarrowedLimits
from studies.shift.robustness import FALSE_ALARMS, Robustness, ShiftResult
from studies.shift.shifted_pictures import Level

FORMAT: Final = 1
FIGURES: Final = "robustness.json"
TABLE: Final = "robustness.csv"


def write_robustness(out: Path, result: Robustness, narrowed: NarrowedLimits | None = None) -> None:
    """Writes robustness.json and robustness.csv, a row for each shift and strength. narrowed: the
    limits of an engine that was written. Raises SinkError."""
    head = ["shift", "strength", "amount", "unit"]
    for name in ("false_alarms", "misses", "refused"):
        head += [name, f"{name}_of", f"{name}_share", f"{name}_low", f"{name}_high"]
    rows = [head]
    for shift in result.shifts:
        for level in (result.clean, *shift.levels):
            row = [shift.name, level.strength, level.amount, shift.unit]
            for rate in (level.false_alarms, level.misses, level.refused):
                row += [rate.count, rate.of, rate.share, *(rate.interval or (None, None))]
            rows.append(row)  # type: ignore[arg-type]
    write_text(out / TABLE, "".join(map(csv_row, rows)))
    limits = {} if narrowed is None else {"narrowed": dataclasses.asdict(narrowed)}
    write_json(out / FIGURES, {"format": FORMAT} | dataclasses.asdict(result) | limits)


def conclusions(result: Robustness) -> Iterator[str]:
    """The first sentence names the shift that breaks the engine first."""
    first = next((shift for shift in result.shifts if shift.name == result.first), None)
    if first is None or first.breaks_at is None:
        yield "No shift breaks this engine, up to twice the strength of severe."
    else:
        level = first.level(first.breaks_at)
        yield (
            f"The first shift that breaks this engine is {first.name}: {_amount(first, level)} "
            f"(strength {level.strength:g}). {_describe(first, level, result)}"
        )
        if not first.certain:
            yield (
                "The interval includes the limit, so more pictures may move this strength. Use "
                "more pictures to be certain."
            )
        yield _notice(first)
    for what, plural, clean, allowed in (
        ("false alarm", "", result.clean.false_alarms, result.allowed_alarms),
        ("miss", "misses", result.clean.misses, result.allowed_misses),
    ):
        if clean.count > 0:
            yield (
                f"Without a shift: {count_of(clean.count, what, plural)} in {clean.of} pictures. "
                f"With a shift, {allowed} may occur."
            )
    if result.clean.refused.count > 0:
        yield (
            f"Without a shift a run refuses {result.clean.refused.count} of "
            f"{result.clean.refused.of} pictures, because they are not like the good pictures of "
            "the engine."
        )
    if not result.defective:
        yield "There are no defective pictures, so misses are not tested."
    if result.fitted:
        yield (
            f"The engine was fitted on {count_of(result.fitted, 'of these pictures', 'of these')}: "
            "new pictures give more false alarms."
        )


def describe_narrowed(narrowed: NarrowedLimits) -> Iterator[str]:
    """What the new limits are, and what a run refuses with them."""
    if not narrowed.levels:
        yield "A run refuses every shift that breaks this engine, so its limits stay the same."
        return
    for limit in narrowed.limits:
        what = "at least" if limit.side == BELOW else "at most"
        yield (
            f"New limit for {', '.join(limit.shifts)}: {limit.figure} {what} {limit.after:.3g} "
            f"instead of {limit.before:.3g}."
        )
    for name, level in narrowed.levels.items():
        if name not in narrowed.unseen:
            yield (
                f"With {name} at strength {level.strength:g}, a run now refuses "
                f"{level.refused.count} of {level.refused.of} pictures."
            )
    if narrowed.unseen:
        yield (
            f"No figure of the pictures shows {', '.join(narrowed.unseen)}: check the camera for "
            "this by other means."
        )
    clean = narrowed.clean.refused
    yield (
        f"Without a shift, a run refuses {clean.count} of {clean.of} pictures. Evaluate the new "
        "engine on other good pictures before you use it: narrower limits refuse more of them."
    )


def table_lines(result: Robustness) -> list[str]:
    """A row for each shift, the weakest first."""
    rows = [("shift", "breaks at", "strength", "cause", "pictures", "run refuses from")]
    order = sorted(result.shifts, key=lambda s: (s.breaks_at is None, s.breaks_at or 0.0, s.name))
    for shift in order:
        noticed = "never" if shift.noticed_at is None else f"strength {shift.noticed_at:g}"
        if shift.noticed_at == 0:
            noticed = "no shift"
        if shift.breaks_at is None or shift.cause is None:
            strongest = shift.levels[-1]
            rows.append((shift.name, "not broken", f"> {strongest.strength:g}", "", "", noticed))
            continue
        level = shift.level(shift.breaks_at)
        counted = _counted(shift, level)
        pictures = f"{counted.count} of {counted.of}"
        amount = f"{level.amount:.3g} {shift.unit}"
        rows.append((shift.name, amount, f"{level.strength:g}", shift.cause, pictures, noticed))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]


def _counted(shift: ShiftResult, level: Level) -> Rate:
    return level.false_alarms if shift.cause == FALSE_ALARMS else level.misses


def _amount(shift: ShiftResult, level: Level) -> str:
    return f"{shift.meaning} {level.amount:.3g} {shift.unit}"


def _describe(shift: ShiftResult, level: Level, result: Robustness) -> str:
    counted = _counted(shift, level)
    alarms = shift.cause == FALSE_ALARMS
    allowed = result.allowed_alarms if alarms else result.allowed_misses
    what = "good pictures fail" if alarms else "defective pictures pass"
    low, high = map(percent, counted.interval or (0.0, 1.0))
    return (
        f"There, {counted.count} of {counted.of} {what} ({percent(counted.share or 0.0)}, 95 % "
        f"interval {low} to {high}). The limit is {allowed}."
    )


def _notice(shift: ShiftResult) -> str:
    if shift.noticed_at is None:
        return (
            "A run does not refuse most of these pictures up to there, so nobody is warned: check "
            "the camera for this shift by other means."
        )
    if shift.noticed_at == 0:
        return "A run refuses at least half of the pictures also without a shift."
    return (
        f"A run refuses at least half of the pictures from strength {shift.noticed_at:g} on, "
        "because they are not like the good pictures. So the shift is noticed."
    )
