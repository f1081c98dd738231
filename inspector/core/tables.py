"""Writes CSV rows that a spreadsheet cannot take for formulas."""

import csv
import io
import re
from collections.abc import Iterable
from numbers import Number
from typing import Any, Final

_FORMULA_STARTS: Final = re.compile(
    # At the beginning of the text, also after spaces and characters that cannot be seen.
    "^([\\s\ufeff\u200b]*[=+\\-@\uff1d\uff0b\uff0d\uff20]|[\t\r])"
    # After a character at which a spreadsheet of another country begins a new cell.
    "|(?<=[;\t\r\n|])([=+\\-@\uff1d\uff0b\uff0d\uff20])"
)
"""Places where a spreadsheet would begin to read a formula; also with full-width characters."""


def csv_row(values: Iterable[Any]) -> str:
    """One row of RFC 4180 with its line end. None becomes an empty cell.

    Text that begins like a formula gets an apostrophe in front, because file names, kinds of
    defects and messages are not safe. Numbers stay as they are. Every CSV file of the project is
    written by this function.
    """
    text = io.StringIO()
    csv.writer(text).writerow([_escape(value) for value in values])
    return text.getvalue()


def _escape(value: Any) -> Any:
    """Changes text only: a negative number is not a formula."""
    if value is None or isinstance(value, Number):
        return value
    return _FORMULA_STARTS.sub(r"'\g<0>", str(value))
