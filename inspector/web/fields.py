"""Reads the values that browsers and programs send: queries, forms and JSON."""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl

MOST_FIELDS: Final = 50
MOST_CHARACTERS: Final = 500
LARGEST: Final = 2**63 - 1
"""Largest whole number of SQLite."""

_PATH: Final = re.compile(r"/(?:[\x21-\x5b\x5d-\x7e]*)")


class FieldError(ValueError):
    """A value that cannot be used. The text is a sentence for the sender."""


def parse_form(body: bytes) -> dict[str, str]:
    """The fields of a form. Raises FieldError if they are not text in UTF-8, or too many."""
    try:
        text = body.decode()
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as exc:
        raise FieldError("The form cannot be read.") from exc
    return dict(pairs)


def parse_json(body: bytes) -> dict[str, Any]:
    """Raises FieldError if the body is not a JSON object, or nested too deeply."""
    try:
        values = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise FieldError("The body is not JSON.") from exc
    if not isinstance(values, dict):
        raise FieldError("The body must be a JSON object.")
    return values


def text_field(fields: Mapping[str, Any], name: str, *, most: int = MOST_CHARACTERS) -> str:
    """A text in one line; empty if it is missing. Raises FieldError if it is too long, is no text,
    or has characters that cannot be printed."""
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise FieldError(f"{name} must be a text.")
    value = value.strip()
    if len(value) > most:
        raise FieldError(f"{name} is too long: at most {most} characters.")
    if not value.isprintable():
        raise FieldError(f"{name} has characters that cannot be printed.")
    return value


def number_field(fields: Mapping[str, Any], name: str) -> float | None:
    """A finite number; None if it is missing or empty. Raises FieldError."""
    value = fields.get(name)
    if value is None or value == "":
        return None
    try:
        if isinstance(value, bool) or len(str(value)) > 40:
            raise ValueError
        number = float(value)
    except (ValueError, TypeError, OverflowError) as exc:
        raise FieldError(f"{name} must be a number.") from exc
    if not math.isfinite(number):
        raise FieldError(f"{name} must be a number.")
    return number


def whole_field(fields: Mapping[str, Any], name: str) -> int | None:
    """A whole number from 0; None if it is missing or empty. Raises FieldError."""
    value = fields.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,19}", str(value)):
        raise FieldError(f"{name} must be a whole number.")
    number = int(value)
    if number > LARGEST:
        raise FieldError(f"{name} is too large.")
    return number


def choice_field(
    fields: Mapping[str, Any], name: str, choices: tuple[str, ...], default: str = ""
) -> str:
    """One of the choices. Raises FieldError."""
    value = text_field(fields, name) or default
    if value and value not in choices:
        raise FieldError(f"{name} must be one of {', '.join(choices)}.")
    return value


def time_field(fields: Mapping[str, Any], name: str) -> str | None:
    """A time in ISO 8601 with its zone, UTC if it names none. None if it is missing. Raises
    FieldError."""
    value = text_field(fields, name, most=40)
    if not value:
        return None
    try:
        time = datetime.fromisoformat(value)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise FieldError(f"{name} must be a time such as 2026-01-31T12:00.") from exc
    return time.isoformat()


def local_path(text: str) -> str:
    """The text if it is an address of this view, otherwise the first page. Never another site."""
    return text if _PATH.fullmatch(text) and not text.startswith("//") else "/"
