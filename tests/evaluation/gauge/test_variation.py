"""Repeatability and reproducibility, compared with published studies and with an oracle."""

import numpy as np
import pytest
from gauge_studies import aiag_rows, random_design
from scipy.stats import f_oneway

from evaluation.gauge.anova import INTERACTION, PART, analyze
from evaluation.gauge.design import Measurement, arrange
from evaluation.gauge.variable import VariableStudy, study_variation
from inspector.core.errors import DataError

NAMES = ("EV", "AV", "GRR", "PV", "TV")

MFGQC = {
    (1, 0.0): (True, 0.940377894, 0.377731497, 0.0, 1.907863438, 2),
    (2, 0.0): (True, 0.999223767, 0.422073531, 0.0, 3.403796203, 4),
    (3, 2.0): (False, 1.024901978, 0.628335217, 2.333232725, 5.015901382, 2),
    (4, 1.5): (False, 0.956731977, 0.243525462, 1.708178755, 3.224637700, 2),
}
"""Seed and interaction of a random_design -> interaction pooled, EV, AV, INT, PV, number of
categories, by mfgQC 0.3.0: mfgqc.load(frame, measure="y", roles={"part": "part", "operator":
"operator", "replicate": "trial"}).gage_rr(method="anova")."""


def deviations(study: VariableStudy) -> dict[str, float]:
    return {name: each.deviation for name, each in study.components.items()}


def test_the_example_of_aiag_gives_the_published_components() -> None:
    """AIAG, MSA, 4th edition, table III-B 8 (ANOVA method). The average and range method gives
    EV 0.20188, AV 0.22963, GRR 0.30575, PV 1.10456, TV 1.14610 and ndc 5 for the same data."""
    study = study_variation(arrange(aiag_rows()))
    expected = (0.199933, 0.226838, 0.302373, 1.042327, 1.0853)
    for name, value in zip(NAMES, expected, strict=True):
        assert study.components[name].deviation == pytest.approx(value, abs=3e-5)
    percents = [100 * (study.components[name].of_total or 0) for name in NAMES]
    assert percents == pytest.approx([18.4, 20.9, 27.9, 96.0, 100], abs=0.06)
    shares = [100 * (study.components[name].contribution or 0) for name in NAMES]
    assert shares == pytest.approx([3.4, 4.4, 7.8, 92.2, 100], abs=0.06)
    assert study.categories == 4
    assert study.anova.pooled


def test_the_example_of_aiag_gives_the_published_table() -> None:
    rows = {row.name: row for row in study_variation(arrange(aiag_rows())).anova.full}
    table = [(row.degrees, row.squares) for row in rows.values()]
    assert [degrees for degrees, _ in table] == [2, 9, 18, 60]
    assert [squares for _, squares in table] == pytest.approx(
        [3.1673, 88.3619, 0.3590, 2.7589], abs=5e-5
    )
    assert rows[INTERACTION].f_ratio == pytest.approx(0.434, abs=5e-4)
    assert rows[INTERACTION].p == pytest.approx(0.9741, abs=5e-5)


def test_the_example_of_aiag_gives_the_published_intervals() -> None:
    """AIAG, table III-B 9, 90 %: EV 0.177 to 0.231, AV 0.129 to 1.001, GRR 0.237 to 1.033. Its
    intervals are approximations (modified large sample)."""
    study = study_variation(arrange(aiag_rows()), confidence=0.90)
    expected = {"EV": (0.177, 0.231), "AV": (0.129, 1.001), "GRR": (0.237, 1.033)}
    for name, (low, high) in expected.items():
        assert study.components[name].interval == pytest.approx((low, high), rel=0.025)


def test_tolerance_counts_six_standard_deviations() -> None:
    component = study_variation(arrange(aiag_rows()), tolerance=6.0).grr
    assert component.of_tolerance == pytest.approx(component.deviation)
    assert component.of_tolerance_interval == pytest.approx(component.interval)


@pytest.mark.parametrize(("alpha", "pooled"), [(0.25, True), (0.05, True), (0.98, False)])
def test_alpha_decides_whether_the_interaction_is_kept(alpha: float, pooled: bool) -> None:
    study = study_variation(arrange(aiag_rows()), alpha=alpha)
    assert study.anova.pooled is pooled
    assert ("INT" in study.components) is not pooled


def test_a_negative_variance_is_set_to_zero_and_marked() -> None:
    component = study_variation(arrange(aiag_rows()), alpha=1.0).components["INT"]
    assert component.negative
    assert component.deviation == 0
    assert component.interval[0] == 0 < component.interval[1]


@pytest.mark.parametrize(("seed", "interaction"), MFGQC)
def test_random_studies_agree_with_mfgqc(seed: int, interaction: float) -> None:
    study = study_variation(random_design(seed, interaction=interaction))
    pooled, *expected, categories = MFGQC[seed, interaction]
    values = [deviations(study).get(name, 0.0) for name in ("EV", "AV", "INT", "PV")]
    assert values == pytest.approx(expected, rel=1e-7)
    assert (study.anova.pooled, study.categories) == (pooled, categories)


