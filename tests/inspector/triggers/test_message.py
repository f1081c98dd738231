"""Tests the payloads of triggers."""

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from inspector.machine.controls import TriggerMessage
from inspector.triggers.message import MOST_BYTES, check_message, read_payload


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"SN-0042", TriggerMessage(part_id="SN-0042")),
        (b" 42\n", TriggerMessage(part_id="42")),
        (b"", TriggerMessage()),
        (b"{}", TriggerMessage()),
        (b'{"part_id": 42, "lot": "L7", "other": [1]}', TriggerMessage(part_id="42", lot="L7")),
        (
            b'{"serial": "S", "shift": "early", "operator": "Anna", "part_id": null, "lot": ""}',
            TriggerMessage(serial="S", shift="early", operator="Anna"),
        ),
        ("Größe-1".encode(), TriggerMessage(part_id="Größe-1")),
    ],
)
def test_a_payload_is_text_or_an_object(payload: bytes, message: TriggerMessage) -> None:
    assert read_payload(payload) == message


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        (b"\xff\xfe", "neither text nor a JSON object"),
        (b'{"part_id": ', "neither text nor a JSON object"),
        (b'{"a":' * 700, "neither text nor a JSON object"),
        (b'{"part_id": true}', "part_id must be a text or a whole number"),
        (b'{"lot": 1.5}', "lot must be a text or a whole number"),
        (b'{"lot": {"x": 1}}', "lot must be a text or a whole number"),
        (b'{"serial": 1' + b"0" * 300 + b"}", "serial is too large"),
        (b"x" * (MOST_BYTES + 1), "is too large"),
    ],
)
def test_another_payload_is_refused(payload: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_payload(payload)


@drawn(st.binary(max_size=200))
def test_any_payload_gives_a_message_or_a_value_error(payload: bytes) -> None:
    try:
        message = read_payload(payload)
        check_message(message)
    except ValueError:
        return
    assert message.part_id is None or message.part_id.isprintable()
