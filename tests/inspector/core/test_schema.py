"""Tests of the conversion of plain values to dataclasses."""

from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest

from inspector.core.errors import ConfigError
from inspector.core.schema import (
    AtLeast,
    Between,
    Matches,
    OneOf,
    SizeText,
    build,
    parse_size,
    shown,
)


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


@dataclass(frozen=True)
class Part:
    size: SizeText | None = None
    name: Annotated[str, Matches(r"[a-z]+", "small letters")] = "a"


def test_a_size_is_written_width_by_height() -> None:
    assert parse_size(build(Part, {"size": "1280x720"}, ConfigError).size or "") == (720, 1280)


@pytest.mark.parametrize("size", ["720", "x720", "1280X720", "0x720", "1280x16385", " 1x1", 12])
def test_another_form_of_a_size_is_refused(size: object) -> None:
    with pytest.raises(ConfigError, match="size must be WxH with sides between 1 and 16384"):
        build(Part, {"size": size}, ConfigError)


def test_a_text_that_does_not_match_is_refused_in_words() -> None:
    with pytest.raises(ConfigError, match="name may contain only small letters, not 'A1'"):
        build(Part, {"name": "A1"}, ConfigError)


def test_the_nearest_known_key_is_named() -> None:
    with pytest.raises(ConfigError, match=r"known keys here: name, size; did you mean size\?$"):
        build(Part, {"siez": 1}, ConfigError)
    with pytest.raises(ConfigError, match=r"known keys here: name, size$"):
        build(Part, {"colour": 1}, ConfigError)


def test_a_shown_value_has_no_password() -> None:
    assert shown({"password": "hunter2", "uri": "rtsp://u:p@h"}) == (
        "{'password': '***', 'uri': 'rtsp://***@h'}"
    )
