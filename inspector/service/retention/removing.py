"""Removes the oldest results of ended runs, by age, by size and by the free space of the disk."""

import contextlib
import errno
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loguru import logger

from inspector.core.chain import START
from inspector.core.clock import utc_now
from inspector.core.errors import ConfigError
from inspector.core.files import sole_writer
from inspector.evidence.removals import append_removal
from inspector.evidence.signing import SigningKey
from inspector.outputs.folder import LOG, REMOVED, REMOVED_RUNS, SUMMARY, remove_results
from inspector.outputs.video_list import write_list
from inspector.service.disk_guard import free_bytes, is_full
from inspector.service.retention.age_clock import AgeClock, Moment
from inspector.service.retention.options import LOGS, VIDEO, RetentionOptions
from inspector.service.retention.plan import KINDS, EndedRun, Removal, make_plan
from inspector.service.retention.run_archive import (
    RunFolder,
    find_logs,
    last_chain,
    measure_files,
    measure_rest,
    read_run_folder,
)

STATE: Final = "retention.json"
"""The ages of the runs, in the base folder."""
DAY_S: Final = 86_400.0
Answered = Mapping[tuple[str, str], Set[int]]
"""(run_id, source) -> numbers of the frames to which people gave an answer."""
MOST_IN_LINE: Final = 1000
"""Files in one line of the record."""


@dataclass(slots=True)
class _Known:
    """What does not change after the end of a run: its header and the sizes of its files, until
    some are removed."""

    run: RunFolder
    sizes: dict[str, int] | None = None


