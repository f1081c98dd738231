"""Tests of the comparison of cells."""

import dataclasses

import numpy as np
import pytest
from study_cells import make_cell, study_cells

from learning.metrics.image import auroc
from studies.shift.analysis import (
    ADAPTATION,
    DEGRADATION,
    METHODS,
    ONE_MODEL,
    OTHER_SHIFT,
    Analysis,
)
from studies.shift.groups import misses_by_group


def analyse(cells) -> Analysis:
    return Analysis(cells, seed=1, resamples=200)


def change(analysis: Analysis, comparison: str, metric: str = "image_auroc"):
    (row,) = [c for c in analysis.changes if c.comparison == comparison and c.metric == metric]
    return row


def test_degradation_and_adaptation_are_differences_of_the_cells() -> None:
    cells = study_cells()
    analysis = analyse(cells)
    loss, gain = change(analysis, DEGRADATION), change(analysis, ADAPTATION)
    plain, shifted, _, adapted = (c.figures.image_auroc.value for c in cells)
    assert loss.value == pytest.approx(shifted - plain)
    assert loss.value < -0.2
    assert gain.value == pytest.approx(adapted - shifted)
    assert gain.value > 0.2
    assert loss.values == (plain, shifted)
    assert (loss.first, loss.second) == (cells[0].key.file, cells[1].key.file)
    assert loss.interval[0] <= loss.value <= loss.interval[1] < 0
    assert loss.is_certain
    assert loss.p < 0.05


def test_pixel_metrics_are_paired_by_resample() -> None:
    loss = change(analyse(study_cells()), DEGRADATION, "aupro")
    assert loss.value == pytest.approx(-0.35)
    gaps = np.array([0.5 - 0.9, 0.4 - 0.8, 0.6 - 0.85])
    assert loss.interval == pytest.approx(tuple(np.quantile(gaps, [0.025, 0.975])))


def test_the_recovered_share_compares_the_gain_with_the_loss() -> None:
    analysis = analyse(study_cells())
    shares = {r.metric: r.share for r in analysis.recoveries}
    cells = study_cells()
    plain, shifted, _, adapted = (c.figures.image_auroc.value for c in cells)
    assert shares["image_auroc"] == pytest.approx((adapted - shifted) / (plain - shifted))
    assert shares["aupro"] == pytest.approx(0.3 / 0.35)


def test_nothing_is_recovered_if_nothing_was_lost() -> None:
    good, bad = [0.1, 0.2, 0.3, 0.4], [2.0, 3.0, 4.0, 5.0]
    noise = {"transform": "noise", "severity": "mild"}
    cells = [make_cell("clean", good, bad), make_cell("shifted", good, bad, **noise)]
    analysis = analyse([*cells, make_cell("adapted", good, bad, **noise)])
    assert {r.share for r in analysis.recoveries} == {None}
    assert not change(analysis, DEGRADATION).is_certain


def test_an_undefined_metric_has_a_reason() -> None:
    loss = change(analyse(study_cells()), DEGRADATION, "pixel_auroc")
    assert (loss.value, loss.interval, loss.reason) == (None, None, "there are no masks")


def test_pictures_without_a_score_are_not_compared_silently() -> None:
    first, second, *_ = study_cells()
    second = dataclasses.replace(second, pictures=second.pictures[1:])
    assert change(analyse([first, second]), DEGRADATION).reason == (
        "not the same pictures could be scored"
    )


def test_methods_models_and_other_shifts_are_compared() -> None:
    cells = [*study_cells(), *study_cells("rad", gain=2.0)]
    noise = {"transform": "noise", "severity": "mild"}
    scores = [0.1 * i for i in range(10)], [0.3 + 0.1 * i for i in range(10)]
    cells.append(make_cell("cross", *scores, **noise, fitted_on="blur"))
    cells.append(make_cell("global", *scores))
    analysis = analyse(cells)
    by_method = [c for c in analysis.changes if c.comparison == METHODS]
    assert {c.method for c in by_method} == {"rad"}
    shifted = next(c for c in by_method if "shifted" in c.second and c.metric == "image_auroc")
    exact = []
    for cell in (cells[1], cells[5]):
        values = np.array([p.score for p in cell.pictures])
        exact.append(auroc(values, np.array([p.defective for p in cell.pictures])).value)
    assert shifted.value == pytest.approx(exact[1] - exact[0])
    assert change(analysis, OTHER_SHIFT).first == cells[3].key.file
    assert change(analysis, ONE_MODEL).first == cells[0].key.file


@pytest.mark.parametrize(("alarms", "broken"), [(0, False), (4, False), (9, True)])
def test_a_promise_is_broken_if_the_whole_interval_lies_above_it(alarms: int, broken: bool) -> None:
    good = [2.0] * alarms + [0.5] * (10 - alarms)
    (check,) = analyse([make_cell("shifted", good, [3.0] * 4, promised=0.25)]).promises
    assert check.false_alarms.count == alarms
    assert check.broken is broken


def test_pictures_that_all_methods_miss_are_named() -> None:
    cells = [*study_cells(), *study_cells("rad", gain=2.0)]
    missed = {(m.phase, m.picture) for m in analyse(cells).common_misses}
    # padim misses 0.5, 0.7, 0.9; rad misses 0.5 and 0.9; the threshold is 1.
    assert {p for phase, p in missed if phase == "shifted"} == {"crack/0", "crack/1"}
    assert {p for phase, p in missed if phase == "adapted"} == {"crack/0"}
    assert not [p for phase, p in missed if phase == "clean"]
    assert analyse(study_cells()).common_misses == ()


def test_misses_are_counted_for_each_kind_and_size() -> None:
    analysis = analyse(study_cells())
    kinds = {g.cell.key.phase: g for g in misses_by_group(analysis, "kind")}
    assert kinds["shifted"].name == "crack"
    assert (kinds["shifted"].misses.count, kinds["shifted"].misses.of) == (3, 10)
    assert kinds["clean"].misses.count == 0
    sizes = {(g.cell.key.phase, g.name): g.misses for g in misses_by_group(analysis, "size")}
    assert sizes["shifted", "large"].count == 2
    assert sizes["shifted", "small"].count == 1
