"""Builds frozen dataclasses from plain values such as YAML gives. Errors name a dotted path."""

import dataclasses
import difflib
import math
import re
import reprlib
import types
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

from inspector.core.secrets import mask_values

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AtLeast:
    """Constraint for Annotated: value >= low, or value > low if exclusive."""

    low: float
    exclusive: bool = False

    def refusal(self, value: Any) -> str | None:
        if value > self.low or (value == self.low and not self.exclusive):
            return None
        return f"must be {'above' if self.exclusive else 'at least'} {self.low:g}"


@dataclass(frozen=True, slots=True)
class Between:
    """Constraint for Annotated: low <= value <= high."""

    low: float
    high: float

    def refusal(self, value: Any) -> str | None:
        if self.low <= value <= self.high:
            return None
        return f"must lie between {self.low:g} and {self.high:g}"


@dataclass(frozen=True, slots=True, init=False)
class OneOf:
    """Constraint for Annotated: the value is one of `words`."""

    words: tuple[str | int, ...]

    def __init__(self, *words: str | int) -> None:
        object.__setattr__(self, "words", words)

    def refusal(self, value: Any) -> str | None:
        return None if value in self.words else f"must be one of {', '.join(map(str, self.words))}"


@dataclass(frozen=True, slots=True)
class Matches:
    """Constraint for Annotated: text that matches a pattern. allowed: describes the pattern."""

    pattern: str
    allowed: str

    def refusal(self, value: Any) -> str | None:
        if re.fullmatch(self.pattern, value):
            return None
        return f"may contain only {self.allowed}"


MAX_SIDE: Final = 16384
"""Largest side of a frame in pixels."""


@dataclass(frozen=True, slots=True)
class WxH:
    """Constraint for Annotated: a size in pixels as text, such as 1280x720."""

    def refusal(self, value: Any) -> str | None:
        sides = re.fullmatch(r"(\d{1,5})x(\d{1,5})", value)
        if sides is not None and all(1 <= int(side) <= MAX_SIDE for side in sides.groups()):
            return None
        return f"must be WxH with sides between 1 and {MAX_SIDE}, such as 1280x720"


Positive = Annotated[float, AtLeast(0, exclusive=True)]
Seconds = Annotated[float, AtLeast(0, exclusive=True), Between(0, 1e6)]
"""A time limit or a delay; timers of the system cannot take more than some years."""
NotNegative = Annotated[float, AtLeast(0)]
Share = Annotated[float, Between(0, 1)]
Count = Annotated[int, AtLeast(0)]
AtLeastOne = Annotated[int, AtLeast(1)]
Scale = Annotated[float, Between(1e-6, 1e4)]
Threads = Annotated[int, Between(0, 256)]
OnError = Annotated[str, OneOf("fatal", "warn")]
SizeText = Annotated[str, WxH()]
"""WxH, such as 1280x720; `parse_size` reads it."""


def parse_size(text: str) -> tuple[int, int]:
    """Converts WxH, such as in a SizeText, to (height, width)."""
    width, _, height = text.partition("x")
    return int(height), int(width)


def shown(value: Any) -> str:
    """Shortened text of a value without passwords, for a message."""
    try:
        return reprlib.repr(mask_values(value))
    except ValueError:  # an int with more digits than Python converts to text
        return "a value that is too long to show"


def build(cls: type[T], raw: Any, error: type[Exception], path: str = "") -> T:
    """Makes a dataclass from nested dicts, lists and scalars.

    A missing key takes its default. Raises `error` with the dotted path of the wrong value or of
    the unknown key. For an unknown key it names the nearest known key and all known keys.
    """
    if not isinstance(raw, dict):
        raise error(f"{path or 'the configuration'} must hold keys, not {shown(raw)}")
    hints = typing.get_type_hints(cls, include_extras=True)
    for key in raw:
        if key not in hints:
            raise error(
                f"unknown key {_join(path, str(key)[:60])}; "
                f"known keys here: {', '.join(sorted(hints))}{suggest(str(key), hints)}"
            )
    values: dict[str, Any] = {}
    for f in dataclasses.fields(cls):  # type: ignore[arg-type]
        if f.name in raw:
            values[f.name] = _convert(hints[f.name], raw[f.name], error, _join(path, f.name))
        elif f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
            raise error(f"missing key {_join(path, f.name)}")
    return cls(**values)


def suggest(word: str, known: Iterable[str]) -> str:
    """End of a message about an unknown word: "; did you mean X?", or an empty text."""
    close = difflib.get_close_matches(word[:60], known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _convert(hint: Any, value: Any, error: type[Exception], path: str) -> Any:
    origin = typing.get_origin(hint)
    if origin is Annotated:
        base, *constraints = typing.get_args(hint)
        converted = _convert(base, value, error, path)
        for constraint in constraints:
            if refusal := constraint.refusal(converted):
                raise error(f"{path} {refusal}, not {shown(value)}")
        return converted
    if origin in (types.UnionType, typing.Union):
        choices = [c for c in typing.get_args(hint) if c is not type(None)]
        if value is None:
            return None
        return _convert(choices[0], value, error, path)
    if hint is Any:
        return value
    if origin is dict:
        if not isinstance(value, dict):
            raise error(f"{path} must hold keys, not {shown(value)}")
        return value
    if origin is tuple:
        return _convert_tuple(typing.get_args(hint), value, error, path)
    if dataclasses.is_dataclass(hint):
        assert isinstance(hint, type)
        return build(hint, {} if value is None else value, error, path)
    return _scalar(hint, value, error, path)


def _convert_tuple(hints: tuple[Any, ...], value: Any, error: type[Exception], path: str) -> Any:
    if not isinstance(value, (list, tuple)):
        raise error(f"{path} must be a list, not {shown(value)}")
    if len(hints) == 2 and hints[1] is Ellipsis:
        hints = (hints[0],) * len(value)
    if len(value) != len(hints):
        raise error(f"{path} must be a list of {len(hints)} values, not {shown(value)}")
    pairs = enumerate(zip(hints, value, strict=True))
    return tuple(_convert(hint, item, error, f"{path}[{i}]") for i, (hint, item) in pairs)


def _as_float(value: int | str) -> Any:
    """Converts to float where possible. YAML reads 1e-9 as text; an int may be too large."""
    try:
        return float(value)
    except (ValueError, OverflowError):
        return value


_NAMES = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}


def _scalar(hint: Any, value: Any, error: type[Exception], path: str) -> Any:
    if hint is float and isinstance(value, (int, str)) and not isinstance(value, bool):
        value = _as_float(value)
    small = isinstance(value, int) and value.bit_length() < 64
    if hint is str and small and not isinstance(value, bool):
        value = str(value)  # a camera index is text here, but YAML reads it as a number
    if isinstance(value, str) and "\0" in value:
        raise error(f"{path} must not hold a NUL character")
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise error(f"{path} must be {_NAMES[hint]}, not {shown(value)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise error(f"{path} must be finite, not {shown(value)}")
    return value
