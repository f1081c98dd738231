"""Counts the parts of a killed run from its log, and ends its rolls."""

from collections import deque
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Final

from inspector.core.errors import ConfigError
from inspector.core.events import Event, Part, Roll
from inspector.core.schema import build
from inspector.core.trace import read_trace
from inspector.core.types import Inspection, RunInfo, Verdict
from inspector.outputs.records import Record
from inspector.parts.options import RollOptions
from inspector.parts.rolls import RollStage
from inspector.parts.totals import PartTotals
from inspector.recorded_web import RecordedWeb

MOST_KEPT: Final = 1000
"""Only the newest parts may be missing in the table."""


class RecoveredParts:
    """The parts of one source, and its rolls. A part that was open at the kill has no verdict.

    newest: the last parts of the log. web: None if tracking is off or cannot be repeated.
    """

    def __init__(self, run: RunInfo, web: RecordedWeb | None) -> None:
        parts = run.config.get("parts", {})
        enabled = parts.get("enabled", False)
        self._joined = enabled and parts.get("join", False)
        self._totals = PartTotals() if enabled and not self._joined else None
        self._rolls = _make_rolls(run, web)
        self._ended: list[Roll] = []
        self._logged: set[str] = set()
        self._open: dict[str, None] = {}
        self.newest: deque[Part] = deque(maxlen=MOST_KEPT)

    @property
    def count(self) -> int | None:
        """Number of parts in the log; None without parts, or if they are joined with others."""
        return None if self._totals is None else self._totals.total

    def add(self, record: Record) -> None:
        """record: of any type, in the order of the log."""
        if record["type"] == "roll":
            self._logged.add(record["roll_id"])
        elif record["type"] == "part" and self._totals is not None:
            part = _read_part(record)
            self._totals.add(part)
            self._open.pop(record["part_id"], None)
            self.newest.append(part)

    def see(self, inspection: Inspection, events: Sequence[Event]) -> None:
        """events: of tracking."""
        if self._totals is not None and inspection.part_id is not None:
            self._open[inspection.part_id] = None
        if self._rolls is not None:
            self._rolls.notice(events)
            self._end(self._rolls.see(inspection)[1])

    def flush(self, events: Sequence[Event]) -> list[Roll]:
        """The rolls that are not in the log. events: those of tracking at the end."""
        if self._rolls is not None:
            self._rolls.notice(events)
            self._end(self._rolls.flush())
        return [roll for roll in self._ended if roll.roll_id not in self._logged]

    def sentences(self, new_rolls: int) -> list[str]:
        """What was done, and what is lost."""
        texts = []
        if self._joined:
            texts.append("parts of several sources are not counted; parts.csv has them")
        if self._open:
            names = ", ".join(list(self._open)[-3:])
            texts.append(f"parts that were not complete have no verdict: {names}")
        if new_rolls:
            texts.append(f"rolls that end with the last frame of the log: {new_rolls}")
        return texts

    def summary(self) -> dict[str, Any]:
        """The keys `parts` and `rolls` of summary.json."""
        return {
            "parts": None if self._totals is None else self._totals.as_dict(),
            "rolls": None if self._rolls is None else self._rolls.summary(),
        }

    def _end(self, events: Sequence[Event]) -> None:
        self._ended += [event for event in events if isinstance(event, Roll)]


def _make_rolls(run: RunInfo, web: RecordedWeb | None) -> RollStage | None:
    """None if rolls are off, or if they need the web and it cannot be followed again."""
    values, tracked = run.config.get("rolls", {}), run.config["tracking"]["enabled"]
    if not values.get("enabled") or (tracked and web is None):
        return None
    return RollStage(
        build(RollOptions, values, ConfigError),
        f"{run.run_id}/{run.source_name}",
        live=run.source.live,
        tracked=tracked,
        web_length_m=lambda: None if web is None else web.stage.web_length_m,
    )


def _read_part(record: Record) -> Part:
    names = {field.name for field in fields(Part) if field.init}
    values = {name: record[name] for name in names & record.keys()}
    values |= {"verdict": Verdict(record["verdict"]), "trace": read_trace(record)}
    return Part(**values | {name: tuple(record[name]) for name in ("sources", "views")})
