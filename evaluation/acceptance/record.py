"""Writes the results of an acceptance test with their hashes, and verifies them.

The content hash is the SHA-256 of the canonical JSON: keys sorted, one space of indentation, ASCII,
a line end at the end. acceptance.json is written in this form, so `sha256sum` gives the same hash.
"""

import csv
import dataclasses
import hashlib
import io
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from engines.spec_checks import parse_json
from engines.spec_file import file_hash
from evaluation.acceptance.results import FORMAT, Acceptance, analyse_trials
from evaluation.acceptance.trials import DefectTrial
from inspector.core.errors import DataError, SpecError
from inspector.core.files import write_whole
from inspector.core.tables import csv_row, read_text

RESULT: Final = "acceptance.json"
TRIALS: Final = "trials.csv"
PAGE: Final = "acceptance.html"
PDF: Final = "acceptance.pdf"
FILES: Final = (RESULT, TRIALS, PAGE)

HASH_CLASS: Final = "content-hash"
"""Class of the element of the page that holds the content hash."""

COLUMNS: Final = tuple(field.name for field in dataclasses.fields(DefectTrial))

TOLERANCE: Final = 1e-6
"""Relative difference of results that other versions of the libraries may give."""

_ON_PAGE: Final = re.compile(rf'class="{HASH_CLASS}">([0-9a-f]{{64}})<')


def canonical_json(values: Any) -> bytes:
    text = json.dumps(values, sort_keys=True, indent=1, allow_nan=False)
    return (text + "\n").encode("ascii")


def content_hash(result: Acceptance) -> str:
    return hashlib.sha256(canonical_json(dataclasses.asdict(result))).hexdigest()


def trials_csv(trials: Sequence[DefectTrial]) -> bytes:
    """One row for each trial."""
    rows = (COLUMNS, *map(dataclasses.astuple, trials))
    return "".join(map(csv_row, rows)).encode("utf-8", "surrogateescape")


def write_record(folder: Path, result: Acceptance, trials: bytes, page: str) -> None:
    """Writes acceptance.json, trials.csv and the page, each whole or not at all."""
    write_whole(folder / TRIALS, trials)
    write_whole(folder / PAGE, page.encode())
    write_whole(folder / RESULT, canonical_json(dataclasses.asdict(result)))


def verify_record(path: Path, sha256: str | None, engine: Path | None) -> tuple[str, list[str]]:
    """The content hash of a result, and what does not agree with it, one sentence each.

    path: acceptance.json, or its folder. sha256: the hash on a signed paper. engine: the engine
    file that it should be about. Besides the hashes, the figures must follow from the trials.
    Raises DataError if a file cannot be read.
    """
    path = path / RESULT if path.is_dir() else path
    values = _parse(path)
    digest = hashlib.sha256(canonical_json(values)).hexdigest()
    problems = []
    if sha256 is not None and sha256.lower() != digest:
        problems.append(f"the content hash of {path.name} is {digest}, not {sha256.lower()}")
    page = path.with_name(PAGE)
    printed = _ON_PAGE.search(_read(page).decode("utf-8", "replace"))
    if printed is None or printed[1] != digest:
        problems.append(f"{page.name} shows another content hash than {path.name} has")
    content = _read(path.with_name(TRIALS))
    if hashlib.sha256(content).hexdigest() != values["trials_sha256"]:
        problems.append(f"{TRIALS} was changed: its hash is not the one in {path.name}")
    kinds = [dataclasses.asdict(kind) for kind in analyse_trials(_read_trials(content))]
    if not _agree(json.loads(json.dumps(kinds)), values["kinds"]):
        problems.append(f"the figures in {path.name} do not follow from {TRIALS}")
    if engine is not None and _file_hash(engine) != values["engine"]["sha256"]:
        problems.append(f"{engine} is not the engine that was tested")
    return digest, problems


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise DataError(f"{path} cannot be read: {exc.strerror}") from exc


def _file_hash(path: Path) -> str:
    try:
        return file_hash(path)
    except OSError as exc:
        raise DataError(f"{path} cannot be read: {exc.strerror}") from exc


def _parse(path: Path) -> dict[str, Any]:
    """Raises DataError for a file that is no result of an acceptance test."""
    try:
        values = parse_json(_read(path).decode("utf-8"), "the text")
    except (SpecError, UnicodeDecodeError) as exc:
        raise DataError(f"{path} is not a result of the command accept: {exc}") from exc
    needed = {field.name for field in dataclasses.fields(Acceptance)}
    if not isinstance(values, dict) or not needed <= values.keys():
        raise DataError(f"{path} is not a result of the command accept: fields are missing")
    if values["format"] != FORMAT:
        raise DataError(f"{path} has format {values['format']}; this program reads {FORMAT}")
    return values


def _read_trials(content: bytes) -> list[DefectTrial]:
    rows = csv.DictReader(io.StringIO(content.decode("utf-8", "surrogateescape")))
    try:
        return [
            DefectTrial(read_text(row["picture"]), row["kind"], float(row["size"]), row["verdict"])
            for row in rows
        ]
    except (KeyError, TypeError, ValueError) as exc:
        raise DataError(f"{TRIALS} is not a table of trials: {exc}") from exc


def _agree(first: Any, second: Any) -> bool:
    """Whether two JSON values are the same, with numbers within TOLERANCE."""
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(_agree(first[k], second[k]) for k in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(_agree, first, second))
    if isinstance(first, float) and isinstance(second, (int, float)):
        return math.isclose(first, second, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(first == second)
