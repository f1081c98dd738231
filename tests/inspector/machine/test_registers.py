"""Tests of the words of the Modbus registers."""

import pytest

from inspector.core.types import Verdict
from inspector.machine.codes import ErrorCode
from inspector.machine.handshake import HandshakeView, PlcBits
from inspector.machine.registers import (
    PART_WORDS,
    STATE_WORDS,
    PartNumber,
    read_control,
    read_part,
    write_part,
    write_state,
)
from inspector.machine.state import Signal, StationState

STATE = StationState(
    station="main",
    signal=Signal.PASS,
    wall_time_utc="2026-01-31T12:00:00.000Z",
    sequence=70_001,
    heartbeat=65_537,
    expires_ns=9_000_000,
    verdict=Verdict.PASS,
    conditions=("dark",),
)
VIEW = HandshakeView(
    ready=False,
    busy=False,
    trigger_acknowledged=False,
    result_valid=True,
    part="66051",
    cycle=65_538,
    verdict=Verdict.FAIL,
    error_code=ErrorCode.NONE,
)


def padded(*words: int) -> list[int]:
    return [*words, *([0] * (PART_WORDS - len(words)))]


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        (PartNumber.UINT16, "0", [0]),
        (PartNumber.UINT16, "65535", [65535]),
        (PartNumber.UINT32, "66051", [1, 515]),
        (PartNumber.UINT32, "4294967295", [65535, 65535]),
        (PartNumber.ASCII, "A-1", [0x412D, 0x3100]),
        (PartNumber.ASCII, "", []),
        (PartNumber.ASCII, "x" * 32, [0x7878] * 16),
    ],
)
def test_part_numbers_are_read_and_written(kind: PartNumber, text: str, words: list[int]) -> None:
    assert read_part(padded(*words), kind) == text
    assert write_part(text, kind) == padded(*words)


def test_an_empty_part_number_is_zeros() -> None:
    assert all(write_part("", kind) == padded() for kind in PartNumber)


def test_what_follows_the_end_of_a_text_is_ignored() -> None:
    assert read_part(padded(0x4100, 0x4242), PartNumber.ASCII) == "A"


@pytest.mark.parametrize("word", [0xFF00, 0x0A00, 0x4180])
def test_a_text_that_is_not_printable_ascii_is_refused(word: int) -> None:
    with pytest.raises(ValueError):
        read_part(padded(word), PartNumber.ASCII)


def test_the_control_word_has_three_bits() -> None:
    assert read_control(0b001) == PlcBits(trigger=True)
    assert read_control(0b010) == PlcBits(result_acknowledged=True)
    assert read_control(0b100) == PlcBits(reset=True)
    for word in (8, 0xFFFF):
        with pytest.raises(ValueError, match="without a meaning"):
            read_control(word)


def test_the_words_of_the_state() -> None:
    words = write_state(STATE, VIEW, PartNumber.UINT32, now_ns=2_000_000)
    assert len(words) == STATE_WORDS
    assert words[0] == 1
    # result_valid, result_reject, signal_pass
    assert words[1] == 1 << 3 | 1 << 5 | 1 << 7
    assert words[2:5] == [2, 0, 2]
    assert words[5:21] == padded(1, 515)
    assert words[21:30] == [1, 1, 1, 1, 4465, 1, 0, 7, 1]


def test_a_state_without_a_verdict_is_not_fresh() -> None:
    state = StationState(station="main", signal=Signal.NOT_READY, wall_time_utc="", error_code=24)
    words = write_state(state, VIEW, PartNumber.UINT32, now_ns=2_000_000)
    assert words[21] == 0
    assert words[26:29] == [0, 24, 0]
    assert words[1] >> 7 & 0b11 == 0b10
