"""Bias, linearity and verdicts, compared with published studies and with oracles."""

import numpy as np
import pytest
from gauge_studies import aiag_linearity_rows, aiag_verdict_rows
from scipy.stats import linregress, ttest_1samp
from sklearn.metrics import cohen_kappa_score

from evaluation.gauge.attribute import cohen_kappa, fleiss_kappa, study_verdicts
from evaluation.gauge.bias import study_bias
from evaluation.gauge.design import Measurement, arrange
from inspector.core.errors import DataError


def test_the_linearity_example_of_aiag_gives_the_published_line() -> None:
    """AIAG, MSA, 4th edition: slope -0.1317, intercept 0.7367, R2 71.4 %, t -12.043 and 10.158."""
    study = study_bias(arrange(aiag_linearity_rows()))
    assert study is not None
    assert [part.bias for part in study.parts] == pytest.approx(
        [0.491667, 0.125, 0.025, -0.291667, -0.616667], abs=5e-7
    )
    line = study.linearity
    assert line is not None
    assert (line.slope, line.intercept) == pytest.approx((-0.131667, 0.736667), abs=5e-7)
    assert line.r_squared == pytest.approx(0.7143, abs=5e-5)
    assert not line.zero_inside


def test_the_line_and_the_tests_agree_with_scipy() -> None:
    rows = aiag_linearity_rows()
    study = study_bias(arrange(rows))
    assert study is not None
    assert study.linearity is not None
    fit = linregress([r.reference for r in rows], [r.value - (r.reference or 0) for r in rows])
    assert study.linearity.slope_p == pytest.approx(fit.pvalue, rel=1e-6)
    low, high = study.linearity.slope_interval
    assert (high - low) / 2 == pytest.approx(2.00172 * fit.stderr, rel=1e-5)
    for part in study.parts:
        values = [row.value for row in rows if row.part == part.part]
        test = ttest_1samp(values, part.reference)
        assert part.p == pytest.approx(test.pvalue, rel=1e-9)
        assert part.interval == pytest.approx(
            tuple(end - part.reference for end in test.confidence_interval(0.95))
        )


def test_the_band_holds_the_true_line() -> None:
    held = 0
    for seed in range(300):
        random = np.random.default_rng(seed)
        rows = [
            Measurement(str(r), "A", str(t), r + 0.1 + 0.02 * r + random.normal(), float(r))
            for r in range(5)
            for t in range(6)
        ]
        study = study_bias(arrange(rows))
        assert study is not None
        assert study.linearity is not None
        _, low, high = study.linearity.band(3.0)
        held += low <= 0.16 <= high
    assert 274 <= held <= 295  # 95 % of 300; outside with a probability of 0.6 %


def test_two_references_define_no_line() -> None:
    rows = [r for r in aiag_linearity_rows() if (r.reference or 0) < 5]
    study = study_bias(arrange(rows))
    assert study is not None
    assert study.linearity is None


def test_a_constant_bias_is_flat_and_its_zero_line_is_outside() -> None:
    random = np.random.default_rng(0)
    rows = [
        Measurement(str(r), "A", str(t), r + 1 + 0.1 * random.normal(), float(r))
        for r in range(5)
        for t in range(10)
    ]
    study = study_bias(arrange(rows))
    assert study is not None
    assert study.linearity is not None
    assert abs(study.linearity.slope) < 0.05
    assert not study.linearity.zero_inside
    assert all(part.interval[0] > 0 for part in study.parts)