class Retention:
    """Removes results below the base folder of all runs.

    A folder that is locked, because a run writes into it, is never touched, and neither are links
    and files that no run writes. Every removal is recorded before it happens: in removed.jsonl of
    the run, and for a whole run in removed_runs.jsonl of the base folder. key: signs the records.
    most_gap_s: see AgeClock. free: folder -> free bytes. find_answered: gives the numbers of the
    frames to which people gave an answer, of each run. They stay as long as failures.
    """

    def __init__(
        self,
        base: Path,
        options: RetentionOptions,
        key: SigningKey | None = None,
        *,
        most_gap_s: float | None = DAY_S,
        free: Callable[[Path], int] = free_bytes,
        find_answered: Callable[[], Answered] = dict,
    ) -> None:
        self._base = base.resolve()
        self.options = options
        self.key = key
        self._free = free
        self._find_answered = find_answered
        self._ages = AgeClock(self._base / STATE, most_gap_s)
        self._known: dict[str, _Known] = {}

    def plan(self, now: Moment) -> list[Removal]:
        """What apply() would remove now. Changes nothing on the disk. Raises OSError if the base
        folder cannot be read, and what find_answered raises."""
        self._ages.advance(now)
        paths = {path.relative_to(self._base).as_posix(): path for path in find_logs(self._base)}
        self._known = {name: known for name, known in self._known.items() if name in paths}
        ended = {name: run for name, path in paths.items() if (run := self._read(name, path))}
        changed_s = {name: (paths[name] / LOG).stat().st_mtime for name in ended}
        self._ages.see(changed_s, set(paths))
        answered = self._find_answered()
        runs = [
            EndedRun(
                known.run,
                self._ages.age_days(name),
                self._measure(known),
                answered.get((known.run.name.run_id, known.run.name.source), frozenset()),
            )
            for name, known in sorted(ended.items(), key=lambda item: self._ages.order(item[0]))
        ]
        running = Counter(dict.fromkeys((*KINDS, LOGS), 0))
        for name in paths.keys() - ended.keys():
            running.update(_measure(paths[name]))
        return make_plan(self.options, runs, running, self._free(self._base))

    def apply(self, now: Moment) -> list[Removal]:
        """Removes what is due, and returns it. A file that cannot be removed is a warning. Raises
        OSError if the base folder cannot be read."""
        done = []
        for removal in self.plan(now):
            try:
                with _locked(removal.run):
                    self._check_place(removal)
                    (self._remove_run if removal.kind == LOGS else self._remove_files)(removal)
                    done.append(removal)
            except (OSError, ConfigError) as exc:
                logger.warning("retention: {} is not removed: {}", removal.run.path, exc)
            self._known.pop(removal.run.path.relative_to(self._base).as_posix(), None)
        self._ages.save()
        return done

    def _read(self, name: str, path: Path) -> _Known | None:
        """None for a run that is being written, and for a folder that is not one of a run."""
        try:
            if name not in self._known:
                run = read_run_folder(path)
                if run is None:
                    return None
                self._known[name] = _Known(run)
            known = self._known[name]
            if (path / SUMMARY).exists():
                return known
            with _locked(known.run):  # it was killed, unless a run has the lock
                return known
        except (OSError, ConfigError):
            return None

    def _measure(self, known: _Known) -> dict[str, int]:
        if known.sizes is None:
            known.sizes = _measure(known.run.path)
        return known.sizes

    def _check_place(self, removal: Removal) -> None:
        """Raises OSError if the path of a file has become a link that leads elsewhere."""
        for path in {
            removal.run.path,
            *((removal.run.path / f.name).parent for f in removal.files),
        }:
            if path.resolve() != path or not path.is_relative_to(self._base):
                raise OSError(errno.ELOOP, "its path leads through a link", str(path))

    def _remove_files(self, removal: Removal) -> None:
        run = removal.run
        for start in range(0, len(removal.files), MOST_IN_LINE):
            batch = removal.files[start : start + MOST_IN_LINE]
            self._record(
                run.path / REMOVED,
                run,
                {f.name: f.bytes for f in batch},
                removal.reason,
                run.first_chain,
                [run.path / f.name for f in batch],
            )
            for file in batch:
                (run.path / file.name).unlink(missing_ok=True)
        if removal.kind == VIDEO:
            write_list(run.path)
        logger.info("retention: {}", removal)

    def _remove_run(self, removal: Removal) -> None:
        run = removal.run
        name = run.path.relative_to(self._base).as_posix()
        files = [path for path in run.path.iterdir() if path.is_file() and not path.is_symlink()]
        self._record(
            self._base / REMOVED_RUNS,
            run,
            {name: removal.bytes},
            removal.reason,
            START,
            [path for path in files if path.name != LOG],
            last_chain(run.path),
        )
        remove_results(run.path)
        logger.info("retention: {}", removal)
        with contextlib.suppress(OSError):  # rmdir refuses a folder with content
            run.path.rmdir()
            if run.whole != run.path and not any(run.whole.glob(f"*/{LOG}")):
                remove_results(run.whole)
            for path in run.path.parents:
                if path == self._base:
                    break
                path.rmdir()

    def _record(
        self,
        record: Path,
        run: RunFolder,
        files: Mapping[str, int],
        reason: str,
        start: str,
        paths: Collection[Path],
        run_chain: str | None = None,
    ) -> None:
        """Adds a line to the record. On a full disk, first removes the largest of the files."""

        def append() -> None:
            append_removal(
                record,
                run.name,
                files,
                reason=reason,
                start=start,
                key=self.key,
                wall_time_utc=utc_now(),
                run_chain=run_chain,
            )

        try:
            append()
        except OSError as exc:
            if not is_full(exc) or not paths:
                raise
            max(paths, key=lambda path: path.stat().st_size).unlink()
            append()


@contextlib.contextmanager
def _locked(run: RunFolder) -> Iterator[None]:
    """Locks the folder of a run against writers. Raises ConfigError if it is being written."""
    if not run.path.is_dir():
        raise FileNotFoundError(errno.ENOENT, "it is gone", str(run.path))
    with contextlib.ExitStack() as stack:
        for path in dict.fromkeys((run.whole, run.path)):
            stack.enter_context(sole_writer(path))
        yield


def _measure(path: Path) -> dict[str, int]:
    """Kind -> bytes. 0 for a folder that cannot be read, so that the others are cleaned."""
    try:
        return {**measure_files(path), LOGS: measure_rest(path)}
    except OSError as exc:
        logger.warning("retention: {} is left out: {}", path, exc)
        return dict.fromkeys((*KINDS, LOGS), 0)
