"""Writes CSV rows that a spreadsheet cannot take for formulas."""

import csv
import io
from collections.abc import Iterable
from typing import Any, Final

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet reads text that begins with one of these as a formula."""


def csv_row(values: Iterable[Any]) -> str:
    """One row of RFC 4180 with its line end. None becomes an empty cell.

    Text that begins like a formula gets an apostrophe in front, because file names are not safe.
    """
    text = io.StringIO()
    csv.writer(text).writerow([_escape(value) for value in values])
    return text.getvalue()


def _escape(value: Any) -> Any:
    """Changes text only: a negative number is not a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
