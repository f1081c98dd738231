"""One station as a PLC sees it: its newest state, and the handshake about its parts."""

from dataclasses import dataclass
from threading import Lock
from typing import Final

from loguru import logger

from inspector.core.clock import now_ns
from inspector.core.records import new_run_id
from inspector.core.types import Verdict
from inspector.machine.board import StateBoard
from inspector.machine.codes import ErrorCode
from inspector.machine.controls import Controls, TriggerMessage
from inspector.machine.handshake import Handshake, HandshakeView, PlcBits
from inspector.machine.kinds import Milliseconds, StateOptions
from inspector.machine.state import JOINED, Signal, StationState

SENTENCES: Final = {
    ErrorCode.LATE: "there was no verdict in time",
    ErrorCode.DOUBLE_TRIGGER: "the PLC triggered again before it acknowledged the result",
    ErrorCode.NOT_ACKNOWLEDGED: "the PLC did not acknowledge the result in time",
    ErrorCode.TRIGGER_NOT_READY: "the PLC triggered while the handshake was not ready",
    ErrorCode.DOUBLE_RESULT: "there were two verdicts that differ",
    ErrorCode.TRIGGER_REFUSED: "the trigger was refused",
}
"""What a warning says about the codes of the handshake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlcOptions(StateOptions):
    """The keys of every server for PLCs. host: address of this machine on which it listens.
    result_timeout_ms: longest time from the trigger to the verdict. acknowledge_timeout_ms: longest
    time from the result to the acknowledge."""

    host: str = "127.0.0.1"
    result_timeout_ms: Milliseconds = 5000.0
    acknowledge_timeout_ms: Milliseconds = 5000.0


class PlcStation:
    """Any thread may call the methods. Each returns at once, and sees what is true at its time, so
    a server that hangs cannot show an old PASS later.

    name: of the station on the board. key: of the entry in the configuration, for messages.
    """

    def __init__(
        self, name: str, options: PlcOptions, board: StateBoard, key: str, controls: Controls
    ) -> None:
        self.name = name
        self._board, self._controls, self._key = board, controls, key
        self._lock = Lock()
        self._noted = ErrorCode.NONE
        self._handshake = Handshake(
            f"plc/{new_run_id()}/{name}",
            result_ns=round(1e6 * options.result_timeout_ms),
            acknowledge_ns=round(1e6 * options.acknowledge_timeout_ms),
        )

    def read(self) -> tuple[StationState, HandshakeView]:
        """What the PLC may see now."""
        state = self._board.states()[self.name]
        with self._lock:
            now = self._see_station(state)
            view = self._handshake.view(now)
        self._note(view)
        return state, view

    def write(self, bits: PlcBits, part: str) -> None:
        """The PLC has written its bits; see Handshake.write."""
        state = self._board.states()[self.name]
        with self._lock:
            now = self._see_station(state)
            has_begun = self._handshake.write(bits, part, now)
            part_id = self._handshake.part_id
            view = self._handshake.view(now)
        self._note(view)
        if has_begun:
            self._trigger(part_id, part)

    def see_part(self, state: StationState) -> None:
        """The state of the station just after a verdict on a part. A PASS that the board does not
        show is none here either."""
        if state.part_id is None:
            return
        verdict = Verdict.ERROR if state.verdict is None else state.verdict
        self._judge(state.part_id, verdict, ErrorCode(state.error_code), state.expires_ns)

    def _judge(self, part_id: str, verdict: Verdict, code: ErrorCode, expires_ns: int) -> None:
        with self._lock:
            self._handshake.see_verdict(part_id, verdict, code, now_ns(), expires_ns)

    def _see_station(self, state: StationState) -> int:
        """Returns the time, which is taken inside the lock so that it never falls."""
        now = now_ns()
        takes_parts = state.signal is not Signal.NOT_READY
        self._handshake.see_station(takes_parts=takes_parts, now_ns=now)
        return now

    def _trigger(self, part_id: str, part: str) -> None:
        try:
            source = None if self.name == JOINED else self.name
            message = TriggerMessage(part_id=part_id, serial=part or None, source=source)
            self._controls.trigger(message, self._key)
        except ValueError as exc:
            logger.error("{}: part {!r} is ERROR: {}", self._key, part, exc)
            self._judge(part_id, Verdict.ERROR, ErrorCode.TRIGGER_REFUSED, now_ns())

    def _note(self, view: HandshakeView) -> None:
        """One warning for each fault of a cycle."""
        code, self._noted = self._noted, view.error_code
        if code != view.error_code and view.error_code in SENTENCES:
            sentence = SENTENCES[view.error_code]
            logger.warning("{}: {}, part {!r}: {}", self._key, self.name, view.part, sentence)
