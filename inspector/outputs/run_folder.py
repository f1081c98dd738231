"""Makes a new output folder for each run if `output.dir` is a pattern such as runs/{run_id}."""

import contextlib
import glob
import itertools
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from loguru import logger

from inspector.core.errors import ConfigError

FIELDS: Final = ("date", "time", "run_id", "number")
_FIELD: Final = re.compile(r"\{(\w*)\}")
_NUMBER: Final = "{number}"
_MOST_VANISHED: Final = 10


@dataclass(frozen=True, slots=True)
class FolderPattern:
    """Constraint for Annotated: the path of a folder, with known fields only."""

    def refusal(self, value: Any) -> str | None:
        if not value.strip():
            return "must name a folder"
        unknown = [name for name in _FIELD.findall(value) if name not in FIELDS]
        rest = _FIELD.sub("", value)
        if is_pattern(value) and ".." in Path(value[value.index("{") :]).parts:
            return "must not contain .. behind a field"
        if not unknown and not set("{}") & set(rest):
            return None
        fields = ", ".join(f"{{{name}}}" for name in FIELDS)
        wrong = f"{{{unknown[0]}}}" if unknown else "other braces"
        return f"may contain the fields {fields}, but not {wrong}"


def is_pattern(text: str) -> bool:
    """Whether each run gets a new folder."""
    return _FIELD.search(text) is not None


def base_folder(text: str) -> Path:
    """The folder above all runs: the part of a pattern before its first field; the parent of a
    folder that is no pattern."""
    if not is_pattern(text):
        return Path(text).parent
    return Path(text[: text.index("{")] + "x").parent


def reserve_folder(text: str, run_id: str) -> Path:
    """The output folder of a run. If `text` is a pattern, it creates a new folder.

    {date} and {time} are the start in UTC, such as 2026-01-31 and 12-00-00. {run_id} is the id of
    the run. {number} has four digits and is above all numbers in that place. If the folder exists,
    the name gets the suffix _2, _3 and so on. Raises ConfigError if the folder cannot be created.
    """
    if not is_pattern(text):
        return Path(text)
    folder = _create_new(_fill(text, run_id))
    logger.info("this run writes to the new folder {}", folder)
    return folder


def remove_empty(text: str, folder: Path) -> None:
    """Removes the folder of a run that wrote nothing, and the levels of the pattern above it.

    Does nothing if `text` is not a pattern. Folders with content stay.
    """
    if not is_pattern(text):
        return
    levels = len(Path(text).parts) - len(base_folder(text).parts) - 1
    with contextlib.suppress(OSError):  # rmdir refuses a folder with content
        for path, _, _ in os.walk(folder, topdown=False):
            os.rmdir(path)
        for parent in list(folder.parents)[:levels]:
            parent.rmdir()


def remove_new(folder: Path) -> None:
    """Removes the folder that reserve_folder() created for a run that captured nothing."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as exc:
        logger.warning("the folder of a run without frames stays: {}", exc)


def _fill(text: str, run_id: str) -> Iterator[Path]:
    """Names for the folder, in the order in which they are tried."""
    now = datetime.now(UTC)
    values = {"date": f"{now:%Y-%m-%d}", "time": f"{now:%H-%M-%S}", "run_id": run_id}
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    if _NUMBER in text:
        numbers = itertools.count(_largest_number(text) + 1)
        return (Path(text.replace(_NUMBER, f"{number:04d}")) for number in numbers)
    suffixes = itertools.chain([""], (f"_{number}" for number in itertools.count(2)))
    return (Path(text.rstrip("/") + suffix) for suffix in suffixes)


def _largest_number(text: str) -> int:
    """The largest {number} of the folders that exist; 0 if there is none."""
    parts = Path(text).parts
    level = next(i for i, part in enumerate(parts) if _NUMBER in part)
    name = re.compile(re.escape(parts[level]).replace(re.escape(_NUMBER), r"(\d+)", 1))
    try:
        names = os.listdir(Path(*parts[:level]))
    except FileNotFoundError:
        return 0
    except OSError as exc:
        raise ConfigError(f"output.dir: {Path(*parts[:level])}: {exc.strerror}") from exc
    matches = [match for match in map(name.match, names) if match]
    return max((int(match[1]) for match in matches), default=0)


def _create_new(names: Iterator[Path]) -> Path:
    vanished = 0
    for folder in names:
        try:
            folder.mkdir(parents=True)
        except OSError as exc:
            # Another run may remove an empty level at this moment.
            vanished += isinstance(exc, FileNotFoundError)
            taken = isinstance(exc, FileExistsError) and os.path.lexists(folder)
            if taken or (isinstance(exc, FileNotFoundError) and vanished < _MOST_VANISHED):
                continue
            raise ConfigError(f"output.dir: cannot create {folder}: {exc.strerror}") from exc
        return folder
    raise AssertionError("the names never end")


def find_run_folders(text: str) -> list[Path]:
    """The folders of earlier runs. text: output.dir, a pattern or the folder itself."""
    if not is_pattern(text):
        return [Path(text)]
    pattern = glob.escape(text.rstrip("/"))
    for field in FIELDS:
        pattern = pattern.replace(f"{{{field}}}", "*")
    # If a folder existed, the name of the next one got a suffix.
    return sorted(map(Path, {*glob.glob(pattern), *glob.glob(f"{pattern}_*")}))


def find_last_file(text: str, name: str) -> Path | None:
    """The newest file `name` in the folders of earlier runs; None if there is none.

    text: output.dir, a pattern or the folder itself.
    """
    files = [path for folder in find_run_folders(text) if (path := folder / name).is_file()]
    return max(files, key=lambda path: path.stat().st_mtime_ns, default=None)
