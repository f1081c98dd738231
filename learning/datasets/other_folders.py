"""Recognises folders that are no data sets, such as results of a run, and says what they are."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from inspector.core.picture_files import entries, folders_in, pictures_in

VIDEO_SUFFIXES: Final = (".mp4", ".mkv", ".avi", ".mov", ".ts", ".webm")
ARCHIVE_SUFFIXES: Final = (".zip", ".tar", ".gz", ".tgz", ".xz", ".7z", ".rar")

SORT: Final = (
    "sort pictures with known truth into the folders good and <kind of defect>, and give the "
    "folder that holds these"
)

_SNAPSHOT: Final = re.compile(r"(?:.*_)?frame_\d+_(?P<verdict>PASS|FAIL|ERROR)\.\w+")
_SEEN: Final = ("inspections.jsonl", "sightings.csv", "annotated.mp4")
_PICTURES: Final = ("snapshots", "defects")
"""Folders with pictures beside the results of a run."""
_MEASURED: Final = ("metrics.json", "compare.json")


def describe_other(folder: Path) -> str | None:
    """A sentence that says what a folder without a known layout is and what to do; None if it is
    not known."""
    return next((text for recognises, text in (*_RESULTS, *_OTHERS) if recognises(folder)), None)


def describe_results(folder: Path) -> str | None:
    """As describe_other, but only for results of a run or of an evaluation: their pictures have no
    known truth."""
    return next((text for recognises, text in _RESULTS if recognises(folder)), None)


def is_failed_snapshot(path: Path) -> bool:
    """Whether a picture has the name of a snapshot with the verdict FAIL or ERROR."""
    match = _SNAPSHOT.fullmatch(path.name)
    return match is not None and match["verdict"] != "PASS"


def _is_run(folder: Path) -> bool:
    return any((folder / name).is_file() for name in _SEEN)


def _has_runs(folder: Path) -> bool:
    return _is_run(folder) or any(_is_run(below) for below in folders_in(folder))


def _is_snapshots(folder: Path) -> bool:
    # The folder itself may be named by a link or as ".".
    here = folder.resolve()
    if any(place.name in _PICTURES and _is_run(place.parent) for place in (here, here.parent)):
        return True
    names = [path.name for path in pictures_in(folder)]
    return bool(names) and all(map(_SNAPSHOT.fullmatch, names))


def _is_evaluation(folder: Path) -> bool:
    below = [folder, *folders_in(folder)]
    return any((place / name).is_file() for place in below for name in _MEASURED)


def _holds(suffixes: tuple[str, ...]) -> Callable[[Path], bool]:
    return lambda folder: any(
        path.name.lower().endswith(suffixes) and not path.name.startswith(".")
        for path in entries(folder)
    )


def _is_empty(folder: Path) -> bool:
    return not any(not path.name.startswith(".") for path in entries(folder))


_Table = tuple[tuple[Callable[[Path], bool], str], ...]

_RESULTS: Final[_Table] = (
    (
        _is_snapshots,
        f"it holds pictures that a run made, and a verdict of an engine is no truth: {SORT}",
    ),
    (_has_runs, f"it holds the results of a run, and a verdict of an engine is no truth: {SORT}"),
    (_is_evaluation, "it holds the results of an evaluation: give the data set that was evaluated"),
)

_OTHERS: Final[_Table] = (
    (_is_empty, "it is empty"),
    (
        _holds((".onnx",)),
        "it holds engine files: give it with --engine, and the folder of test pictures with --data",
    ),
    (
        _holds(VIDEO_SUFFIXES),
        f"it holds videos: save frames as pictures, and {SORT}",
    ),
    (_holds(ARCHIVE_SUFFIXES), "it holds archives: unpack them, and give the folder inside"),
)
