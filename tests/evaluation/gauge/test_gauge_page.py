"""The page of a gauge study: what it says, its charts, and that it loads nothing."""

import dataclasses
import json
import math
from pathlib import Path

import pytest
from gauge_studies import aiag_linearity_rows, aiag_rows, aiag_verdict_rows, random_design
from sample_results import Page

from evaluation.gauge import texts
from evaluation.gauge.control_limits import control_chart
from evaluation.gauge.design import Measurement, arrange
from evaluation.gauge.page import study_page
from evaluation.gauge.study import (
    GaugeStudy,
    Subject,
    study_attributes,
    study_sizes,
    write_figures,
    write_table,
)
from evaluation.gauge.table_reading import read_measurements

SUBJECT = Subject("Study <1>", "length", "mm", "a & b.csv", "2026-01-31T12:00:00+00:00")


def sizes(rows: list[Measurement], tolerance: float | None = None) -> GaugeStudy:
    return study_sizes(SUBJECT, rows, tolerance, 0.25)


def rows_of(shape: tuple[int, int, int], **more: float) -> list[Measurement]:
    design = random_design(3, shape, **more)
    return [
        Measurement(part, appraiser, str(t), float(design.values[p, a, t]))
        for p, part in enumerate(design.parts)
        for a, appraiser in enumerate(design.appraisers)
        for t in range(design.trials)
    ]


def test_a_page_has_all_charts_tables_and_a_place_to_sign() -> None:
    page = Page(study_page(sizes(aiag_rows(), 6.0)))
    for title in (
        "Study <1>",
        "a & b.csv",
        "Components of variation",
        "Measurements by part",
        "Measurements by appraiser",
        "Part by appraiser",
        "Averages: 22 of 30 outside the limits",
        "Ranges: 1 of 30 outside the limits",
        "Analysis of variance",
        "Checked by",
    ):
        assert title in page.text
    assert len(page.every("svg")) == 6
    for number in ("0.1999", "0.2268", "0.3024", "1.042", "1.085", "27.9", "96.0", "3.1673"):
        assert number in page.text


@pytest.mark.parametrize(
    ("rows", "charts"),
    [
        (aiag_linearity_rows(), 3),
        (rows_of((1, 1, 20)), 0),
        (rows_of((1, 3, 5)), 3),
        (rows_of((60, 2, 2)), 6),
        (rows_of((5, 1, 15)), 2),
        (rows_of((4, 3, 2), repeat=0.0), 6),
    ],
)
def test_each_design_has_a_page(rows: list[Measurement], charts: int) -> None:
    text = study_page(sizes(rows))
    assert len(Page(text).every("svg")) == charts
    for word in ("nan", "inf<", "http", "<script", "<link"):
        assert word not in text.lower()


def test_the_conclusion_uses_the_limits_of_aiag() -> None:
    assert [texts.grade_variation(share) for share in (0.0999, 0.1, 0.3, 0.3001)] == [
        texts.ACCEPTABLE,
        texts.MARGINAL,
        texts.MARGINAL,
        texts.UNACCEPTABLE,
    ]
    words = " ".join(texts.conclusions(sizes(aiag_rows(), 6.0)))
    assert "30.2 % of the tolerance (22.7 to 145.6 %, 95 % confidence): not acceptable" in words
    assert "27.9 % of the total variation" in words
    assert "4 distinct categories" in words


def test_a_single_part_without_a_tolerance_is_not_judged() -> None:
    words = " ".join(texts.conclusions(sizes(rows_of((1, 1, 20)))))
    assert "A tolerance or more parts are needed" in words
    assert "acceptable" not in words


def test_notes_name_what_weakens_a_study() -> None:
    equal = " ".join(texts.notes(sizes(rows_of((4, 2, 3), repeat=0.0))))
    assert "each trial needs a new picture" in equal
    single = " ".join(texts.notes(sizes(rows_of((4, 1, 3)))))
    assert "nothing about reproducibility" in single
    unstable = " ".join(texts.notes(sizes(aiag_rows())))
    assert "1 of 30 ranges are outside" in unstable


