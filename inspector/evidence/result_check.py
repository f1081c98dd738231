"""Compares all files in the folder of a run with the evidence."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice, takewhile
from pathlib import Path
from typing import Final

from inspector.core.file_hash import FileState
from inspector.evidence.file_check import Stage, check_file
from inspector.evidence.log_changes import Damage
from inspector.evidence.log_check import LogFacts
from inspector.evidence.removals import Removals
from inspector.evidence.report import Change, RunReport
from inspector.evidence.summary_check import Summary
from inspector.outputs.folder import (
    DERIVED,
    ORIGINALS,
    RESULTS,
    find_segments,
    is_report_page,
    is_segment,
)

PICTURE_FOLDERS: Final = ("snapshots", "defects", "explained", ORIGINALS)


def check_files(
    report: RunReport,
    facts: LogFacts,
    damage: Damage,
    summary: Summary | None,
    removals: Removals,
) -> None:
    """Compares all files that have a hash, and looks for pictures and videos that have none.
    Removed files may be missing."""
    stages = _collect_stages(facts, damage.wrong, summary)
    for name in {name for line in removals.lines for name in line.files}:
        if not (report.folder / name).exists():
            stages.pop(name, None)
    new = [name for name in _list_present(report.folder) if name not in stages]
    missing = [name for name in filter(_is_picture, stages) if not (report.folder / name).exists()]
    if damage.changes:
        # Lines that are gone may have recorded more pictures, and that the run removed pictures.
        uncertain = {*new, *missing}
    elif summary is None:
        uncertain = {*new, *_find_replaced(stages, missing, new)}
    else:
        uncertain = set()
        report.changes += [Change(name, "added") for name in new]
    if uncertain:
        report.notes.append(
            f"{len(uncertain)} pictures or videos were not compared, because no intact "
            "checkpoint says which of them the run wrote or removed last"
        )
    for name, states in stages.items():
        if name in uncertain:
            continue
        growing = summary is None and not _is_picture(name)
        change = check_file(report.folder, name, states, growing=growing)
        report.files += 1
        report.changes += [] if change is None else [change]
    _note_others(report)


def _collect_stages(
    facts: LogFacts, wrong: set[int], summary: Summary | None
) -> dict[str, list[Stage]]:
    """All states of the tables and of the video, and the last state of each picture."""
    groups: list[tuple[dict[str, FileState | None], int | None]] = [
        (c.files, c.frame_id) for c in facts.checkpoints if c.number not in wrong
    ]
    if summary is not None:
        groups.append((summary.files, None))
    stages: dict[str, list[Stage]] = {}
    for files, frame_id in groups:
        for name, state in files.items():
            if state is None or _is_picture(name):
                stages.pop(name, None)
            if state is not None:
                stages.setdefault(name, []).append(Stage(state, frame_id))
    return stages


def _is_picture(name: str) -> bool:
    return "/" in name


def _find_replaced(
    stages: Iterable[str], missing: Collection[str], new: Sequence[str]
) -> Iterator[str]:
    """The pictures that a run has removed after its last checkpoint: of each folder the oldest, at
    most one more than it has written into the folder since. Of the originals the oldest PASS frame
    goes first, which may be any of them."""
    for folder in PICTURE_FOLDERS:
        oldest_first = (name for name in stages if name.startswith(f"{folder}/"))
        choose = filter if folder == ORIGINALS else takewhile
        most = 1 + sum(name.startswith(f"{folder}/") for name in new)
        yield from islice(choose(lambda name: name in missing, oldest_first), most)


def _list_present(folder: Path) -> list[str]:
    """The pictures, and the parts of the video."""
    pictures = sorted(
        path.relative_to(folder).as_posix()
        for name in PICTURE_FOLDERS
        for path in (folder / name).rglob("*")
        if not path.is_dir()
    )
    return [*pictures, *(path.name for path in find_segments(folder))]


def _note_others(report: RunReport) -> None:
    known = {*RESULTS, *DERIVED, *PICTURE_FOLDERS}
    names = {path.name for path in report.folder.iterdir()} - known
    others = sorted(n for n in names if not is_report_page(n) and not is_segment(n))
    if others:
        report.notes.append(f"not written by the run, not compared: {', '.join(others[:10])}")
