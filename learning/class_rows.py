"""The rows of the classes of a data set: their record, their table, and the error at the end."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from inspector.core.errors import DataError, InspectorError
from inspector.core.files import write_whole
from inspector.core.schema import build


@dataclass(frozen=True, slots=True)
class ClassRow:
    """Result for one class. request: sha256 of options and pictures. engine_sha256: of the engine
    file, empty while it is made. error: why there is no engine; the figures are 0 then. exit_code:
    of the error."""

    name: str
    request: str = ""
    engine_sha256: str = ""
    pictures: int = 0
    suspects: int = 0
    seconds: float = 0.0
    megabytes: float = 0.0
    image_threshold: float = 0.0
    error: str = ""
    exit_code: int = 0


def read_rows(path: Path) -> list[ClassRow]:
    """Rows of an earlier call; none if there was no call."""
    if not path.exists():
        return []
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise DataError(
            f"{path} cannot be read: {exc}; delete it to fit all classes again"
        ) from exc
    if not isinstance(raw, list):
        raise DataError(f"{path} is no list of classes; delete it to fit all classes again")
    return [build(ClassRow, row, DataError, f"{path}[{index}]") for index, row in enumerate(raw)]


def write_rows(path: Path, rows: list[ClassRow]) -> None:
    text = json.dumps([dataclasses.asdict(row) for row in rows], indent=2)
    write_whole(path, text.encode())


def format_table(rows: list[ClassRow]) -> str:
    """A line for each class, with its figures or its error."""
    width = max(len("class"), *(len(row.name) for row in rows))
    head = f"{'class':{width}}{'pictures':>10}{'stand out':>11}{'threshold':>11}{'MB':>8}{'s':>8}"
    lines = [head]
    for row in rows:
        if row.error:
            lines.append(f"{row.name:{width}}  not fitted: {row.error}")
            continue
        lines.append(
            f"{row.name:{width}}{row.pictures:10}{row.suspects:11}{row.image_threshold:11.4f}"
            f"{row.megabytes:8.1f}{row.seconds:8.1f}"
        )
    return "\n".join(lines)


def refuse_failed(rows: list[ClassRow]) -> None:
    """Raises an error with the names if a class could not be fitted: InspectorError (exit code 1)
    if all of them failed with this code, as after a dead worker; otherwise DataError."""
    failed = [row for row in rows if row.error]
    if failed:
        names = ", ".join(row.name for row in failed)
        error = (
            InspectorError
            if {row.exit_code for row in failed} == {InspectorError.exit_code}
            else DataError
        )
        raise error(f"{len(failed)} of {len(rows)} classes could not be fitted: {names}")
