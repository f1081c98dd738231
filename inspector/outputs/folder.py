"""Finds, checks, locks, clears and watches output folders, and writes the summary."""

import contextlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from inspector.core.chain import START, Sign, close_summary
from inspector.core.errors import ConfigError, SinkError
from inspector.core.files import sole_writer, write_whole
from inspector.core.protocols import Picture
from inspector.core.types import Inspection, RunInfo
from inspector.outputs.folder_watch import FolderWatch

VIDEO: Final = "annotated.mp4"
VIDEO_LIST: Final = "annotated.m3u8"
SIGHTINGS: Final = "sightings.csv"
DEFECTS: Final = "defects.csv"
PARTS: Final = "parts.csv"
LOG: Final = "inspections.jsonl"
SUMMARY: Final = "summary.json"
SNAPSHOTS: Final = "snapshots"
ROLL_MAP_SVG: Final = "roll_map.svg"
ROLL_MAP_PNG: Final = "roll_map.png"
REPORT: Final = "report.html"
REPORT_PDF: Final = "report.pdf"
DEFECT_PICTURES: Final = "defects"
ORIGINALS: Final = "originals"
EXPLAINED: Final = "explained"
ENCODER: Final = "encoder.csv"
GENERATED: Final = "generated.jsonl"
REMOVED: Final = "removed.jsonl"
"""Record of files that retention removed from the folder of a run."""
REMOVED_RUNS: Final = "removed_runs.jsonl"
"""Record of runs that retention removed, beside their folders."""
DERIVED: Final = (ROLL_MAP_SVG, ROLL_MAP_PNG, REPORT, REPORT_PDF, VIDEO_LIST)
"""Results that can be made again from the others."""

RESULTS: Final = (
    *(VIDEO, SIGHTINGS, DEFECTS, LOG, SUMMARY, SNAPSHOTS, DEFECT_PICTURES, ORIGINALS, EXPLAINED),
    *(PARTS, ENCODER, GENERATED, REMOVED, *DERIVED),
)

_REPORT_PAGE: Final = re.compile(r"_(r\d+_)?(defects|frames)_\d+\.html")
_SEGMENT: Final = re.compile(r"annotated_(\d{4,9})\.mp4")

_PICTURE: Final = re.compile(
    r"(frame_\d{8,}(_([A-Z]+|defect_\d+)\.jpg|\.png|\.bmp|_(heatmap|boxes)\.png|_report\.txt)"
    r"|([\w-]+_)?d\d+\.jpg)(\.part)?"
)
"""Name of a file that inspector.outputs.snapshots, originals, defect_pictures or
explained_pictures writes, and of a
file that was not completed."""


def original_name(frame_id: int, suffix: str) -> str:
    """Name of the original picture of a frame, such as frame_00001234.png. suffix: png or bmp."""
    return f"frame_{frame_id:08d}.{suffix}"


def snapshot_name(frame_id: int, verdict: str) -> str:
    """Name of the snapshot of a frame, such as frame_00001234_FAIL.jpg."""
    return f"frame_{frame_id:08d}_{verdict}.jpg"


def find_runs(folder: Path, levels: int = 1) -> list[Path]:
    """The folders with a log: the folder itself, or its subfolders. levels: of subfolders. Raises
    ConfigError if there is none."""
    if not folder.is_dir():
        raise ConfigError(f"{folder} is not a folder: name the output folder of a run")
    if (folder / LOG).is_file():
        return [folder]
    patterns = ("/".join(["*"] * depth + [LOG]) for depth in range(1, levels + 1))
    logs = sorted(path for pattern in patterns for path in folder.glob(pattern))
    if not logs:
        raise ConfigError(f"{folder} has no {LOG}: name the output folder of a run")
    return [path.parent for path in logs]


def check_folder(folder: Path, *, overwrite: bool, inputs: Sequence[Path] = ()) -> None:
    """Checks whether a run may write into the folder. Changes nothing.

    Raises ConfigError if it may not, or if the run would remove one of the files that it reads
    (`inputs`).
    """
    for path in inputs:
        for name in (*RESULTS, *_segment_names(folder)):
            if path.resolve().is_relative_to((folder / name).resolve()):
                raise ConfigError(
                    f"{path} is in {folder / name}, which this run would replace: "
                    "name another --output"
                )
    try:
        results = _list_results(folder)
    except OSError as exc:  # such as a name that is too long
        raise ConfigError(f"cannot use the output folder {folder}: {exc.strerror}") from exc
    if results and not overwrite:
        raise ConfigError(
            f"{folder} already holds results ({', '.join(results)}): "
            "name another --output, or replace them with --overwrite"
        )
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"cannot use the output folder {folder}: it is a file")


def segment_name(number: int) -> str:
    """Name of a part of the video, such as annotated_0001.mp4. number: from 1."""
    return f"annotated_{number:04d}.mp4"


def is_segment(name: str) -> bool:
    return bool(_SEGMENT.fullmatch(name))


def find_segments(folder: Path) -> list[Path]:
    """The parts of the video in order; empty if it is one file. Raises OSError."""
    paths = [path for path in folder.iterdir() if is_segment(path.name)]
    return sorted(paths, key=lambda path: (len(path.name), path.name))


