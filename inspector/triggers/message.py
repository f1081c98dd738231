"""Reads and checks the message that announces a part."""

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from inspector.core.trace import MOST_CHARACTERS, TRACE_FIELDS, TraceFields
from inspector.machine.controls import TriggerMessage

MOST_BYTES: Final = 4096
"""Of a payload."""

_TEXTS: Final = ("part_id", *TRACE_FIELDS)


def read_payload(payload: bytes) -> TriggerMessage:
    """A JSON object with the keys part_id, serial, lot, shift and operator, all of them optional;
    or the part_id as plain text; or nothing, for a part without an id. Raises ValueError."""
    if len(payload) > MOST_BYTES:
        raise ValueError(f"a message of {len(payload)} bytes is too large")
    try:
        text = payload.decode("utf-8").strip()
        if not text.startswith("{"):
            return read_fields({"part_id": text})
        return read_fields(json.loads(text))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as exc:
        raise ValueError(f"{payload[:80]!r} is neither text nor a JSON object") from exc


def read_fields(fields: Mapping[str, Any]) -> TriggerMessage:
    """The message in the fields of an object. Other fields are ignored. Raises ValueError."""
    part_id, serial, lot, shift, operator = (_read_text(n, fields.get(n)) for n in _TEXTS)
    return TriggerMessage(part_id, serial, lot, shift, operator)


def check_message(message: TriggerMessage) -> None:
    """Raises ValueError for a text that is too long, empty, or has characters that cannot be
    printed, and for a time that is not finite."""
    for name in _TEXTS:
        text = getattr(message, name)
        if text is None:
            continue
        if len(text) > MOST_CHARACTERS:
            raise ValueError(f"{name} has more than {MOST_CHARACTERS} characters")
        if not text.isprintable() or not text.strip():
            raise ValueError(f"{name} is empty or has characters that cannot be printed: {text!r}")
    if message.time_s is not None and not math.isfinite(message.time_s):
        raise ValueError(f"time_s must be finite, not {message.time_s}")


def make_message(part_id: str | None, time_s: float | None, trace: TraceFields) -> TriggerMessage:
    return TriggerMessage(part_id, trace.serial, trace.lot, trace.shift, trace.operator, time_s)


def trace_of(message: TriggerMessage) -> TraceFields:
    return TraceFields(*(getattr(message, name) for name in TRACE_FIELDS))


def _read_text(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(f"{name} must be a text or a whole number")
    if isinstance(value, int) and value.bit_length() > 64:
        raise ValueError(f"{name} is too large")
    return str(value).strip() or None
