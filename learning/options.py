"""Options as fields of a dataclass: what each one does, and how its text becomes its value."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from inspector.core.errors import ConfigError


def option(
    help_text: str,
    parse: Callable[[str], Any],
    *,
    flag: str = "",
    metavar: str | None = None,
    choices: tuple[str, ...] | None = None,
) -> dict[str, Any]:
    """Metadata of a field that is an option.

    parse: text -> value; it raises ConfigError for a text that it cannot use. flag: name on the
    command line; "" is the name of the field with hyphens.
    """
    return {
        "help": help_text,
        "parse": parse,
        "flag": flag,
        "metavar": metavar,
        "choices": choices,
    }


def switch(help_text: str, *, flag: str = "") -> dict[str, Any]:
    """Metadata of an option without a text: typing it inverts the default of the field."""
    return {"help": help_text, "parse": None, "flag": flag}


def option_fields(owner: type) -> tuple["dataclasses.Field[Any]", ...]:
    """The fields of a dataclass that are options."""
    return tuple(field for field in dataclasses.fields(owner) if "parse" in field.metadata)


def read_options(owner: object) -> dict[str, Any]:
    """Option of a dataclass -> its value."""
    return {field.name: getattr(owner, field.name) for field in option_fields(type(owner))}


def parse_options(owner: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Parses the values that are text, as the command line does. Other values, and names that are
    no options of `owner`, are not changed. Raises ConfigError."""
    fields = {field.name: field.metadata for field in option_fields(owner)}
    return {
        name: fields[name]["parse"](value)
        if isinstance(value, str) and name in fields and fields[name]["parse"] is not None
        else value
        for name, value in values.items()
    }


def check_option_names(owner: type, options: Iterable[str], what: str) -> None:
    """Raises ConfigError for a name that is no option of `owner`. what: of the message."""
    known = {field.name for field in option_fields(owner)}
    for key in options:
        if key not in known:
            raise ConfigError(f"{what} has no option {key}; it has {', '.join(sorted(known))}")


def make_choice_parser(key: str, choices: Sequence[str]) -> Callable[[str], str]:
    """A parser that returns its text, and raises ConfigError if it is none of the choices."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ConfigError(f"{key} must be one of {', '.join(choices)}, not {text!r}")
        return text

    return parse


def whole_number(text: str) -> int:
    """Raises ConfigError for anything but digits."""
    if not text.isdecimal() or len(text) > 9:
        raise ConfigError(f"{text!r} is not a whole number from 0 to 999999999")
    return int(text)


def integer(text: str) -> int:
    """Raises ConfigError for a text that is no whole number."""
    try:
        return int(text)
    except ValueError as exc:
        raise ConfigError(f"{text!r} is not a whole number") from exc


def number(text: str) -> float:
    """Raises ConfigError for a text that is no number."""
    try:
        return float(text)
    except ValueError as exc:
        raise ConfigError(f"{text!r} is not a number") from exc


def gigabytes(text: str) -> int:
    """In bytes. Raises ConfigError for a number that is not finite or below 0."""
    value = number(text)
    if not 0 <= value < math.inf:
        raise ConfigError(f"{text} is not a finite number of at least 0")
    return round(value * 1_000_000_000)


def check_within(key: str, value: float, low: float, high: float = math.inf) -> None:
    """Raises ConfigError for a value outside low and high, for infinity and for NaN."""
    if not (low <= value <= high and value < math.inf):
        limits = f"between {low:g} and {high:g}" if high < math.inf else f"at least {low:g}"
        raise ConfigError(f"{key} must be a finite number {limits}, not {value}")