@pytest.mark.parametrize("nested", [False, True])
def test_means_over_many_studies_are_the_true_components(nested: bool) -> None:
    """The interaction is always kept here. If its test decides, the repeatability becomes a little
    too small, because a large interaction is never pooled."""
    true = {"EV": 1.0, "AV": 4.0, "PV": 9.0}
    variances: dict[str, list[float]] = {name: [] for name in true}
    for seed in range(300):
        design = random_design(seed, (6, 6, 3), part=3, appraiser=2, repeat=1, nested=nested)
        anova = analyze(design, alpha=1.0)
        squares = {row.name: row.mean_square for row in anova.sources}
        for name, values in variances.items():
            factors = anova.components[name]
            values.append(sum(factor * squares[row] for row, factor in factors.items()))
    for name, values in variances.items():
        error = np.std(values) / np.sqrt(len(values))
        assert abs(np.mean(values) - true[name]) < 4 * error


@pytest.mark.parametrize("nested", [False, True])
def test_intervals_hold_the_true_components(nested: bool) -> None:
    true = {"EV": 1.0, "AV": 0.5, "PV": 3.0, "GRR": np.hypot(1.0, 0.5)}
    true["TV"] = np.hypot(true["GRR"], 3.0)
    held = dict.fromkeys(true, 0)
    ratio = 0
    for seed in range(120):
        design = random_design(seed, (10, 3, 3), appraiser=0.5, nested=nested)
        study = study_variation(design)
        for name in true:
            low, high = study.components[name].interval
            held[name] += low <= true[name] <= high
        low, high = study.grr.of_total_interval or (1, 0)
        ratio += low <= true["GRR"] / true["TV"] <= high
    # 95 % of 120 is 114; fewer than 107 have a probability of 0.3 %.
    assert min(*held.values(), ratio) >= 107, (held, ratio)


def test_an_interaction_becomes_a_component() -> None:
    study = study_variation(random_design(5, (10, 3, 4), interaction=2.0))
    assert not study.anova.pooled
    assert study.components["INT"].deviation == pytest.approx(2.0, rel=0.5)
    squares = [study.components[name].deviation ** 2 for name in ("EV", "AV", "INT")]
    assert study.grr.deviation == pytest.approx(np.sqrt(sum(squares)))


def test_a_single_appraiser_has_repeatability_and_parts_only() -> None:
    design = random_design(7, (8, 1, 5))
    study = study_variation(design)
    assert list(study.components) == ["EV", "GRR", "PV", "TV"]
    cells = design.values[:, 0]
    assert study.components["EV"].deviation == pytest.approx(
        np.sqrt(cells.var(axis=1, ddof=1).mean())
    )
    test = next(row for row in study.anova.sources if row.name == PART)
    assert (test.f_ratio, test.p) == pytest.approx(tuple(f_oneway(*cells)))


def test_a_single_part_and_appraiser_has_repeatability_only() -> None:
    design = random_design(8, (1, 1, 25))
    study = study_variation(design, tolerance=10.0)
    assert list(study.components) == ["EV", "GRR"]
    assert study.grr.deviation == pytest.approx(design.values.std(ddof=1))
    assert study.grr.of_total is None
    assert study.categories is None


def test_a_single_part_can_have_several_appraisers() -> None:
    study = study_variation(random_design(9, (1, 4, 10), appraiser=3.0))
    assert list(study.components) == ["EV", "AV", "GRR"]


def test_trials_that_are_always_equal_have_no_repeatability() -> None:
    study = study_variation(random_design(10, repeat=0.0, appraiser=0.0))
    assert study.grr.deviation == 0
    assert study.categories is None
    assert study.grr.of_total == 0


def test_values_that_never_vary_are_refused() -> None:
    rows = [Measurement(p, "A", t, 12.5) for p in "123" for t in "12"]
    with pytest.raises(DataError, match=r"all values are 12\.5"):
        study_variation(arrange(rows))


def test_a_shift_and_a_scale_change_nothing_but_the_unit() -> None:
    first = study_variation(random_design(11))
    rows = [
        Measurement(r.part, r.appraiser, r.trial, 1e4 + 1e-3 * r.value)
        for r in rows_of(random_design(11))
    ]
    second = study_variation(arrange(rows))
    for name, each in first.components.items():
        assert second.components[name].deviation == pytest.approx(1e-3 * each.deviation, rel=1e-6)
    assert second.categories == first.categories


def rows_of(design) -> list[Measurement]:
    return [
        Measurement(part, appraiser, str(t), float(design.values[p, a, t]))
        for p, part in enumerate(design.parts)
        for a, appraiser in enumerate(design.appraisers)
        for t in range(design.trials)
    ]


def test_a_tiny_repeatability_beside_large_parts_is_kept() -> None:
    study = study_variation(random_design(12, part=1e7, repeat=1.0, appraiser=0.0))
    assert study.components["EV"].deviation == pytest.approx(1.0, rel=0.3)
