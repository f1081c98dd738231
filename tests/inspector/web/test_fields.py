"""Tests of the values that browsers and programs send. They need no web library."""

import pytest

from inspector.web.fields import (
    FieldError,
    local_path,
    number_field,
    parse_form,
    parse_json,
    text_field,
    time_field,
    whole_field,
)


@pytest.mark.parametrize("text", ["1", "-2.5", "1e-3", " 3 ", 4, 0.5])
def test_numbers_are_read(text: object) -> None:
    assert number_field({"n": text}, "n") == float(text)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value", ["nan", "inf", "1e999", "x", "1" * 5000, True, [1], {}, 10**400, "1,5"]
)
def test_other_values_are_no_numbers(value: object) -> None:
    with pytest.raises(FieldError, match="must be a number"):
        number_field({"n": value}, "n")


@pytest.mark.parametrize("value", ["-1", "1.0", "9" * 19, "9" * 5000, "٣", True, "1 2", "0x1"])
def test_other_values_are_no_whole_numbers(value: object) -> None:
    with pytest.raises(FieldError):
        whole_field({"n": value}, "n")


def test_a_missing_value_is_none_or_empty() -> None:
    assert number_field({}, "n") is None
    assert whole_field({"n": ""}, "n") is None
    assert text_field({"t": None}, "t") == ""
    assert time_field({}, "t") is None


@pytest.mark.parametrize("value", ["a\nb", "a\x00", "\x1b[2J", "a\u202eb", "x" * 501, 3, ["a"]])
def test_texts_with_other_characters_or_too_many_are_refused(value: object) -> None:
    with pytest.raises(FieldError):
        text_field({"t": value}, "t")


def test_times_are_utc_unless_they_name_a_zone() -> None:
    assert time_field({"t": "2026-01-31T12:00"}, "t") == "2026-01-31T12:00:00+00:00"
    assert time_field({"t": "2026-01-31T12:00+02:00"}, "t") == "2026-01-31T10:00:00+00:00"
    for text in ("yesterday", "0001-01-01T00:00+23:00", "2026-13-01"):
        with pytest.raises(FieldError, match="must be a time"):
            time_field({"t": text}, "t")


@pytest.mark.parametrize("body", [b"\xff", b"a=%ff", b"&".join(b"a=%d" % n for n in range(60))])
def test_forms_that_cannot_be_read_are_refused(body: bytes) -> None:
    with pytest.raises(FieldError):
        parse_form(body)


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b"\xff", b"[" * 60_000, b'"x"'])
def test_bodies_that_are_no_json_object_are_refused(body: bytes) -> None:
    with pytest.raises(FieldError):
        parse_json(body)


@pytest.mark.parametrize("path", ["/", "/history?source=a&before=3", "/frame/r/s/1#feedback"])
def test_addresses_of_this_view_are_followed(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        *("", "//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil"),
        *("javascript:1", "/a\r\nset-cookie: x=1", "\\\\evil", " /", "/\u2028"),
    ],
)
def test_other_addresses_lead_to_the_first_page(path: str) -> None:
    assert local_path(path) == "/"
