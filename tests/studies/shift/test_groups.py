"""Tests of the comparison of groups of pictures, of calibration and of variants of a method."""

import dataclasses

import numpy as np
import pytest
from study_cells import VALIDATION, make_cell, study_cells

from learning.metrics.image import auroc
from studies.shift.ablations import ablation_methods, varied
from studies.shift.analysis import DEGRADATION, METHODS, OPTIONS, Analysis
from studies.shift.calibration import PROMISES, calibration_points, pool
from studies.shift.groups import changes_by_group, misses_by_group, verdicts_by_kind
from studies.shift.method_names import make_configured

NOISE = {"transform": "noise", "severity": "mild"}


def analyse(cells) -> Analysis:
    return Analysis(cells, seed=1, resamples=100)


def test_a_group_is_compared_with_all_good_pictures() -> None:
    cells = study_cells()
    (small,) = [
        g
        for g in changes_by_group(analyse(cells))
        if (g.name, g.change.comparison) == ("small", DEGRADATION)
    ]
    values = []
    for cell in cells[:2]:
        pictures = [p for p in cell.pictures if p.size in (None, "small")]
        truth = np.array([p.defective for p in pictures])
        values.append(auroc(np.array([p.score for p in pictures]), truth).value)
    assert small.pictures == 5
    assert small.change.values == pytest.approx(values)
    assert small.change.value == pytest.approx(values[1] - values[0])
    assert small.change.interval[0] <= small.change.value <= small.change.interval[1]


def test_a_defect_keeps_its_group_when_a_shift_moves_it() -> None:
    cells = study_cells()
    moved = tuple(dataclasses.replace(p, place=p.place and "border") for p in cells[1].pictures)
    cells[1] = dataclasses.replace(cells[1], pictures=moved)
    groups = {g.name for g in changes_by_group(analyse(cells)) if g.grouping == "place"}
    assert groups == {"border", "centre"}
    misses = {
        g.name: g.misses.of
        for g in misses_by_group(analyse(cells), "place")
        if g.cell.key.phase == "shifted"
    }
    assert misses == {"border": 5, "centre": 5}


def test_verdicts_of_each_kind_put_good_pictures_first() -> None:
    shifted = [v for v in verdicts_by_kind(analyse(study_cells())) if v.cell.key.phase == "shifted"]
    assert [(v.kind, v.defective, v.failed.count, v.failed.of) for v in shifted] == [
        ("good", False, 5, 10),
        ("crack", True, 7, 10),
    ]


def test_a_promise_fails_pictures_whose_p_value_it_covers() -> None:
    # The validation scores are 0, 0.2 ... 1.2.
    cell = make_cell("clean", [1.3, 1.1, 0.5, -1.0], [5.0])
    p = [1 / 8, 2 / 8, 5 / 8, 8 / 8]
    points = list(calibration_points(cell))
    assert [point.promised for point in points] == list(PROMISES)
    for point in points:
        expected = sum(value <= point.promised for value in p)
        assert (point.false_alarms.count, point.false_alarms.of) == (expected, 4)
    assert points[0].promised < 1 / (VALIDATION + 1)
    assert points[0].false_alarms.count == 0


def test_exchangeable_scores_keep_their_promise() -> None:
    random = np.random.default_rng(0)
    points = []
    for _ in range(200):
        cell = make_cell("clean", random.normal(size=20).tolist(), [5.0])
        normals = tuple(
            dataclasses.replace(picture, score=float(random.normal()))
            for picture in cell.validation
        )
        points += calibration_points(dataclasses.replace(cell, validation=normals))
    for promised, measured in pool(points):
        reachable = np.floor(promised * (VALIDATION + 1) + 1e-9) / (VALIDATION + 1)
        assert measured == pytest.approx(reachable, abs=0.03)


def test_no_curve_without_good_pictures() -> None:
    cell = make_cell("clean", [1.0], [5.0])
    assert not list(calibration_points(dataclasses.replace(cell, validation=())))


def test_every_variant_is_a_method_that_can_be_made() -> None:
    methods = ablation_methods()
    assert len(set(methods)) == len(methods) == 13
    made = {str(make_configured(method)) for method in methods}
    assert len(made) == len(methods)
    assert [varied(method) for method in methods[:2]] == [None, "coreset"]


def test_a_variant_is_compared_with_the_defaults_of_its_method() -> None:
    names = ("padim", "patchcore", "patchcore:coreset=0.01", "rad:coreset=4")
    cells = [cell for name in names for cell in study_cells(name)]
    pairs = {
        (c.comparison, c.method, c.first.split("/")[2])
        for c in analyse(cells).changes
        if c.comparison in (METHODS, OPTIONS)
    }
    assert pairs == {
        (METHODS, "patchcore", "padim"),
        (OPTIONS, "patchcore:coreset=0.01", "patchcore"),
        (METHODS, "rad:coreset=4", "padim"),
    }
