"""The nodes of the OPC UA server: which node shows what. docs/plc.md shows the same map.

Names follow OPC 40100-1 (machine vision) where it has a name for the same thing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from inspector.core.types import Verdict
from inspector.machine.codes import ErrorCode
from inspector.machine.handshake import HandshakeView
from inspector.machine.state import Signal, StationState

Show = Callable[[StationState, HandshakeView], Any]

NAMESPACE: Final = "urn:line-inspector:machine"

BOOLEAN, TEXT, COUNT = "Boolean", "String", "UInt32"
"""Names of variant types, each with a first value."""

FIRST_VALUES: Final[dict[str, Any]] = {BOOLEAN: False, TEXT: "", COUNT: 0}


@dataclass(frozen=True, slots=True)
class NodeRow:
    """folder, name: below the object of the station. show: its value."""

    folder: str
    name: str
    type_name: str
    show: Show


def name_state(state: StationState, view: HandshakeView) -> str:
    """The state of the vision system as OPC 40100-1 names it."""
    if view.error_code is ErrorCode.NOT_ACKNOWLEDGED:
        return "Error"
    if view.busy or view.result_valid:
        return "SingleExecution"
    if state.signal is Signal.NOT_READY:
        return "Preoperational"
    return "Ready" if view.ready else "Initialized"


def name_verdict(verdict: Verdict | None) -> str:
    return "" if verdict is None else verdict.value


def name_result(view: HandshakeView) -> str:
    """The state of a result, as OPC 40100-1 names it."""
    if not view.result_valid:
        return "Processing" if view.busy else "Undefined"
    return "Failed" if view.verdict is Verdict.ERROR else "Completed"


HANDSHAKE, MACHINE, RESULT, SIGNAL = (
    "Handshake",
    "VisionStateMachine",
    "ResultManagement",
    "Signal",
)

RESULT_VALID: Final = NodeRow(HANDSHAKE, "ResultValid", BOOLEAN, lambda s, v: v.result_valid)

SHOWN: Final = (
    NodeRow(MACHINE, "CurrentState", TEXT, name_state),
    NodeRow(RESULT, "ResultId", COUNT, lambda s, v: v.cycle),
    NodeRow(RESULT, "ResultState", TEXT, lambda s, v: name_result(v)),
    NodeRow(RESULT, "PartId", TEXT, lambda s, v: v.part),
    NodeRow(RESULT, "Verdict", TEXT, lambda s, v: name_verdict(v.verdict)),
    NodeRow(RESULT, "ErrorCode", COUNT, lambda s, v: int(v.error_code)),
    NodeRow(RESULT, "ExternalRecipeId", TEXT, lambda s, v: s.recipe_id or ""),
    NodeRow(HANDSHAKE, "Ready", BOOLEAN, lambda s, v: v.ready),
    NodeRow(HANDSHAKE, "Busy", BOOLEAN, lambda s, v: v.busy),
    NodeRow(HANDSHAKE, "TriggerAcknowledged", BOOLEAN, lambda s, v: v.trigger_acknowledged),
    NodeRow(SIGNAL, "Signal", TEXT, lambda s, v: s.signal.value),
    NodeRow(SIGNAL, "Heartbeat", COUNT, lambda s, v: s.heartbeat & 0xFFFFFFFF),
    NodeRow(SIGNAL, "Sequence", COUNT, lambda s, v: s.sequence & 0xFFFFFFFF),
    NodeRow(SIGNAL, "Verdict", TEXT, lambda s, v: name_verdict(s.verdict)),
    NodeRow(SIGNAL, "ErrorCode", COUNT, lambda s, v: int(s.error_code)),
    NodeRow(SIGNAL, "PartId", TEXT, lambda s, v: s.part_id or ""),
    NodeRow(SIGNAL, "Conditions", TEXT, lambda s, v: ", ".join(s.conditions)),
)
"""What clients read, besides RESULT_VALID."""

WRITTEN: Final[dict[str, tuple[str, Any]]] = {
    "Trigger": (BOOLEAN, True),
    "PartNumber": (TEXT, ""),
    "ResultAcknowledged": (BOOLEAN, True),
    "Reset": (BOOLEAN, True),
}
"""What clients write, in the folder of the handshake: name -> type and first value. The bits count
as set until a client has cleared them."""

LONGEST_PART: Final = 64
"""Characters of a part number."""


def check_written(name: str, value: Any) -> bool:
    """Whether a client may write this value to this node of WRITTEN."""
    if WRITTEN[name][0] == BOOLEAN:
        return isinstance(value, bool)
    return isinstance(value, str) and len(value) <= LONGEST_PART and value.isprintable()
