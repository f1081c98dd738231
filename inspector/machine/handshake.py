"""The handshake with a PLC about one part after the other: a state machine without a network.

A cycle has four steps. The PLC sets `trigger`, and the inspector answers with
`trigger_acknowledged` and `busy`. The inspector sets `result_valid` with the verdict, and the PLC
answers with `result_acknowledged`. Then both clear their bits; see docs/plc.md.

Two rules keep an old PASS from the PLC. A verdict is shown only if its part is the part of this
cycle. A PASS that is late, that another trigger overtakes or that the PLC does not acknowledge in
time becomes ERROR.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from inspector.core.types import Verdict
from inspector.machine.codes import ErrorCode


class Phase(StrEnum):
    """waiting: not ready, because the station takes no parts or the PLC must clear its bits.
    ready: waits for a trigger. busy: waits for the verdict. result: the verdict is shown."""

    WAITING = "waiting"
    READY = "ready"
    BUSY = "busy"
    RESULT = "result"


class Step(StrEnum):
    """What can happen. trigger, acknowledge: the PLC sets this bit. reset: the reset bit is set.
    open: the station takes parts, and all bits of the PLC are 0. shut: this is no longer so.
    verdict: on the part of this cycle. other_verdict: a second verdict on it, which differs. late:
    no verdict in time. not_acknowledged: no acknowledge in time."""

    OPEN = "open"
    SHUT = "shut"
    TRIGGER = "trigger"
    VERDICT = "verdict"
    OTHER_VERDICT = "other_verdict"
    LATE = "late"
    ACKNOWLEDGE = "acknowledge"
    NOT_ACKNOWLEDGED = "not_acknowledged"
    RESET = "reset"


TRANSITIONS: Final[dict[tuple[Phase, Step], tuple[Phase, ErrorCode | None]]] = {
    (Phase.WAITING, Step.OPEN): (Phase.READY, None),
    (Phase.WAITING, Step.TRIGGER): (Phase.WAITING, ErrorCode.TRIGGER_NOT_READY),
    (Phase.READY, Step.SHUT): (Phase.WAITING, None),
    (Phase.READY, Step.TRIGGER): (Phase.BUSY, ErrorCode.NONE),
    (Phase.BUSY, Step.VERDICT): (Phase.RESULT, None),
    (Phase.BUSY, Step.LATE): (Phase.RESULT, ErrorCode.LATE),
    (Phase.BUSY, Step.TRIGGER): (Phase.RESULT, ErrorCode.DOUBLE_TRIGGER),
    (Phase.RESULT, Step.TRIGGER): (Phase.RESULT, ErrorCode.DOUBLE_TRIGGER),
    (Phase.RESULT, Step.OTHER_VERDICT): (Phase.RESULT, ErrorCode.DOUBLE_RESULT),
    (Phase.RESULT, Step.NOT_ACKNOWLEDGED): (Phase.RESULT, ErrorCode.NOT_ACKNOWLEDGED),
    (Phase.RESULT, Step.ACKNOWLEDGE): (Phase.WAITING, ErrorCode.NONE),
    **{(phase, Step.RESET): (Phase.WAITING, ErrorCode.NONE) for phase in Phase},
}
"""(phase, step) -> next phase, and the error code that the step sets; None leaves the code. A code
other than NONE makes the verdict of the phase `result` ERROR. A step without an entry has no
effect."""


@dataclass(frozen=True, slots=True)
class PlcBits:
    """What the PLC sets."""

    trigger: bool = False
    result_acknowledged: bool = False
    reset: bool = False


ALL_SET: Final = PlcBits(trigger=True, result_acknowledged=True, reset=True)
"""What is assumed before the PLC has written its bits."""


@dataclass(frozen=True, slots=True)
class HandshakeView:
    """What the PLC sees.

    part: part number of this cycle, as the PLC wrote it; empty without a cycle. cycle: number of
    triggers that were accepted. verdict: None unless result_valid.
    """

    ready: bool
    busy: bool
    trigger_acknowledged: bool
    result_valid: bool
    part: str
    cycle: int
    verdict: Verdict | None
    error_code: ErrorCode


class Handshake:
    """The handshake of one station. Times are monotonic nanoseconds that never fall.

    prefix: begins the part_id of each cycle, and must be unique in the process. result_ns: longest
    time from the trigger to the verdict. acknowledge_ns: longest time from the result to the
    acknowledge.

    Before the first write all bits of the PLC count as set. So it must clear all of them before the
    handshake is ready, and a trigger that is left over from an earlier process is refused.
    """

    def __init__(self, prefix: str, *, result_ns: int, acknowledge_ns: int) -> None:
        self._prefix, self._result_ns, self._acknowledge_ns = prefix, result_ns, acknowledge_ns
        self.phase = Phase.WAITING
        self._bits = ALL_SET
        self._takes_parts = False
        self._is_trigger_accepted = False
        self._part = ""
        self._cycle = 0
        self._deadline_ns = 0
        self._received: Verdict | None = None
        self._verdict: Verdict | None = None
        self._code = ErrorCode.NONE

    @property
    def part_id(self) -> str:
        """Of the current or the last cycle. No other cycle has it."""
        return f"{self._prefix}/{self._cycle}"

    def write(self, bits: PlcBits, part: str, now_ns: int) -> bool:
        """The PLC has written its bits. part: its part number, which counts with a trigger. True if
        a new cycle has begun: the caller then triggers the part with part_id."""
        self.pass_time(now_ns)
        before, self._bits = self._bits, bits
        if not bits.trigger:
            self._is_trigger_accepted = False
        if bits.reset:
            self._take(Step.RESET, now_ns)
        if bits.result_acknowledged and not before.result_acknowledged:
            self._take(Step.ACKNOWLEDGE, now_ns)
        if bits.reset or bits.result_acknowledged or not self._takes_parts:
            self._take(Step.SHUT, now_ns)
        cycle = self._cycle
        if bits.trigger and not before.trigger:
            if self.phase is Phase.READY:
                self._begin(part)
            self._take(Step.TRIGGER, now_ns)
        self._open(now_ns)
        return self._cycle != cycle

    def see_station(self, *, takes_parts: bool, now_ns: int) -> None:
        """Whether the station captures now. A cycle that has begun goes on until its time ends."""
        self.pass_time(now_ns)
        self._takes_parts = takes_parts
        if takes_parts:
            self._open(now_ns)
        else:
            self._take(Step.SHUT, now_ns)

    def see_verdict(
        self, part_id: str, verdict: Verdict, code: ErrorCode, now_ns: int, expires_ns: int
    ) -> bool:
        """The final verdict on a part. code: why it is ERROR. expires_ns: a PASS ends then at the
        latest. False if the part is not that of this cycle, or if its time was over; the verdict is
        then never shown."""
        self.pass_time(now_ns)
        if part_id != self.part_id:
            return False
        if self.phase is Phase.BUSY:
            self._received = self._verdict = verdict
            self._code = code
            self._take(Step.VERDICT, now_ns)
            if verdict is Verdict.PASS:
                self._deadline_ns = min(self._deadline_ns, expires_ns)
            return True
        if self._received not in (None, verdict):
            self._take(Step.OTHER_VERDICT, now_ns)
        return False

    def pass_time(self, now_ns: int) -> None:
        """Ends what has waited for too long."""
        if now_ns >= self._deadline_ns:
            if self.phase is Phase.BUSY:
                self._take(Step.LATE, now_ns)
            elif self.phase is Phase.RESULT:
                self._take(Step.NOT_ACKNOWLEDGED, now_ns)

    def view(self, now_ns: int) -> HandshakeView:
        """What the PLC may see now."""
        self.pass_time(now_ns)
        return HandshakeView(
            ready=self.phase is Phase.READY,
            busy=self.phase is Phase.BUSY,
            trigger_acknowledged=self._is_trigger_accepted,
            result_valid=self.phase is Phase.RESULT,
            part=self._part,
            cycle=self._cycle,
            verdict=self._verdict,
            error_code=self._code,
        )

    def _open(self, now_ns: int) -> None:
        if self._takes_parts and self._bits == PlcBits():
            self._take(Step.OPEN, now_ns)

    def _begin(self, part: str) -> None:
        self._part, self._cycle = part, self._cycle + 1
        self._is_trigger_accepted = True

    def _take(self, step: Step, now_ns: int) -> None:
        """The only place where the phase changes."""
        entry = TRANSITIONS.get((self.phase, step))
        if entry is None:
            return
        before, (self.phase, code) = self.phase, entry
        if code is not None:
            self._code = code
        if self.phase is Phase.BUSY:
            self._deadline_ns = now_ns + self._result_ns
        elif self.phase is Phase.RESULT:
            if code is not None:
                self._verdict = Verdict.ERROR
            if before is Phase.BUSY:
                self._deadline_ns = now_ns + self._acknowledge_ns
        else:
            self._part, self._verdict, self._received = "", None, None
            self._is_trigger_accepted = False
