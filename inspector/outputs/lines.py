"""Makes the chained lines of a run, for the log and for all outputs that send its records."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from inspector.core.chain import Chain, Sign
from inspector.core.errors import SinkError
from inspector.core.events import Checkpoint, Event
from inspector.core.types import Inspection, RunInfo
from inspector.outputs.records import (
    Record,
    event_record,
    header_record,
    inspection_records,
    json_value,
)


@dataclass(frozen=True, slots=True)
class Line:
    """A record with its chain value, and its text without the line end."""

    record: Record
    text: str


class RecordLines:
    """Makes each line once, in the order in which the run writes them.

    shared: several sinks take the lines. All of them get the same line for the same number `seq`.
    sign: signs the checkpoints; None without a key. Raises SinkError for a value that JSON cannot
    hold.
    """

    def __init__(self, *, shared: bool = False, sign: Sign | None = None) -> None:
        self._shared = shared
        self._sign = sign
        self._run: RunInfo | None = None
        self._chain = Chain(sign)
        self._last: tuple[int, Sequence[Line]] = (-1, ())

    def start(self, run: RunInfo) -> Line:
        """The header. Every sink calls this first; the first call for a run starts the chain."""
        if self._run is not run:
            self._run, self._chain = run, Chain(self._sign)
            self._last = (0, self._close([header_record(run)]))
            self._header = self._last[1][0]
        return self._header

    def resume(self, run: RunInfo, value: str, lines: int) -> None:
        """Continues the chain of a log. value: of its last line. lines: number of its lines."""
        self._run, self._chain = run, Chain(self._sign, value, lines)

    @property
    def end(self) -> tuple[int, str]:
        """Number of lines, and chain value of the last one."""
        return self._chain.lines, self._chain.value

    def inspection(self, inspection: Inspection) -> Sequence[Line]:
        """The `verdict` and the `measured` line of one frame."""
        if self._shared and inspection.seq == self._last[0]:
            return self._last[1]
        self._last = (inspection.seq, self._close(inspection_records(self._started(), inspection)))
        return self._last[1]

    def event(self, event: Event) -> Line:
        if not self._shared or event.seq != self._last[0]:
            record = event_record(self._started(), event)
            self._last = (event.seq, self._close([record], sign=isinstance(event, Checkpoint)))
        return self._last[1][0]

    def _started(self) -> RunInfo:
        if self._run is None:
            raise SinkError("a record cannot be written before the header")
        return self._run

    def _close(self, records: Sequence[Record], *, sign: bool = False) -> list[Line]:
        for record in records:
            del record["chain"]
        # All texts before the first link: a record that fails must leave no gap in the chain.
        texts = [encode_record(record) for record in records]
        lines = []
        for record, text in zip(records, texts, strict=True):
            closed = self._chain.close_line(text, sign=sign)
            record["chain"] = self._chain.value
            lines.append(Line(record, closed))
        return lines


def encode_record(record: Record) -> str:
    """One record as JSON in ASCII. Raises SinkError, also for a number that is not finite."""
    try:
        return json.dumps(record, allow_nan=False, separators=(",", ":"), default=json_value)
    except (TypeError, ValueError) as exc:
        where = f"record {record.get('event_id')} of frame {record.get('frame_id')}"
        raise SinkError(f"{where} cannot be written: {exc}") from exc
