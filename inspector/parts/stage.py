"""The event stage that gives one verdict per part, and the ledger of the parts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from loguru import logger

from inspector.core.clock import now_ns, utc_now
from inspector.core.events import Event, Part
from inspector.core.trace import UNTRACED, TraceFields
from inspector.core.types import Inspection
from inspector.parts.book import PartBook
from inspector.parts.codes import CodeReader
from inspector.parts.grouping import BlindGaps, Grouping, ZoneGrouping, shows_scene
from inspector.parts.joiner import PartJoiner
from inspector.parts.tally import make_facts
from inspector.parts.triggers import Trigger, TriggerGrouping


@dataclass(slots=True)
class RunEnd:
    """What the stage must know at the end of a run. captured: number of captured frames, so that
    dropped ones after the last inspection are known. complete: False if the run ended before its
    source: it was stopped, the source failed, or another run gets the next frame."""

    captured: Callable[[], int] = lambda: 0
    complete: Callable[[], bool] = lambda: True


class PartStage:
    """Sets the part_id of each inspection, and emits the event `part` when a part is complete.

    source: name of the source. live: whether times are those of the capture. run_end: is set
    when the pipeline is ready. warnings: sentences, which are added at the end.
    codes: reads the codes on the parts; None if there are none. All methods but trigger() are
    called on one thread.
    """

    name = "parts"

    def __init__(
        self,
        source: str,
        grouping: Grouping,
        book: PartBook,
        joiner: PartJoiner,
        *,
        live: bool,
        codes: CodeReader | None = None,
    ) -> None:
        self.source, self._grouping, self._book = source, grouping, book
        self._live, self._codes = live, codes
        self._next_id = 0
        self.joiner = joiner
        self.run_end = RunEnd()
        self.warnings: list[str] = []

    @property
    def gaps(self) -> BlindGaps:
        """Where parts may have passed unseen; only with by zone."""
        return self._grouping.gaps if isinstance(self._grouping, ZoneGrouping) else BlindGaps()

    @property
    def takes_triggers(self) -> bool:
        """Whether parts.by is trigger."""
        return isinstance(self._grouping, TriggerGrouping)

    def trigger(self, part_id: str | None, time_s: float, trace: TraceFields = UNTRACED) -> bool:
        """Announces a part, such as for a sensor or a PLC. Any thread may call this.

        part_id: None for a number in order. time_s: when the part is in front of the camera; on a
        live source the monotonic time, otherwise the time in the file. Returns False after the end
        of the run. Raises TypeError unless parts.by is trigger.
        """
        if not isinstance(self._grouping, TriggerGrouping):
            raise TypeError("this run does not take triggers: set parts.by to trigger")
        # All sources get the same time, and a part_id may come again, such as at rework.
        return self._grouping.trigger(Trigger(time_s, part_id, trace, key=(part_id, time_s)))

    def see(self, inspection: Inspection) -> tuple[Inspection, Sequence[Event]]:
        facts = make_facts(inspection, live=self._live)
        dropped = range(self._next_id, facts.frame_id)
        self._next_id = facts.frame_id + 1
        view = self._grouping.see(inspection, facts, dropped)
        if view is not None:
            image = inspection.frame.image
            if self._codes is not None and image is not None and shows_scene(inspection):
                self._codes.see(view, image)
            inspection = replace(inspection, part_id=view.part_id, trace=view.trace)
        return inspection, self._take()

    def tick(self) -> Sequence[Event]:
        if not self._live:
            return ()
        self._grouping.tick(now_ns() / 1e9)
        return self._take()

    def flush(self) -> Sequence[Event]:
        dropped = range(self._next_id, max(self._next_id, self.run_end.captured()))
        complete = self.run_end.complete()
        if not complete:
            self._book.cut()
        self._grouping.finish(dropped, complete=complete)
        parts = self._take()
        is_last = self.joiner.end_source(self.source)
        parts += self._take()
        if is_last and self._next_id and not self.joiner.totals.total:
            self._warn(
                f"parts: no part was found in {self._next_id} frames, so there is no verdict on a "
                "part; check parts.by and its keys"
            )
        if self._codes is not None and self._codes.unread:
            self._warn(f"codes: {self._codes.unread} parts had no code that can be read")
        if isinstance(self._grouping, TriggerGrouping) and self._grouping.late:
            self._warn(
                f"parts: {self._grouping.late} triggers came late: frames of their parts were in "
                "the log already, without the part_id"
            )
        return [*parts, self._make_ledger()] if is_last else parts

    def _take(self) -> list[Part]:
        views = self._book.take()
        if self._codes is not None:
            for view in views:
                self._codes.finish(view)
        return self.joiner.add(views, now_ns() / 1e9, live=self._live)

    def _warn(self, warning: str) -> None:
        logger.warning("{}", warning)
        self.warnings.append(warning)

    def _make_ledger(self) -> Event:
        gaps = self.gaps
        return self.joiner.totals.make_ledger(utc_now(), gaps.count, tuple(gaps.newest))
