"""Writes CSV rows that a spreadsheet cannot take for formulas, and reads them back."""

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral, Number
from pathlib import Path
from typing import Annotated, Any, Final

from inspector.core.errors import ConfigError
from inspector.core.schema import OneOf

TAB: Final = "tab"

_SIGNS: Final = "=@\uff1d\uff20\ufe66\ufe6b\u207c\u208c"
_MATH_SIGNS: Final = "+\\-\uff0b\uff0d\ufe62\ufe63\u207a\u208a\u207b\u208b\ufb29"
"""Characters with which a formula begins, and those that a program may turn into them (NFKC)."""

_HIDDEN: Final = (
    '"\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\xa0\xad\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180e'
    "\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0"
)
"""Quotes, and spaces and other characters that cannot be seen: a spreadsheet may remove them. The
usual space, tabs and line ends are not among them."""

_BEGINNING: Final = re.compile(
    f"[ \t\r\n{_HIDDEN}]*[{_SIGNS}{_MATH_SIGNS}]|'*[ {_HIDDEN}]*[{_SIGNS}{_MATH_SIGNS}]|'*[\t\r\n]"
)
"""A text that a spreadsheet may read as a formula, also one that already has an apostrophe."""

_INSIDE: Final = re.compile(
    # There a plus or minus after a space is usual text.
    f"(?<=[,;\t\r\n|])'*(?:[{_HIDDEN}]*[{_SIGNS}{_MATH_SIGNS}]|[ {_HIDDEN}]*[{_SIGNS}])"
)
"""A formula after a character at which a spreadsheet of another country begins a new cell."""


@dataclass(frozen=True, slots=True)
class CsvOptions:
    """How tables are written. separator: between two cells. decimal: mark in numbers. bom: begin
    with a byte order mark, by which Excel recognises UTF-8. Raises ConfigError if separator and
    decimal are the same."""

    separator: Annotated[str, OneOf(",", ";", TAB)] = ","
    decimal: Annotated[str, OneOf(".", ",")] = "."
    bom: bool = False

    def __post_init__(self) -> None:
        if self.separator == self.decimal:
            raise ConfigError(
                "output.csv: separator and decimal are both a comma, so cells and decimals would "
                "look the same; set output.csv.separator to ';' or to tab"
            )


DEFAULT: Final = CsvOptions()


def csv_row(values: Iterable[Any], options: CsvOptions = DEFAULT) -> str:
    """One row of RFC 4180 with its line end. None becomes an empty cell.

    Text that begins like a formula gets an apostrophe in front, because file names, kinds of
    defects and messages are not safe. Numbers stay numbers. Every CSV file of the project is
    written by this function.
    """
    text = io.StringIO()
    separator = "\t" if options.separator == TAB else options.separator
    writer = csv.writer(text, delimiter=separator)
    writer.writerow([_cell(value, options.decimal) for value in values])
    return text.getvalue()


def csv_head(columns: Iterable[str], options: CsvOptions = DEFAULT) -> str:
    """The first row of a file, after the byte order mark if it is configured."""
    return ("\ufeff" if options.bom else "") + csv_row(columns, options)


def find_separator(head: str) -> str:
    """The separator of a table: the comma, semicolon or tab that its first line has most often."""
    return max(",;\t", key=head.count)


def read_table(path: Path) -> tuple[list[dict[str, str]], str]:
    """Reads the rows of a CSV file with one line of names above them, and its separator.

    The cells are separated by commas, semicolons or tabs. Raises OSError, or ValueError for text
    that is not UTF-8. A row that is too short has None in the last columns.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        separator = find_separator(file.readline())
        file.seek(0)
        return list(csv.DictReader(file, delimiter=separator)), separator


def read_number(text: str, separator: str) -> float:
    """Reads a number of a table. It may have a decimal comma if commas do not separate the cells.
    Raises ValueError."""
    return float(text if separator == "," else text.replace(",", "."))


def read_text(cell: str) -> str:
    """The text that csv_row wrote, without the apostrophes that it added."""
    beginning = _BEGINNING.match(cell[1:]) if cell.startswith("'") else None
    text, end = (cell, 0) if beginning is None else (cell[1:], beginning.end())
    return _INSIDE.sub(lambda m: m[0] if m.start() < end else m[0].removeprefix("'"), text)


def _cell(value: Any, decimal: str) -> Any:
    """Changes text, and the decimal mark of numbers: a negative number is not a formula."""
    if value is None or isinstance(value, Integral):
        return value
    if isinstance(value, Number):
        return value if decimal == "." else str(value).replace(".", decimal)
    text = str(value)
    beginning = _BEGINNING.match(text)
    end = 0 if beginning is None else beginning.end()
    text = _INSIDE.sub(lambda m: m[0] if m.start() < end else f"'{m[0]}", text)
    return text if beginning is None else f"'{text}"
