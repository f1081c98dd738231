"""Judges the pictures of a routine check in a process; folder_check.py starts it.

A process, because a check must not take time from the line: it has a low priority, and if it fails,
the line inspects on.
"""

import glob
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from inspector.config import make_config
from inspector.console import write_screen_line
from inspector.core.errors import DataError, InspectorError
from inspector.core.file_hash import hash_file
from inspector.core.picture_files import pictures_in, pictures_of
from inspector.core.secrets import mask_secrets
from inspector.logs import log_to_screen
from inspector.outputs.folder import LOG
from inspector.outputs.json_log import read_log
from inspector.run_link import RunLink
from inspector.session import Session

NICENESS: Final = 10
"""Lowers the priority of the process and of all its threads."""

GOOD: Final = "good"
"""Folder of the pictures that must be PASS."""

_MOST_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class CheckOrder:
    """What the process does. config: of its run, with the key source.uri free. name: of the check.
    recipe: of the line. folder: with the pictures. content: hash of the pictures of the last check;
    None before the first one."""

    config: dict[str, Any]
    name: str
    recipe: str | None
    folder: str
    content: str | None


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """text: sentences about what was seen. content: hash of the pictures; None if they could not be
    read. run_id: of the run; None without one."""

    passed: bool
    text: str
    content: str | None = None
    run_id: str | None = None


def judge_pictures(order: CheckOrder) -> CheckOutcome:
    """Runs a session over the pictures, and compares the verdicts with what the pictures show."""
    folder = Path(order.folder)
    content: str | None = None
    try:
        uri = _find_uri(folder)
        pictures = pictures_of(uri)
        content = hash_pictures(folder, pictures)
        run_id, verdicts = _run(order, uri, pictures)
    except InspectorError as exc:
        text = f"the check could not be done: {mask_secrets(str(exc))}"
        return CheckOutcome(passed=False, text=text, content=content)
    problems = []
    if order.content not in (None, content):
        problems.append("the pictures are not those of the last check")
    counts = {True: [0, 0], False: [0, 0]}
    for path, verdict in zip(pictures, verdicts, strict=True):
        is_good = path.parent != folder
        is_right = verdict == ("PASS" if is_good else "FAIL")
        counts[is_good][0] += is_right
        counts[is_good][1] += 1
        if not is_right:
            problems.append(f"{path.relative_to(folder)} is {verdict}")
    text = "{} of {} pictures with defects are FAIL".format(*counts[False])
    if counts[True][1]:
        text += ", {} of {} good ones are PASS".format(*counts[True])
    if problems:
        more = f", and {len(problems) - _MOST_NAMED} more" if len(problems) > _MOST_NAMED else ""
        text += f": {'; '.join(problems[:_MOST_NAMED])}{more}"
    return CheckOutcome(not problems, text, content, run_id)


def hash_pictures(folder: Path, pictures: Sequence[Path]) -> str:
    """SHA-256 over the names and the contents of the pictures. Raises DataError."""
    digest = hashlib.sha256()
    for path in pictures:
        try:
            content = hash_file(path).sha256
        except OSError as exc:
            raise DataError(f"{path} cannot be read: {exc.strerror}") from exc
        digest.update(f"{path.relative_to(folder)}\0{content}\0".encode())
    return digest.hexdigest()


def _find_uri(folder: Path) -> str:
    """The source with all pictures of the folder. Raises DataError."""
    if not pictures_in(folder):
        raise DataError(f"the folder {folder} has no picture with a defect")
    if not pictures_in(folder / GOOD):
        return str(folder)
    return os.path.join(glob.escape(str(folder)), "**")


def _run(order: CheckOrder, uri: str, pictures: Sequence[Path]) -> tuple[str, list[str]]:
    """The id of the run, and the verdict on each picture. Raises InspectorError."""
    for path in pictures:
        if path.parent not in (Path(order.folder), Path(order.folder, GOOD)):
            raise DataError(f"{path} is neither in the folder itself nor in {GOOD}")
    config = make_config(order.config, {"source.uri": uri})
    Session(config, link=RunLink(order.recipe, check=order.name)).run()
    log = Path(config.output.dir, LOG)
    try:
        header, records = read_log(log)
    except (OSError, ValueError) as exc:
        raise DataError(f"{log} cannot be read: {exc}") from exc
    if [record["name"] for record in records] != [path.name for path in pictures]:
        raise DataError("the pictures changed during the check")
    return header["run_id"], [record["verdict"] for record in records]


def main() -> int:
    """Reads a CheckOrder from stdin and writes a CheckOutcome to stdout, both as JSON."""
    log_to_screen(write_screen_line)
    os.nice(NICENESS)
    outcome = judge_pictures(CheckOrder(**json.load(sys.stdin)))
    json.dump(asdict(outcome), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
