"""Checks and carries out what people ask for: requests to the line, and feedback."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from inspector.core.mode import LOCKED, LOCKED_KINDS
from inspector.service.line_state import LineView
from inspector.store.database import Store
from inspector.store.feedback import ANSWERS, add_feedback
from inspector.store.requests import Answer, add_request, wait_for_answer
from inspector.web.fields import (
    FieldError,
    choice_field,
    number_field,
    text_field,
    whole_field,
)

ANSWER_S: Final = 5.0
"""The page waits this long for the line to answer."""

ARGUMENTS: Final[dict[str, tuple[str, ...]]] = {
    "start": (),
    "stop": (),
    "reload": (),
    "recipe": ("name", "source"),
    "thresholds": ("source", "image_threshold", "pixel_threshold"),
    "acknowledge": ("alarm",),
    "check": ("name",),
    "refit": ("engine",),
    "accept_engine": ("candidate",),
    "undo_engine": ("engine",),
}
"""Kind of a request -> its arguments."""

EXPECTED: Final[dict[str, tuple[str, ...]]] = {
    "thresholds": ("recipe", "image_threshold", "pixel_threshold"),
    "accept_engine": ("candidate_sha256", "engine_sha256"),
    "undo_engine": ("engine_sha256",),
}
"""Kind of a request -> what the page showed. The fields begin with expected_ and are optional."""

_NUMBERS: Final = ("image_threshold", "pixel_threshold")


class LockedError(Exception):
    """The line is locked (mode: locked)."""


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    kind: str
    arguments: dict[str, Any]
    who: str
    why: str | None


def read_request(fields: Mapping[str, Any], line: LineView) -> ChangeRequest:
    """fields: kind, who, why, and the arguments, directly or in a mapping `arguments`. Raises
    FieldError and LockedError."""
    kind = choice_field(fields, "kind", tuple(ARGUMENTS))
    if not kind:
        raise FieldError("kind is missing.")
    if kind in LOCKED_KINDS and line.state().mode == LOCKED:
        raise LockedError
    values = fields.get("arguments", fields)
    if not isinstance(values, Mapping):
        raise FieldError("arguments must be a JSON object.")
    arguments = {name: _argument(values, name) for name in ARGUMENTS[kind]}
    if any(isinstance(value, float) and value < 0 for value in arguments.values()):
        raise FieldError("A threshold must be 0 or above.")
    missing = [name for name, value in arguments.items() if value in (None, "")]
    if kind == "thresholds" and missing != list(_NUMBERS):
        arguments = {name: value for name, value in arguments.items() if name not in missing}
        missing = [name for name in missing if name not in _NUMBERS]
    if kind == "recipe" and missing == ["source"]:  # all sources use it
        del arguments["source"]
        missing = []
    if missing:
        raise FieldError(f"{missing[0]} is missing.")
    if expected := _read_expected(values, kind):
        arguments["expected"] = expected
    return ChangeRequest(kind, arguments, _who(fields), text_field(fields, "why") or None)


def send_request(store: Store, request: ChangeRequest) -> tuple[int, Answer]:
    """Waits for the answer of the line. Returns the number of the request and the answer."""
    number = add_request(store, request.kind, request.arguments, who=request.who, why=request.why)
    return number, wait_for_answer(store, number, ANSWER_S)


def give_feedback(store: Store, fields: Mapping[str, Any], line: LineView) -> None:
    """fields: run_id, source, frame_id, answer, who, note. Raises FieldError, LockedError, and
    ConfigError for a frame that is not in the store."""
    if line.state().mode == LOCKED:
        raise LockedError
    frame_id = whole_field(fields, "frame_id")
    answer = choice_field(fields, "answer", ANSWERS)
    if frame_id is None or not answer:
        raise FieldError("frame_id and answer are needed.")
    add_feedback(
        store,
        run_id=text_field(fields, "run_id"),
        source=text_field(fields, "source"),
        frame_id=frame_id,
        answer=answer,
        who=_who(fields),
        note=text_field(fields, "note") or None,
    )


def _read_expected(values: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """An empty text means that the page showed none."""
    expected: dict[str, Any] = {}
    for name in EXPECTED.get(kind, ()):
        field = f"expected_{name}"
        if field in values:
            is_number = name in _NUMBERS
            read = number_field(values, field) if is_number else text_field(values, field) or None
            expected[name] = read
    return expected


def _argument(values: Mapping[str, Any], name: str) -> Any:
    if name in _NUMBERS:
        return number_field(values, name)
    return whole_field(values, name) if name == "alarm" else text_field(values, name)


def _who(fields: Mapping[str, Any]) -> str:
    who = text_field(fields, "who", most=80)
    if not who:
        raise FieldError("Your name is missing.")
    return who
