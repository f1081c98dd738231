"""Draws the roll map when a run ends."""

import dataclasses
from pathlib import Path
from typing import Any

from loguru import logger

from inspector.core.errors import InspectorError, SinkError
from inspector.core.events import DefectClosed, Event, Ledger
from inspector.core.protocols import Picture
from inspector.core.types import Inspection, RunInfo
from inspector.outputs.options import FourPointOptions
from inspector.outputs.records import event_record, header_record
from inspector.report.four_points import score_if_enabled
from inspector.report.roll import Roll, RollCollector
from inspector.report.roll_map import write_roll_map
from inspector.report.roll_texts import english


class RollMapSink:
    """Collects the defects of a run, and writes roll_map.svg and roll_map.png at its end.

    A map that cannot be written is a warning; the run is complete without it. warnings: sentences
    for the summary. score: the 4-point score; None before the end, and if it is off.
    """

    name = "roll map"

    def __init__(self, folder: Path, options: FourPointOptions) -> None:
        self._folder, self._options = folder, options
        self._run: RunInfo | None = None
        self._collector: RollCollector | None = None
        self.score: dict[str, Any] | None = None
        self.warnings: list[str] = []

    def open(self, run: RunInfo) -> None:
        self._run, self._collector = run, RollCollector(header_record(run))

    def write(self, inspection: Inspection, picture: Picture) -> None:
        """Does nothing, because a defect is drawn when it is closed."""

    def write_event(self, event: Event) -> None:
        if self._run is None or self._collector is None:
            raise SinkError(f"{self._folder} gets no roll map before it is open")
        if isinstance(event, DefectClosed | Ledger):
            self._collector.add(event_record(self._run, event))

    def close(self) -> None:
        collector, self._collector = self._collector, None
        if collector is None:
            return
        try:
            self._write(collector.make())
        except InspectorError as exc:
            warning = f"there is no roll map: {exc}"
            logger.warning("{}", warning)
            self.warnings.append(warning)

    def _write(self, roll: Roll) -> None:
        if not self._folder.is_dir():
            raise SinkError(f"{self._folder} is not a folder any more")
        score, notes = score_if_enabled(roll, self._options, english(roll))
        if score is not None:
            self.score = {"edition": self._options.edition} | dataclasses.asdict(score)
        write_roll_map(self._folder, roll, notes=notes)
