"""Tests of the conversion of plain values to dataclasses."""

from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest

from inspector.core.errors import ConfigError
from inspector.core.schema import AtLeast, Between, OneOf, build


@dataclass(frozen=True)
class Inner:
    size: tuple[int, int] = (1, 2)
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outer:
    must: str
    rate: Annotated[float, Between(0, 1)] = 0.5
    word: Annotated[str, OneOf("a", "b")] = "a"
    above: Annotated[float, AtLeast(0, exclusive=True)] | None = None
    flag: bool = False
    count: int = 0
    inner: Inner = field(default_factory=Inner)
    free: dict[str, Any] = field(default_factory=dict)


def test_values_and_defaults_are_taken() -> None:
    got = build(Outer, {"must": 0, "rate": 1, "inner": {"size": [3, 4]}}, ConfigError)
    assert got == Outer("0", 1.0, inner=Inner((3, 4)))
    assert build(Outer, {"must": "x", "inner": {"names": ["p", "q"]}}, ConfigError).inner.names == (
        "p",
        "q",
    )


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ({}, "missing key must"),
        ({"must": "x", "rat": 1}, "unknown key rat; known keys here: above, count"),
        ({"must": "x", "inner": {"siez": 1}}, "unknown key inner.siez; known keys here: names, s"),
        ({"must": "x", "rate": 2}, "rate must lie between 0 and 1, not 2"),
        ({"must": "x", "rate": "fast"}, "rate must be a number, not 'fast'"),
        ({"must": "x", "rate": True}, "rate must be a number, not True"),
        ({"must": "x", "rate": float("nan")}, "rate must be finite, not nan"),
        ({"must": "x", "count": 1.5}, "count must be a whole number, not 1.5"),
        ({"must": "x", "count": True}, "count must be a whole number, not True"),
        ({"must": "x", "flag": "yes"}, "flag must be true or false, not 'yes'"),
        ({"must": "x", "word": "c"}, "word must be one of a, b, not 'c'"),
        ({"must": "x", "above": 0}, "above must be above 0, not 0"),
        ({"must": "x", "inner": {"size": [1]}}, "inner.size must be a list of 2 values"),
        ({"must": "x", "inner": {"size": [1, "b"]}}, "inner.size[1] must be a whole number"),
        ({"must": "x", "inner": {"names": "p"}}, "inner.names must be a list, not 'p'"),
        ({"must": "x", "inner": 3}, "inner must hold keys, not 3"),
        ({"must": "x", "free": 3}, "free must hold keys, not 3"),
        ([], "the configuration must hold keys"),
    ],
)
def test_the_error_names_the_dotted_path_of_the_wrong_value(raw: Any, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(Outer, raw, ConfigError)
    assert sentence in str(caught.value)
