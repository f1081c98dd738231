"""Runs a study: a job computes the cells of a class, or of the models of all classes."""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from loguru import logger

from evaluation.dataset import OF_ONE_CLASS
from evaluation.result_files import write_json
from inspector.core.memory import peak_memory_mb
from inspector.fleet.jobs import Hooks, Job, Outcome, Task
from inspector.fleet.options import LOOP, FleetOptions
from inspector.fleet.running import run_jobs
from studies.shift.cells import GLOBAL, Cell, CellKey
from studies.shift.quiet import quiet
from studies.shift.running import ALL, RUN, CellTask, Study

CountCell = Callable[[CellKey, int], None]
"""Called after each cell with its key and the number of all cells."""


def count_nothing(key: CellKey, total: int) -> None:
    """A CountCell that does nothing."""


@dataclass(frozen=True, slots=True)
class StudyWork:
    """What all jobs have in common. total: number of all cells."""

    study: Study
    total: int
    on_cell: CountCell


@dataclass(frozen=True, slots=True)
class JobCells:
    """What a job computed. peak_memory_mb: of its process."""

    cells: tuple[Cell, ...]
    peak_memory_mb: float


@dataclass(frozen=True, slots=True)
class StudyResult:
    """cells: in the order of the tasks. failures: outcomes of the classes without cells."""

    cells: tuple[Cell, ...]
    failures: tuple[Outcome, ...]


def run_study(
    study: Study, on_cell: CountCell = count_nothing, fleet: FleetOptions = LOOP
) -> StudyResult:
    """Computes the missing cells, and records time and memory in run.json.

    fleet: where the classes are studied. The cells are the same everywhere. With workers, on_cell
    is called for all cells of a job when it ends. If a class fails, the others are studied, but
    there are no models of all classes. Raises SinkError.
    """
    started = time.monotonic()
    tasks = list(study.tasks())
    work = StudyWork(study, len(tasks), on_cell if fleet.is_loop else count_nothing)
    outcomes: list[Outcome] = []

    def finish(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if outcome.error is not None:
            if not isinstance(outcome.error, OF_ONE_CLASS):
                raise outcome.error
            logger.error("{}: {}", outcome.key, outcome.error)
        elif not fleet.is_loop:
            for cell in outcome.value.cells:
                on_cell(cell.key, len(tasks))

    # Each class writes its pictures before the models of all classes read them.
    for are_global in (False, True):
        if all(outcome.error is None for outcome in outcomes):
            task = Task(f"{__name__}:compute_cells", work)
            run_jobs(task, _make_jobs(tasks, are_global), fleet, Hooks(on_outcome=finish))
    results: list[JobCells] = [each.value for each in outcomes if each.error is None]
    by_key = {cell.key: cell for result in results for cell in result.cells}
    cells = tuple(by_key[task.key] for task in tasks if task.key in by_key)
    peaks = [peak_memory_mb() or 0.0, *(result.peak_memory_mb for result in results)]
    _record(study.out / RUN, len(cells), time.monotonic() - started, max(peaks))
    return StudyResult(cells, tuple(each for each in outcomes if each.error is not None))


def compute_cells(work: StudyWork, tasks: Sequence[CellTask]) -> JobCells:
    """Does a job. Raises DataError and SinkError."""
    cells = []
    with quiet():
        for task in tasks:
            cells.append(work.study.compute(task))
            work.on_cell(task.key, work.total)
    return JobCells(tuple(cells), peak_memory_mb() or 0.0)


def _make_jobs(tasks: Sequence[CellTask], are_global: bool) -> list[Job]:
    """A job for each class; or, for the models of all classes, a job for each method."""
    parts: dict[str, list[CellTask]] = {}
    for task in tasks:
        if (task.key.phase == GLOBAL) == are_global:
            name = f"{ALL} {task.key.method}" if are_global else task.key.class_name
            parts.setdefault(name, []).append(task)
    return [Job(name, tuple(part)) for name, part in parts.items()]


def _record(path: Path, cells: int, seconds: float, peak_memory_mb: float) -> None:
    earlier = _read_run(path)
    run = {
        "cells": cells,
        "runs": 1 + earlier.get("runs", 0),
        "seconds": round(earlier.get("seconds", 0.0) + seconds, 1),
        "peak_memory_mb": max(earlier.get("peak_memory_mb", 0.0), peak_memory_mb),
        "processors": os.cpu_count() or 1,
    }
    write_json(path, run)


def _read_run(path: Path) -> dict[str, float]:
    """The record of the earlier runs; empty if there is none."""
    try:
        content: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content
