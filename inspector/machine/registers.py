"""The registers of the Modbus server: which word holds what. docs/plc.md shows the same map."""

from enum import IntEnum, StrEnum
from typing import Final

from inspector.core.types import Verdict
from inspector.machine.handshake import HandshakeView, PlcBits
from inspector.machine.state import Signal, StationState

MAP_VERSION: Final = 1
PART_WORDS: Final = 16
"""Length of a part number in words; the kinds with numbers use the first ones."""


class PartNumber(StrEnum):
    """How words hold a part number. uint32: the high word comes first. ascii: up to 32 characters,
    the first one in the high byte; zeros end it."""

    UINT16 = "uint16"
    UINT32 = "uint32"
    ASCII = "ascii"


class PlcWord(IntEnum):
    """Words that the PLC writes."""

    CONTROL = 0
    PART = 1


PLC_WORDS: Final = PlcWord.PART + PART_WORDS


class StateWord(IntEnum):
    """Words that the PLC reads. HEARTBEAT and SEQUENCE have two words each, the high one first."""

    MAP_VERSION = 0
    STATUS = 1
    VERDICT = 2
    ERROR_CODE = 3
    CYCLE = 4
    PART = 5
    SIGNAL = 21
    HEARTBEAT = 22
    SEQUENCE = 24
    NEWEST_VERDICT = 26
    NEWEST_ERROR_CODE = 27
    FRESH_MS = 28
    CONDITIONS = 29


STATE_WORDS: Final = 30

TRIGGER_BIT, ACKNOWLEDGE_BIT, RESET_BIT = range(3)
ALL_CONTROL_BITS: Final = 0b111
"""The control word before the PLC has written it."""

READY_BIT, BUSY_BIT, TRIGGER_ACKNOWLEDGED_BIT, RESULT_VALID_BIT = range(4)
RESULT_PASS_BIT, RESULT_REJECT_BIT, ERROR_BIT, SIGNAL_PASS_BIT, SIGNAL_REJECT_BIT = range(4, 9)

VERDICT_NUMBERS: Final = {None: 0, Verdict.PASS: 1, Verdict.FAIL: 2, Verdict.ERROR: 3}
SIGNAL_NUMBERS: Final = {Signal.NOT_READY: 0, Signal.PASS: 1, Signal.REJECT: 2}


def read_control(word: int) -> PlcBits:
    """The bits of the control word. Raises ValueError for a bit without a meaning."""
    if word & ~ALL_CONTROL_BITS:
        raise ValueError(f"the control word {word:#06x} has bits without a meaning")
    return PlcBits(
        trigger=bool(word >> TRIGGER_BIT & 1),
        result_acknowledged=bool(word >> ACKNOWLEDGE_BIT & 1),
        reset=bool(word >> RESET_BIT & 1),
    )


def read_part(words: list[int], kind: PartNumber) -> str:
    """The part number as text. words: PART_WORDS words. Raises ValueError for a text with other
    than printable ASCII characters."""
    if kind is PartNumber.UINT16:
        return str(words[0])
    if kind is PartNumber.UINT32:
        return str(words[0] << 16 | words[1])
    characters = b"".join(word.to_bytes(2, "big") for word in words).partition(b"\0")[0]
    text = characters.decode("ascii")
    if not text.isprintable():
        raise ValueError(f"the part number {text!r} has control characters")
    return text


def write_part(text: str, kind: PartNumber) -> list[int]:
    """The words of a part number that read_part returned; zeros for an empty text."""
    if kind is PartNumber.ASCII:
        characters = text.encode("ascii").ljust(2 * PART_WORDS, b"\0")
    else:
        size = 2 if kind is PartNumber.UINT16 else 4
        characters = int(text or "0").to_bytes(size, "big").ljust(2 * PART_WORDS, b"\0")
    return [int.from_bytes(characters[n : n + 2], "big") for n in range(0, len(characters), 2)]


def write_state(
    state: StationState, view: HandshakeView, kind: PartNumber, now_ns: int
) -> list[int]:
    """The words that the PLC reads, STATE_WORDS words. now_ns: monotonic."""
    fresh_ms = 0 if state.verdict is None else (state.expires_ns - now_ns) // 1_000_000
    words = [0] * STATE_WORDS
    words[StateWord.MAP_VERSION] = MAP_VERSION
    words[StateWord.STATUS] = write_status(state, view)
    words[StateWord.VERDICT] = VERDICT_NUMBERS[view.verdict]
    words[StateWord.ERROR_CODE] = view.error_code
    words[StateWord.CYCLE] = view.cycle & 0xFFFF
    words[StateWord.PART : StateWord.PART + PART_WORDS] = write_part(view.part, kind)
    words[StateWord.SIGNAL] = SIGNAL_NUMBERS[state.signal]
    counts = {StateWord.HEARTBEAT: state.heartbeat, StateWord.SEQUENCE: state.sequence}
    for word, count in counts.items():
        words[word : word + 2] = count >> 16 & 0xFFFF, count & 0xFFFF
    words[StateWord.NEWEST_VERDICT] = VERDICT_NUMBERS[state.verdict]
    words[StateWord.NEWEST_ERROR_CODE] = state.error_code
    words[StateWord.FRESH_MS] = min(max(0, fresh_ms), 0xFFFF)
    words[StateWord.CONDITIONS] = len(state.conditions)
    return words


def write_status(state: StationState, view: HandshakeView) -> int:
    """The status word, whose bits are the discrete inputs too."""
    bits = {
        READY_BIT: view.ready,
        BUSY_BIT: view.busy,
        TRIGGER_ACKNOWLEDGED_BIT: view.trigger_acknowledged,
        RESULT_VALID_BIT: view.result_valid,
        RESULT_PASS_BIT: view.verdict is Verdict.PASS,
        RESULT_REJECT_BIT: view.result_valid and view.verdict is not Verdict.PASS,
        ERROR_BIT: view.error_code != 0,
        SIGNAL_PASS_BIT: state.signal is Signal.PASS,
        SIGNAL_REJECT_BIT: state.signal is not Signal.PASS,
    }
    return sum(1 << bit for bit, is_set in bits.items() if is_set)
