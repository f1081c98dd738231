"""The newest state of one station, which is all that may drive a machine."""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final

from inspector.core.types import Verdict

JOINED: Final = "line"
"""Name of the station that shows the parts that several sources join."""


class Signal(StrEnum):
    """PASS: the newest verdict is PASS, final and fresh. NOT_READY: nothing is inspected.
    REJECT: everything else, also in a routine check. Only PASS lets a product pass."""

    PASS = "pass"
    REJECT = "reject"
    NOT_READY = "not_ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class StationState:
    """The newest state of one station.

    station: name of the source; "main" without a list of sources; "line" for joined parts.
    sequence: +1 for each verdict that drives the machine: those of parts if `parts` is enabled,
    otherwise those of frames. heartbeat: +1 for each final verdict on a frame; nothing else changes
    it. expires_ns: from then on the verdict is None, the cause is expired, and the signal is not
    PASS; 0 before the first verdict.

    verdict: None unless it is final and fresh. cause, error_code: why there is no PASS; None and 0
    for PASS and FAIL (see ErrorCode). part_id, frame_id, run_id, recipe_id, captured_ns, judged_ns:
    of the newest verdict that drives the machine, also when it has expired; None if unknown.
    captured_ns: of the newest frame. heartbeat_ns: when the heartbeat changed; None before that.
    All times in ns are monotonic. conditions: names of the camera conditions that are active.
    wall_time_utc: of the newest change.
    """

    station: str
    signal: Signal
    wall_time_utc: str
    sequence: int = 0
    heartbeat: int = 0
    expires_ns: int = 0
    verdict: Verdict | None = None
    cause: str | None = None
    error_code: int = 0
    part_id: str | None = None
    frame_id: int | None = None
    run_id: str | None = None
    recipe_id: str | None = None
    captured_ns: int | None = None
    judged_ns: int | None = None
    conditions: tuple[str, ...] = ()
    heartbeat_ns: int | None = None

    def as_message(self) -> dict[str, Any]:
        """Plain values for another computer, whose monotonic clock is another one."""
        return {name: getattr(self, name) for name in _SENT}


_SENT: Final = tuple(f.name for f in fields(StationState) if not f.name.endswith("_ns"))
