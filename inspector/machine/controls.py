"""What a state output may ask of the process that inspects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class TriggerMessage:
    """Announces a part. part_id: None for a number in order. time_s: monotonic time at which the
    part is in front of the cameras; None: now. source: name of the only source that sees it; None:
    all of them. The others are None if unknown."""

    part_id: str | None = None
    serial: str | None = None
    lot: str | None = None
    shift: str | None = None
    operator: str | None = None
    time_s: float | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCounts:
    """Counts of the current run of a source.

    latency_ms: share (0 to 1) -> time from the capture to the last output, in ms. dropped, missing:
    cause -> number of frames. waiting: name of an output -> number of records in its outbox.
    """

    source: str
    latency_ms: Mapping[float, float]
    dropped: Mapping[str, int]
    missing: Mapping[str, int]
    waiting: Mapping[str, int]


class Controls(Protocol):
    """Any thread may call the methods."""

    def trigger(self, message: TriggerMessage) -> None:
        """Announces a part to the live sources. Raises TypeError unless parts.by of one is trigger,
        and ValueError for a text that cannot be used."""
        ...

    def counts(self) -> Sequence[SourceCounts]:
        """One entry for each source that is inspected now."""
        ...
