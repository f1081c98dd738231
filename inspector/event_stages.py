"""Holds the event stages of one source: parts, tracking and rolls."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from inspector.core.protocols import EventStage
from inspector.parts.rolls import RollStage
from inspector.parts.stage import PartStage, RunEnd
from inspector.parts.totals import PartTotals
from inspector.pipeline.runner import Pipeline
from inspector.tracking.stage import TrackingStage


@dataclass(frozen=True, slots=True)
class EventStages:
    """The stages of one source; None if a stage is off."""

    parts: PartStage | None = None
    tracking: TrackingStage | None = None
    rolls: RollStage | None = None

    def in_order(self) -> list[EventStage]:
        """Parts come first, so that tracks know their part. Rolls count closed tracks."""
        stages: Iterable[EventStage | None] = (self.parts, self.tracking, self.rolls)
        return [stage for stage in stages if stage is not None]

    def connect(self, pipeline: Pipeline) -> None:
        """Lets the stages know at the end how many frames were captured."""
        stats = pipeline.stats
        run_end = RunEnd(lambda: stats.captured, lambda: not stats.stopped)
        if self.parts is not None:
            self.parts.run_end = run_end
        if self.rolls is not None:
            self.rolls.run_end = run_end

    @property
    def part_totals(self) -> PartTotals | None:
        """Counts of the parts of this source; None if parts are off or joined with others."""
        if self.parts is None or self.parts.joiner.joins:
            return None
        return self.parts.joiner.totals

    def end(self) -> None:
        """The source has ended: joined parts no longer wait for it. The stage does the same, unless
        the run failed before its end."""
        if self.parts is not None:
            self.parts.joiner.end_source(self.parts.source)

    def summary(self) -> dict[str, Any]:
        """The keys `parts` and `rolls` of summary.json. None if they are off; the parts of joined
        sources are in the summary over all sources."""
        totals = self.part_totals
        return {
            "parts": None if totals is None else totals.as_dict(),
            "rolls": None if self.rolls is None else self.rolls.summary(),
        }
