"""Reads the measurements of a gauge study from a CSV file."""

import csv
import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from evaluation.gauge.design import Measurement
from inspector.core.errors import DataError
from inspector.core.tables import find_separator, read_text

PART, APPRAISER, TRIAL, VALUE, REFERENCE = COLUMNS = (
    "part",
    "appraiser",
    "trial",
    "value",
    "reference",
)

SINGLE_APPRAISER: Final = "1"
"""Name of the appraiser of a study that names none."""

_OTHER_NAMES: Final = {
    "operator": APPRAISER,
    "replicate": TRIAL,
    **dict.fromkeys(("measurement", "verdict"), VALUE),
    **dict.fromkeys(("standard", "master"), REFERENCE),
}
"""Names that other programs use."""

_LARGEST: Final = 1e100
"""The squares of larger numbers would not be finite."""

VERDICTS: Final = {
    **dict.fromkeys(("pass", "ok", "good", "accept", "1"), 1.0),
    **dict.fromkeys(("fail", "nok", "bad", "reject", "0"), 0.0),
}
"""Words for verdicts, in any case -> 1 for PASS and 0 for FAIL."""


def read_measurements(path: Path, *, verdicts: bool = False) -> tuple[list[Measurement], bool]:
    """Reads a table with the columns part, appraiser, trial, value and reference; appraiser, trial
    and reference may be missing. Without trials, the rows of a part and appraiser are its trials.
    The columns are separated by commas, semicolons or tabs. With semicolons or tabs, numbers may
    have decimal commas.

    verdicts: the values are verdicts. Without it they are if the first is a word. Returns the
    measurements, and whether they are verdicts. Raises DataError with the line.
    """
    lines, separator = _read_lines(path)
    first = lines[0][1][VALUE].lower()
    verdicts = verdicts or (first in VERDICTS and first not in "01")
    comma = separator != "," and _has_decimal_commas(path, lines, verdicts)
    rows = []
    counts: Counter[tuple[str, str]] = Counter()
    for line, row in lines:
        where = f"{path}, line {line}"
        part, appraiser = row[PART], row.get(APPRAISER) or SINGLE_APPRAISER
        if not part:
            raise DataError(f"{where}: the part is missing")
        counts[part, appraiser] += 1
        trial = row.get(TRIAL) or str(counts[part, appraiser])
        value, reference = (
            _number(row.get(name, ""), name, where, verdicts=verdicts, comma=comma)
            for name in (VALUE, REFERENCE)
        )
        if value is None:
            raise DataError(f"{where}: the value is missing; remove the row or measure again")
        rows.append(Measurement(part, appraiser, trial, value, reference))
    return rows, verdicts


def read_references(path: Path, *, verdicts: bool) -> dict[str, float]:
    """Reads a table with the columns part and reference. Raises DataError with the line."""
    lines, separator = _read_lines(path, (PART, REFERENCE))
    comma = separator != "," and _has_decimal_commas(path, lines, verdicts)
    references: dict[str, float] = {}
    for line, row in lines:
        where = f"{path}, line {line}"
        value = _number(row[REFERENCE], REFERENCE, where, verdicts=verdicts, comma=comma)
        if value is None or references.setdefault(row[PART], value) != value:
            what = "no reference" if value is None else "two references"
            raise DataError(f"{where}: part {row[PART]} has {what}")
    return references


def with_references(
    rows: Sequence[Measurement], references: Mapping[str, float]
) -> list[Measurement]:
    """The rows with these references. Raises DataError for a part that is not in the study."""
    parts = {row.part for row in rows}
    unknown = [part for part in references if part not in parts]
    if unknown:
        known = ", ".join(sorted(parts)[:3])
        raise DataError(
            f"the references name part {unknown[0]}, but the study has no such part; it has parts "
            f"such as {known}"
        )
    return [
        dataclasses.replace(row, reference=references.get(row.part, row.reference)) for row in rows
    ]


Lines = Sequence[tuple[int, Mapping[str, str]]]


def _read_lines(path: Path, needed: Sequence[str] = (PART, VALUE)) -> tuple[Lines, str]:
    """The rows that are not empty, with the numbers of their lines, and the separator."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as exc:
        raise DataError(f"{path} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise DataError(f"{path} is not UTF-8 text; save it as CSV (UTF-8)") from exc
    separator = find_separator(text.split("\n", 1)[0])
    reader = csv.reader(text.splitlines(), delimiter=separator)
    try:
        rows = [(reader.line_num, [read_text(cell).strip() for cell in row]) for row in reader]
    except csv.Error as exc:
        raise DataError(f"{path}, line {reader.line_num} is not CSV: {exc}") from exc
    rows = [(line, row) for line, row in rows if any(row)]
    names = [_OTHER_NAMES.get(n.lower(), n.lower()) for n in (rows[0][1] if rows else [])]
    missing = [name for name in needed if name not in names]
    if missing:
        raise DataError(
            f"{path} has no column {' and no column '.join(missing)}; its first line must name the "
            f"columns {', '.join(COLUMNS)} (appraiser, trial and reference may be missing)"
        )
    if len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{path} has two columns {double!r}; remove or rename one of them")
    if len(rows) < 2:
        raise DataError(f"{path} has no rows below the names of its columns")
    for line, row in rows:
        if len(row) != len(names):
            hint = (
                " (decimal commas need semicolons between the columns)" if separator == "," else ""
            )
            raise DataError(
                f"{path}, line {line} has {len(row)} cells for {len(names)} columns{hint}"
            )
    return [(line, dict(zip(names, row, strict=True))) for line, row in rows[1:]], separator


def _has_decimal_commas(path: Path, lines: Lines, verdicts: bool) -> bool:
    """Raises DataError if the table has decimal commas and decimal points."""
    if verdicts:
        return False
    cells = [row.get(name, "") for _, row in lines for name in (VALUE, REFERENCE)]
    comma, point = (next((cell for cell in cells if mark in cell), None) for mark in ",.")
    if comma is not None and point is not None:
        raise DataError(
            f"{path} has decimal commas ({comma}) and decimal points ({point}); use one of them"
        )
    return comma is not None


def _number(text: str, name: str, where: str, *, verdicts: bool, comma: bool) -> float | None:
    """None for an empty cell."""
    if not text:
        return None
    if verdicts:
        if text.lower() not in VERDICTS:
            raise DataError(f"{where}: the {name} {text!r} is not PASS or FAIL")
        return VERDICTS[text.lower()]
    try:
        value = float(text.replace(",", ".") if comma else text)
    except ValueError as exc:
        hint = ""
        if "," in text:
            hint = "; write a decimal point, or put semicolons between the columns"
        raise DataError(f"{where}: the {name} {text!r} is not a number{hint}") from exc
    if not abs(value) < _LARGEST:
        raise DataError(f"{where}: the {name} {text!r} is not a finite number")
    return value
