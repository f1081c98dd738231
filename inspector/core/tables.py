"""CSV text that a spreadsheet shows and never runs."""

import csv
import io
from collections.abc import Iterable
from typing import Any, Final

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes text that begins with one of these for a formula."""


def csv_row(values: Iterable[Any]) -> str:
    """One row of RFC 4180 with its line end. None becomes an empty cell.

    Names come from files, so text that begins like a formula gets an apostrophe in front.
    """
    text = io.StringIO()
    csv.writer(text).writerow([_inert(value) for value in values])
    return text.getvalue()


def _inert(value: Any) -> Any:
    """Numbers stay as they are, negative ones too."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
