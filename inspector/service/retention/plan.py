"""Chooses which results of ended runs must be removed."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Final

from loguru import logger

from inspector.service.retention.options import (
    LOGS,
    ORIGINALS,
    PICTURES,
    VIDEO,
    RetentionOptions,
)
from inspector.service.retention.run_archive import RunFile, RunFolder, list_files

KINDS: Final = (VIDEO, PICTURES, ORIGINALS)

LEAST_USEFUL_FIRST: Final = (
    *((ORIGINALS, False), (VIDEO, False), (PICTURES, False)),
    *((PICTURES, True), (ORIGINALS, True)),
)
"""Kind, and whether of failures: the order in which space is made on a full disk."""


@dataclass(slots=True)
class Removal:
    """Files of one run that are due. kind: LOGS for the whole folder; files is empty then."""

    run: RunFolder
    kind: str
    reason: str
    files: list[RunFile] = field(default_factory=list)
    bytes: int = 0

    def __str__(self) -> str:
        what = "whole folder" if self.kind == LOGS else f"{len(self.files)} files"
        return f"{self.run.path}, {self.kind}: {what}, {self.bytes / 1e6:.1f} MB ({self.reason})"


@dataclass(frozen=True, slots=True)
class EndedRun:
    """age_days: since its end. sizes: kind -> bytes; LOGS for the files of no other kind. answered:
    numbers of the frames to which people gave an answer."""

    folder: RunFolder
    age_days: float
    sizes: Mapping[str, int]
    answered: Set[int] = frozenset()


def make_plan(
    options: RetentionOptions, runs: Sequence[EndedRun], running_bytes: Mapping[str, int], free: int
) -> list[Removal]:
    """runs: the oldest first. running_bytes: kind -> bytes of the runs that are being written.
    free: bytes. A run that cannot be read is left out, with a warning."""
    plan = _Plan(options, runs, running_bytes, free)
    for kind in KINDS:
        plan.limit_age(kind)
        plan.limit_size(kind)
    plan.limit_runs()
    plan.free_disk()
    return plan.removals()


class _Plan:
    def __init__(
        self,
        options: RetentionOptions,
        runs: Sequence[EndedRun],
        running_bytes: Mapping[str, int],
        free: int,
    ) -> None:
        self._options = options
        self._runs = runs
        self._free = free
        self._left = {
            kind: running_bytes.get(kind, 0) + sum(run.sizes[kind] for run in runs)
            for kind in (*KINDS, LOGS)
        }
        self._files: dict[tuple[int, str], dict[str, RunFile]] = {}
        """Number of the run and kind -> files that are not chosen, by name."""
        self._chosen: dict[tuple[int, str, str], Removal] = {}
        self._whole: dict[int, Removal] = {}

    def limit_age(self, kind: str) -> None:
        days = self._options.of(kind).days
        if days is None:
            return
        longer = max(days, self._options.failures_days or 0)
        for number, run in enumerate(self._runs):
            if run.age_days <= days:
                continue
            for file in self._list(number, kind):
                if run.age_days > (longer if file.failure else days):
                    limit = longer if file.failure else days
                    self._choose(number, kind, file, f"older than {limit:g} days")

    def limit_size(self, kind: str) -> None:
        most_gb = self._options.of(kind).max_gb
        if most_gb is None:
            return
        for number, file in self._oldest(kind, failure=False, then_failures=True):
            if self._left[kind] <= most_gb * 1e9:
                return
            self._choose(number, kind, file, f"{kind} of all runs above {most_gb:g} GB")

    def limit_runs(self) -> None:
        limits = self._options.logs
        for number, run in enumerate(self._runs):
            if limits.days is None or run.age_days <= limits.days:
                continue
            longer = max(limits.days, self._options.failures_days or 0)
            if run.age_days > longer:
                self._choose_run(number, f"older than {longer:g} days")
            elif not self._has_failures(number):
                self._choose_run(number, f"older than {limits.days:g} days")
        for number in range(len(self._runs)):
            if limits.max_gb is None or self._left[LOGS] <= limits.max_gb * 1e9:
                return
            self._choose_run(number, f"logs of all runs above {limits.max_gb:g} GB")

    def free_disk(self) -> None:
        least_gb = self._options.min_free_gb
        if least_gb is None:
            return
        reason = f"less than {least_gb:g} GB are free"
        for kind, failure in LEAST_USEFUL_FIRST:
            for number, file in self._oldest(kind, failure=failure):
                if self._free >= least_gb * 1e9:
                    return
                self._choose(number, kind, file, reason)
        for number in range(len(self._runs)) if self._options.min_free_removes_logs else ():
            if self._free >= least_gb * 1e9:
                return
            self._choose_run(number, reason)

    def removals(self) -> list[Removal]:
        return [r for (number, *_), r in self._chosen.items() if number not in self._whole] + [
            *self._whole.values()
        ]

    def _list(self, number: int, kind: str) -> list[RunFile]:
        if number in self._whole or not self._runs[number].sizes[kind]:
            return []
        if (number, kind) not in self._files:
            run, files = self._runs[number], []
            path = run.folder.path
            try:
                files = list_files(path, kind, run.answered)
            except OSError as exc:
                logger.warning("retention: {} is left out: {}", path, exc)
            self._files[number, kind] = {file.name: file for file in files}
        return list(self._files[number, kind].values())

    def _oldest(
        self, kind: str, *, failure: bool, then_failures: bool = False
    ) -> Iterator[tuple[int, RunFile]]:
        for wanted_failure in (failure, True) if then_failures else (failure,):
            for number in range(len(self._runs)):
                for file in self._list(number, kind):
                    if file.failure is wanted_failure:
                        yield number, file

    def _has_failures(self, number: int) -> bool:
        """Whether pictures of failures are left."""
        return any(f.failure for kind in KINDS for f in self._list(number, kind))

    def _choose(self, number: int, kind: str, file: RunFile, reason: str) -> None:
        key = number, kind, reason
        if key not in self._chosen:
            self._chosen[key] = Removal(self._runs[number].folder, kind, reason)
        removal = self._chosen[key]
        removal.files.append(file)
        removal.bytes += file.bytes
        del self._files[number, kind][file.name]
        self._left[kind] -= file.bytes
        self._free += file.bytes

    def _choose_run(self, number: int, reason: str) -> None:
        if number in self._whole:
            return
        run = self._runs[number]
        sizes = dict(run.sizes)
        for (other, kind, _), removal in self._chosen.items():
            sizes[kind] -= removal.bytes if other == number else 0
        for kind, size in sizes.items():
            self._left[kind] -= size
        self._free += sum(sizes.values())
        self._whole[number] = Removal(run.folder, LOGS, reason, bytes=sum(run.sizes.values()))