@pytest.mark.parametrize(("drift", "stable"), [(0.0, True), (3.0, False)])
def test_a_single_part_over_days_shows_its_stability(drift: float, stable: bool) -> None:
    """A seed without a false alarm: 3 of 1000 averages are outside by chance."""
    study = sizes(rows_of((1, 12, 5), appraiser=drift))
    page = Page(study_page(study))
    assert ("Averages: 0 of 12 outside the limits" in page.text) is stable
    assert ("not stable" in " ".join(texts.notes(study))) is not stable


def test_parts_that_were_left_out_are_listed() -> None:
    subject = Subject("s", "length", "mm", "runs", "now", unmatched=["a.png #1: not in b"])
    page = Page(study_page(study_sizes(subject, aiag_rows(), None, 0.25)))
    assert "a.png #1: not in b" in page.text


def test_a_page_of_verdicts_has_the_published_figures() -> None:
    study = study_attributes(SUBJECT, aiag_verdict_rows())
    page = Page(study_page(study))
    for number in ("42 of 50", "70.9 to 92.8", "3 of 48", "5 of 102", "0.88", "0.86", "39 of 50"):
        assert number in page.text
    assert len(page.every("svg")) == 3
    assert not texts.is_acceptable(study)


def test_limits_are_those_of_the_usual_table() -> None:
    """A2, D3 and D4 follow from the mean d2 and the deviation d3 of the range of normal values."""
    design = random_design(0, (2000, 1, 5), part=0.0, appraiser=0.0)
    chart = control_chart(design)
    assert chart is not None
    low, centre, high = chart.average_limits
    assert (high - centre) == pytest.approx(3 / math.sqrt(5), rel=0.03)
    assert (centre - low) == pytest.approx(high - centre)
    d2, d3 = 2.326, 0.864
    assert chart.range_limits == pytest.approx((0, d2, d2 + 3 * d3), rel=0.03)


def test_the_written_table_gives_the_same_study(tmp_path: Path) -> None:
    path = tmp_path / "gauge.csv"
    for rows, verdict in ((aiag_linearity_rows(), False), (aiag_verdict_rows(), True)):
        study = study_attributes(SUBJECT, rows) if verdict else sizes(rows)
        write_table(path, study)
        assert read_measurements(path) == (rows, verdict)
    guarded = [dataclasses.replace(row, part=f"-{row.part}") for row in aiag_linearity_rows()]
    write_table(path, sizes(guarded))
    assert "'-" in path.read_text()
    assert read_measurements(path) == (guarded, False)


def test_the_figures_are_json_with_all_results(tmp_path: Path) -> None:
    path = tmp_path / "gauge.json"
    write_figures(path, sizes(aiag_rows(), 6.0))
    figures = json.loads(path.read_text())
    assert figures["variable"]["components"]["EV"]["deviation"] == pytest.approx(0.199933, abs=1e-6)
    assert figures["variable"]["categories"] == 4
    assert figures["design"] == {
        "kind": "crossed",
        "parts": 10,
        "appraisers": ["A", "B", "C"],
        "trials": 3,
    }
    write_figures(path, sizes(rows_of((4, 3, 2), repeat=0.0)))
    assert json.loads(path.read_text())["variable"]["anova"]["sources"][0]["p"] is None


def test_nested_studies_are_named_nested() -> None:
    design = random_design(1, (4, 3, 2), nested=True)
    rows = [
        Measurement(part, str(k // 4), str(t), float(value))
        for k, part in enumerate(design.parts)
        for t, value in enumerate(design.of_part(part))
    ]
    assert arrange(rows).nested
    page = Page(study_page(sizes(rows)))
    assert "nested study" in page.text
    assert "Part by appraiser" not in page.text