def test_a_type_1_study_has_its_capability() -> None:
    values = np.array([10.0, 10.1, 9.9, 10.2, 10.05, 10.0])
    rows = [Measurement("disc", "A", str(t), v, 10.0) for t, v in enumerate(values)]
    study = study_bias(arrange(rows), tolerance=4.0)
    assert study is not None
    deviation, bias = values.std(ddof=1), values.mean() - 10
    assert study.parts[0].cg == pytest.approx(0.8 / (6 * deviation))
    assert study.parts[0].cgk == pytest.approx((0.4 - bias) / (3 * deviation))
    assert study.linearity is None
    rows += [Measurement("disc", "B", str(t), v, 10.0) for t, v in enumerate(values)]
    several = study_bias(arrange(rows), tolerance=4.0)
    assert several is not None
    assert several.parts[0].cg is None


def test_parts_without_a_reference_have_no_bias() -> None:
    rows = [Measurement(r.part, "A", r.trial, r.value) for r in aiag_linearity_rows()]
    assert study_bias(arrange(rows)) is None


def test_the_verdicts_of_aiag_give_the_published_figures() -> None:
    """AIAG, MSA, 4th edition, chapter III, section C: kappa of the pairs 0.86, 0.78, 0.79, to the
    reference 0.88, 0.92, 0.77; effectiveness 84, 90, 80 %, misses 6.3, 6.3, 12.5 %, false alarms
    4.9, 2.0, 8.8 %; intervals of the effectiveness 71 to 93, 78 to 97, 66 to 90 %; system 78 %, 64
    to 89 %."""
    study = study_verdicts(arrange(aiag_verdict_rows()))
    kappas = [pair.value for pair in study.pairs]
    assert kappas == pytest.approx([0.86, 0.78, 0.79], abs=0.005)
    table = []
    for each in study.appraisers:
        assert each.kappa
        assert each.effective
        assert each.misses
        assert each.false_alarms
        ends = [round(100 * end) for end in each.effective.interval]
        shares = (each.effective, each.misses, each.false_alarms)
        percents = [round(100 * (share.value or 0), 2) for share in shares]
        table.append((round(each.kappa.value or 0, 2), *percents, *ends))
    assert table == [
        (0.88, 84.0, 6.25, 4.9, 71, 93),
        (0.92, 90.0, 6.25, 1.96, 78, 97),
        (0.77, 80.0, 12.5, 8.82, 66, 90),
    ]
    assert study.right is not None
    assert study.right.count == 39
    assert [round(100 * end) for end in study.right.interval] == [64, 88]


@pytest.mark.parametrize("seed", range(5))
def test_kappa_agrees_with_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    first = random.random(80) < 0.7
    second = first ^ (random.random(80) < 0.2)
    assert cohen_kappa(first, second) == pytest.approx(cohen_kappa_score(first, second))


def test_the_kappa_of_fleiss_is_right_on_a_small_table() -> None:
    """4 parts, 3 verdicts, by hand: agreement 2/3, by chance (7/12)^2 + (5/12)^2."""
    passes = np.array([[1, 1, 1], [1, 1, 0], [1, 1, 0], [0, 0, 0]], bool)
    by_chance = (7 / 12) ** 2 + (5 / 12) ** 2
    assert fleiss_kappa(passes) == pytest.approx((2 / 3 - by_chance) / (1 - by_chance))


def test_kappa_is_undefined_if_all_verdicts_are_the_same() -> None:
    passes = np.ones((5, 3), bool)
    assert cohen_kappa(passes[:, 0], passes[:, 1]) is None
    assert fleiss_kappa(passes) is None


def test_without_references_only_the_agreement_is_known() -> None:
    rows = [Measurement(r.part, r.appraiser, r.trial, r.value) for r in aiag_verdict_rows()]
    study = study_verdicts(arrange(rows))
    assert study.right is None
    assert study.appraisers[0].effective is None
    assert study.agreeing.count == 39


def test_a_reference_for_some_parts_only_is_refused() -> None:
    rows = aiag_verdict_rows()
    rows = [
        Measurement(r.part, r.appraiser, r.trial, r.value, None if r.part == "7" else r.reference)
        for r in rows
    ]
    with pytest.raises(DataError, match="part 7 has no reference"):
        study_verdicts(arrange(rows))
