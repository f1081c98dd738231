"""Tests of a whole study on a small data set: cells, resuming and determinism."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from plate_dataset import write_class_folder

from inspector.core.errors import ConfigError, DataError
from inspector.fleet.options import FleetOptions
from learning.datasets.layouts import load
from learning.metrics.image import auroc
from studies.shift.cells import (
    ADAPTED,
    CONFORMAL,
    F1_MAX,
    PLAIN,
    RECALIBRATED,
    SHIFTED,
    Cell,
    CellKey,
    read_cell,
)
from studies.shift.models import StudyOptions
from studies.shift.running import Study
from studies.shift.study_run import run_study
from tools.study import main

OPTIONS = StudyOptions(methods=("padim",), transforms=("noise",), resamples=10, threads=1)


def run(data: Path, out: Path, options: StudyOptions = OPTIONS) -> tuple[tuple[Cell, ...], list]:
    keys: list[CellKey] = []
    study = Study(load(data, None), out, options)
    return run_study(study, lambda key, total: keys.append(key)).cells, keys


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, tuple[Cell, ...]]:
    """The data, the folder of the study and its cells."""
    folder = tmp_path_factory.mktemp("study")
    data = write_class_folder(folder / "plate", good=5, defective=4)
    return data, folder / "out", run(data, folder / "out")[0]


def cells_on_disk(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in (out / "cells").rglob("*.json")}


def test_every_cell_is_a_file(finished) -> None:
    _, out, cells = finished
    assert [cell.key.phase for cell in cells] == [PLAIN, SHIFTED, RECALIBRATED, ADAPTED]
    assert set(cells_on_disk(out)) == {cell.key.file for cell in cells}
    for cell in cells:
        assert read_cell(out / cell.key.file) == cell


def test_phases_differ_in_what_is_fitted_and_calibrated(finished) -> None:
    plain, shifted, recalibrated, adapted = finished[2]
    assert recalibrated.pictures == shifted.pictures
    assert recalibrated.figures == shifted.figures
    thresholds = [cell.strategy(CONFORMAL).threshold for cell in finished[2]]
    assert thresholds[1] == thresholds[0]
    assert len(set(thresholds)) == 3
    assert {p.name for p in plain.pictures} == {p.name for p in adapted.pictures}
    assert adapted.pictures != shifted.pictures != plain.pictures


def test_figures_and_verdicts_follow_from_the_scores(finished) -> None:
    for cell in finished[2]:
        scores = np.array([p.score for p in cell.pictures])
        defective = np.array([p.defective for p in cell.pictures])
        assert cell.figures.image_auroc.value == pytest.approx(auroc(scores, defective).value)
        for strategy in cell.strategies:
            fails = scores > strategy.threshold
            assert strategy.false_alarms.count == np.count_nonzero(fails & ~defective)
            assert strategy.misses.count == np.count_nonzero(~fails & defective)
        assert cell.strategy(CONFORMAL).promised == pytest.approx(1 / 2)
        assert cell.strategy(F1_MAX).promised is None


def test_a_second_run_computes_nothing(finished) -> None:
    data, out, cells = finished
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*.*") if p.name != "run.json"}
    again, keys = run(data, out)
    assert again == cells
    assert len(keys) == 4
    record = json.loads((out / "run.json").read_text())
    assert record["cells"] == 4
    assert record["runs"] >= 2
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*.*") if p.name != "run.json"} == before


@pytest.mark.parametrize("lost", ["cells", "evaluations", "engines", "pictures"])
def test_a_study_that_lost_files_gives_the_same_cells(finished, tmp_path: Path, lost: str) -> None:
    data, out, cells = finished
    copy = tmp_path / "out"
    shutil.copytree(out, copy)
    shutil.rmtree(copy / lost)
    for path in (copy / "cells").rglob("adapted*.json"):
        path.write_text("{")
    assert run(data, copy)[0] == cells
    assert cells_on_disk(copy) == cells_on_disk(out)


def test_another_request_is_computed_again(finished, tmp_path: Path) -> None:
    data, out, cells = finished
    copy = tmp_path / "out"
    shutil.copytree(out, copy)
    options = StudyOptions(methods=("padim",), transforms=("noise",), resamples=0, threads=1)
    again, _ = run(data, copy, options)
    assert all(cell.figures.image_auroc.interval is None for cell in again)
    assert [c.pictures for c in again] == [c.pictures for c in cells]
    content = json.loads((copy / cells[0].key.file).read_text())
    assert content["request_sha256"] == again[0].request_sha256 != cells[0].request_sha256


def test_a_study_of_two_classes_has_global_and_cross_cells(tmp_path: Path) -> None:
    for name in ("plate", "tile"):
        write_class_folder(tmp_path / "data" / name, good=3, defective=3)
    options = StudyOptions(
        methods=("padim",), transforms=("geometric", "photometric"), resamples=0, threads=1
    )
    study = Study(load(tmp_path / "data", None), tmp_path / "out", options)
    phases = [(t.key.class_name, t.key.phase, t.key.transform) for t in study.tasks()]
    assert len(phases) == len({t.key.file for t in study.tasks()}) == 24
    assert phases.count(("tile", "cross", "geometric")) == 1
    assert [p for p in phases if p[1] == "global" and p[0] == "tile"] == [
        ("tile", "global", "clean"),
        ("tile", "global", "geometric"),
        ("tile", "global", "photometric"),
    ]
    task = next(t for t in study.tasks() if t.key.phase == "global")
    cell = study.compute(task)
    assert cell.strategy(CONFORMAL).normals == 2
    assert cell.good == 3


def test_cells_of_workers_are_those_of_a_loop(finished, tmp_path: Path) -> None:
    data, out, cells = finished
    keys: list[CellKey] = []
    study = Study(load(data, None), tmp_path, OPTIONS)
    result = run_study(study, lambda key, total: keys.append(key), FleetOptions(workers=2))
    assert result.cells == cells
    assert keys == [cell.key for cell in cells]
    assert cells_on_disk(tmp_path) == cells_on_disk(out)


def test_a_class_that_fails_is_named_and_the_others_are_studied(finished, tmp_path: Path) -> None:
    data, out, cells = finished
    copy = shutil.copytree(out, tmp_path / "out")
    torn = write_class_folder(tmp_path / "tile", good=3, defective=3)
    next((torn / "test").rglob("*.png")).write_bytes(b"no picture")
    classes = [*load(data, None), *load(torn, None)]
    result = run_study(Study(classes, copy, OPTIONS))
    assert result.cells == cells
    (failure,) = result.failures
    assert failure.key == "tile"
    assert "cannot be decoded" in str(failure.error)
    argv = ["--data", str(torn), "--out", str(tmp_path / "torn"), "--transforms", "noise"]
    assert main(["shift", *argv]) == 2


def test_classes_that_cannot_be_studied_are_refused(tmp_path: Path) -> None:
    write_class_folder(tmp_path / "plate", defective=0)
    with pytest.raises(DataError, match="class plate cannot be studied"):
        run(tmp_path / "plate", tmp_path / "out")
    with pytest.raises(ConfigError, match="at least one method"):
        run(tmp_path / "plate", tmp_path / "out", StudyOptions(methods=()))
