"""Finds the folders of runs and lists their files, for the retention."""

import json
import os
import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inspector.core.types import SINGLE
from inspector.evidence.log_check import UNREADABLE, read_lines
from inspector.evidence.removals import RunName
from inspector.outputs import folder
from inspector.outputs.folder import LOG, find_segments, is_picture_name
from inspector.service.retention.options import ORIGINALS, PICTURES, VIDEO

_ALWAYS_FAILURES: Final = (folder.SNAPSHOTS, folder.DEFECT_PICTURES)
"""Folders of which every picture counts as one of a failure."""
_FRAME: Final = re.compile(r"frame_(\d+)")
_FRAME_ID: Final = re.compile(rb'"frame_id":(\d+)')
_VERDICT: Final = b'{"type":"verdict",'
_PASS: Final = b'"verdict":"PASS"'


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of the run of one source. whole: the folder that contains the folders of all
    sources; the same as `path` with one source. first_chain: chain value of the first line of the
    log."""

    path: Path
    whole: Path
    name: RunName
    first_chain: str


@dataclass(frozen=True, slots=True)
class RunFile:
    """A file of a run. name: relative to its folder. failure: of a FAIL or ERROR frame, or of a
    frame to which a person gave an answer."""

    name: str
    bytes: int
    failure: bool


def find_logs(base: Path) -> Iterator[Path]:
    """The folders with a log below `base`, which is not one of them. Never follows a link."""
    for place, folders, files in os.walk(base):
        path = Path(place)
        folders[:] = sorted(name for name in folders if not (path / name).is_symlink())
        if LOG in files and not (path / LOG).is_symlink() and path != base:
            folders[:] = []
            yield path


def read_run_folder(path: Path) -> RunFolder | None:
    """None if its log has no header of this program. Raises OSError."""
    line = next(read_lines(path / LOG), None)
    if line is None or line.value is None:
        return None
    try:
        record = json.loads(line.content + b"}")
        name = RunName(str(record["run_id"]), str(record["source"]))
        is_header = record["type"] == "header"
    except UNREADABLE:
        return None
    whole = path if name.source == SINGLE else path.parent
    return RunFolder(path, whole, name, line.value) if is_header else None


def last_chain(path: Path) -> str | None:
    """The chain value of summary.json; without one, that of the last line of the log."""
    try:
        value = json.loads((path / folder.SUMMARY).read_bytes()).get("chain")
    except (OSError, ValueError, AttributeError):
        value = None
    if value is not None:
        return str(value)
    last = None
    for line in read_lines(path / LOG):
        last = line.value
    return last


def list_files(path: Path, kind: str, answered: Set[int] = frozenset()) -> list[RunFile]:
    """The files of a kind, the oldest first. answered: numbers of the frames to which people gave
    an answer. Raises OSError."""
    if kind == VIDEO:
        files = [path / folder.VIDEO, *find_segments(path)]
        return [RunFile(file.name, size, False) for file in files if (size := _size(file))]
    names = (folder.ORIGINALS,) if kind == ORIGINALS else (*_ALWAYS_FAILURES, folder.EXPLAINED)
    pictures = [(name, file, size) for name in names for file, size in _list_pictures(path / name)]
    if not pictures:
        return []
    uncertain = any(name not in _ALWAYS_FAILURES for name, _, _ in pictures)
    failures = answered | find_failures(path / LOG) if uncertain else answered
    return [
        RunFile(f"{name}/{file}", size, name in _ALWAYS_FAILURES or _frame_of(file) in failures)
        for name, file, size in sorted(pictures, key=lambda item: (_frame_of(item[1]), item[1]))
    ]


def measure_files(path: Path) -> dict[str, int]:
    """Kind -> bytes of its files. Raises OSError."""
    names = (*_ALWAYS_FAILURES, folder.EXPLAINED)
    return {
        VIDEO: sum(file.bytes for file in list_files(path, VIDEO)),
        PICTURES: sum(size for name in names for _, size in _list_pictures(path / name)),
        ORIGINALS: sum(size for _, size in _list_pictures(path / folder.ORIGINALS)),
    }


def measure_rest(path: Path) -> int:
    """Bytes of the files directly in a folder that are no video. Raises OSError."""
    video = {folder.VIDEO, *(file.name for file in find_segments(path))}
    return sum(_size(file) for file in path.iterdir() if file.name not in video)


def find_failures(log: Path) -> frozenset[int]:
    """Numbers of the frames that are FAIL or ERROR. Raises OSError."""
    frames = set()
    with log.open("rb", buffering=1 << 20) as file:
        for line in file:
            if line.startswith(_VERDICT) and _PASS not in line and (m := _FRAME_ID.search(line)):
                frames.add(int(m[1]))
    return frozenset(frames)


def _list_pictures(path: Path) -> Iterator[tuple[str, int]]:
    if path.is_symlink() or not path.is_dir():
        return
    with os.scandir(path) as entries:
        for entry in entries:
            if is_picture_name(entry.name) and entry.is_file(follow_symlinks=False):
                yield entry.name, entry.stat(follow_symlinks=False).st_size


def _size(path: Path) -> int:
    """0 for a link, a folder, or a file that is not there."""
    try:
        return 0 if path.is_symlink() or not path.is_file() else path.stat().st_size
    except FileNotFoundError:
        return 0


def _frame_of(name: str) -> int:
    """-1 for a picture that has no number of a frame in its name."""
    match = _FRAME.match(name)
    return -1 if match is None else int(match[1])