class ResultFolder:
    """The first sink. It creates and locks the folder and removes the results of an earlier run.

    Other files in the folder stay. Two runs cannot use the same folder at the same time. From the
    first inspection on it watches the results.
    """

    name = "output folder"

    def __init__(self, folder: Path, *, overwrite: bool) -> None:
        self._folder = folder
        self._overwrite = overwrite
        self._lock = contextlib.ExitStack()
        self._status: os.stat_result | None = None
        self._watch: FolderWatch | None = None
        self._reported = False
        self._late_failure: SinkError | None = None
        self._failed = False

    def open(self, run: RunInfo) -> None:
        """Raises ConfigError instead of SinkError, because the run has not started yet."""
        self.lock()
        self.clear()

    def lock(self) -> None:
        """Creates and locks the folder. Raises ConfigError if another run has the lock."""
        self._lock.enter_context(sole_writer(self._folder))
        self._status = os.stat(self._folder)

    def clear(self) -> None:
        """Removes the results of an earlier run. Raises ConfigError if that is not allowed."""
        try:
            check_folder(self._folder, overwrite=self._overwrite)
            remove_results(self._folder)
        except OSError as exc:
            reason = exc.strerror or exc
            raise ConfigError(f"cannot use the output folder {self._folder}: {reason}") from exc

    def check_place(self) -> None:
        """Raises SinkError if the path does not lead to the locked folder any more."""
        try:
            status = os.stat(self._folder)
        except FileNotFoundError:
            raise SinkError(f"{self._folder} was removed or moved during the run") from None
        except OSError as exc:
            raise SinkError(f"{self._folder} cannot be used any more: {exc.strerror}") from exc
        if self._status is not None and not os.path.samestat(self._status, status):
            raise SinkError(f"{self._folder} was replaced during the run")

    def write(self, inspection: Inspection, picture: Picture) -> None:
        """Checks the place before the other sinks write. Raises SinkError."""
        self._failed = True
        self.check_place()
        if self._watch is None:
            logs = (LOG, SIGHTINGS, DEFECTS)
            expected = (VIDEO, ENCODER, PARTS)
            self._watch = FolderWatch(self._folder, logs, expected, find_segments)
        self._failed = False

    def failure(self) -> SinkError | None:
        """Why the results cannot be used any more; None if they can."""
        failure = None if self._watch is None else self._watch.failure()
        self._reported = self._reported or failure is not None
        return failure

    def begin_close(self) -> None:
        """Ends the watch before the other sinks complete their files."""
        if self._watch is not None:
            self._watch.stop()
            # Nobody has asked for a failure that came after the last inspection.
            known = self._failed or self._reported
            self._late_failure = None if known else self._watch.failure()

    def close(self) -> None:
        """Unlocks the folder for other runs. Raises SinkError for a failure that came last."""
        self._lock.close()
        failure, self._late_failure = self._late_failure, None
        if failure is not None:
            raise failure


def remove_results(folder: Path) -> None:
    """Removes the results of a run and no other files; the log last, so that a removal that is cut
    can go on. Raises OSError."""
    for name in sorted(_list_results(folder), key=LOG.__eq__):
        path = folder / name
        if path.is_symlink() or not path.is_dir():
            path.unlink()
        else:
            _clear_pictures(path)
    remove_report_pages(folder / REPORT)


def remove_report_pages(report: Path) -> None:
    """Removes the further pages of an earlier report. Raises OSError."""
    for path in report.parent.iterdir() if report.parent.is_dir() else ():
        if is_report_page(path.name, report.stem):
            path.unlink()


def is_report_page(name: str, report: str = Path(REPORT).stem) -> bool:
    """Whether it is the name of a further page of a report. report: its name without .html."""
    return name.startswith(report) and bool(_REPORT_PAGE.fullmatch(name.removeprefix(report)))


def _list_results(folder: Path) -> list[str]:
    names = [n for n in RESULTS if (folder / n).exists() or (folder / n).is_symlink()]
    return [*names, *_segment_names(folder)]


def _segment_names(folder: Path) -> list[str]:
    return [path.name for path in find_segments(folder)] if folder.is_dir() else []


def is_picture_name(name: str) -> bool:
    """Whether a run writes pictures, or texts beside them, with such a name."""
    return bool(_PICTURE.fullmatch(name))


def _clear_pictures(folder: Path) -> None:
    """Removes the pictures of a run, and the folder if it has no other files."""
    for path in folder.iterdir():
        if is_picture_name(path.name):
            path.unlink()
    with contextlib.suppress(OSError):  # not empty
        folder.rmdir()


def write_summary(
    folder: Path, summary: dict[str, Any], previous: str = START, sign: Sign | None = None
) -> str:
    """Writes summary.json completely or not at all, and returns its chain value.

    previous: chain value of the last line of the log. sign: adds a signature. Raises SinkError.
    """
    path = folder / SUMMARY
    try:
        text = json.dumps(summary, indent=2, allow_nan=False, ensure_ascii=False)
    except ValueError as exc:
        raise SinkError(f"{path} cannot be written: {exc}") from exc
    content, value = close_summary(text, previous, sign)
    write_whole(path, content)
    return value
