"""Tests of the tables, the sentences and the page of a study."""

import csv
import json
import re
from pathlib import Path

import pypdf
import pytest
from study_cells import make_cell, study_cells

from learning.datasets.types import TEST, TRAIN, VALIDATION, ClassData, Sample
from studies.shift import page
from studies.shift.analysis import Analysis
from studies.shift.report import ANALYSIS, PAGE, PDF, write_report
from studies.shift.running import RUN
from studies.shift.table_files import StudyTable, to_latex
from studies.shift.tables import data_table

CELLS = [*study_cells(), *study_cells("rad", gain=2.0)]


@pytest.fixture
def written(tmp_path: Path):
    """The folder of a report and its sentences."""
    run = {"cells": 8, "runs": 2, "seconds": 90.0, "peak_memory_mb": 700.4, "processors": 2}
    (tmp_path / RUN).write_text(json.dumps(run))
    for cell in CELLS:
        (tmp_path / cell.key.file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / cell.key.file).write_text("{}")
    return tmp_path, write_report(tmp_path, Analysis(CELLS, seed=1, resamples=100))


def test_the_table_of_the_data_counts_each_kind_and_part(tmp_path: Path) -> None:
    samples = [Sample(f"t{i}", tmp_path / "a", "good", TRAIN) for i in range(5)]
    samples += [Sample(f"v{i}", tmp_path / "a", "crack", VALIDATION) for i in range(2)]
    samples += [Sample(f"e{i}", tmp_path / "a", "crack", TEST, (tmp_path / "m",)) for i in range(3)]
    table = data_table([ClassData("nut", tuple(samples), "mvtec")])
    assert table.rows == (("nut", "crack", 0, 2, 3, 3), ("nut", "good", 5, 0, 0, 0))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_sentence_names_a_file_of_the_study(written) -> None:
    out, sentences = written
    assert len(sentences) > 10
    for sentence in sentences:
        assert (out / sentence.file).is_file(), sentence
        assert re.search(r"\d|No ", sentence.text), sentence


def test_sentences_hold_the_numbers_of_the_cells(written) -> None:
    texts = "\n".join(sentence.text for sentence in written[1])
    assert "The study has 8 cells: padim, rad on nut, clean and with 1 shift." in texts
    assert "Mean image AUROC of padim: 1.0000 clean, 0.6400 shifted, 0.9900 adapted." in texts
    assert (
        "fails 10 of 20 good pictures (50.0 %), and passes 5 of 20 defective pictures (25" in texts
    )
    assert "2 defective pictures are passed by every method under the same shift." in texts
    assert (
        "The study took 1.5 minutes in 2 runs on 2 processors. Its memory reached 700 MB." in texts
    )


def test_no_certain_loss_is_claimed_without_one(tmp_path: Path) -> None:
    good, bad = [0.1, 0.2, 0.3, 0.4], [2.0, 3.0, 4.0, 5.0]
    noise = {"transform": "noise", "severity": "mild"}
    cells = [make_cell("clean", good, bad), make_cell("shifted", good, bad, **noise)]
    run = {"cells": 2, "runs": 1, "seconds": 1.0, "peak_memory_mb": 1.0, "processors": 1}
    (tmp_path / RUN).write_text(json.dumps(run))
    sentences = write_report(tmp_path, Analysis(cells, seed=1, resamples=50))
    texts = "\n".join(sentence.text for sentence in sentences)
    assert "in 0 of 1 shifted cell." in texts
    assert "gave back" not in texts
    assert "The largest loss" not in texts


def test_tables_hold_every_cell_and_comparison(written) -> None:
    out, _ = written
    results = rows(out / "tables" / "results.csv")
    assert len(results) == len(CELLS)
    assert float(results[1]["image_auroc"]) == CELLS[1].figures.image_auroc.value
    assert results[1]["pixel_auroc"] == ""
    verdicts = rows(out / "tables" / "verdicts.csv")
    assert len(verdicts) == 3 * len(CELLS)
    assert verdicts[3]["false_alarms"] == str(CELLS[1].strategies[0].false_alarms.count)
    promises = rows(out / "tables" / "promises.csv")
    assert {row["promised"] for row in promises} == {"0.25"}
    changes = rows(out / "tables" / "changes.csv")
    content = json.loads((out / ANALYSIS).read_text())
    assert len(changes) == len(content["changes"])
    assert all((out / row["first"]).is_file() for row in changes)


def test_the_page_shows_sentences_charts_and_tables_and_loads_nothing(written) -> None:
    out, sentences = written
    text = (out / PAGE).read_text(encoding="utf-8")
    assert all(f'href="{sentence.file}"' in text for sentence in sentences)
    # A chart per class (phases), two methods (shifts), and two methods (rates of false alarms).
    assert text.count("<svg") == 5
    assert text.count("<table") == len(list((out / "tables").glob("*.csv"))) + 5  # shorter above
    assert not re.search(r'(src|href)="(http|//)', text)


@pytest.mark.pdf
def test_the_pdf_has_the_sentences_but_not_the_long_tables(written) -> None:
    out, sentences = written
    write_report(out, Analysis(CELLS, seed=1, resamples=100), pdf=True)
    text = "".join(page.extract_text() for page in pypdf.PdfReader(out / PDF).pages)
    joined = "".join(text.split())
    for sentence in sentences:
        assert "".join(sentence.text.split()) in joined
    assert "Metricsofeverycell" not in joined


def test_differences_of_groups_and_verdicts_are_in_tables(written) -> None:
    out, _ = written
    groups = rows(out / "tables" / "groups.csv")
    small = [r for r in groups if r["name"] == "small" and r["comparison"] == "degradation"]
    assert {row["pictures"] for row in small} == {"5"}
    changed = rows(out / "tables" / "verdict_changes.csv")
    (row,) = [
        r
        for r in changed
        if (r["comparison"], r["method"], r["pictures"]) == ("degradation", "padim", "good")
    ]
    # Good scores of the shifted cell are 0.2 to 2.0, those of the clean cell 0 to 0.9.
    assert (row["of"], row["pass_to_fail"], row["fail_to_pass"]) == ("10", "5", "0")
    assert float(row["p"]) == pytest.approx(2 * 0.5**5)
    confusion = rows(out / "tables" / "confusion.csv")
    assert [r["failed"] for r in confusion if r["phase"] == "shifted"] == ["5", "7", "5", "8"]


def test_the_largest_losses_come_first_if_not_all_are_shown(written, monkeypatch) -> None:
    out, _ = written
    monkeypatch.setattr(page, "MOST_SHORT_ROWS", 1)
    write_report(out, Analysis(CELLS, seed=1, resamples=100))
    text = (out / PAGE).read_text(encoding="utf-8")
    assert "the largest losses first" in text
    assert "1 more rows are there" in text
    assert re.search(
        r'row">nut</th><td>padim</td><td>noise, mild</td><td>1.0000</td><td>0.6400', text
    )


def test_latex_escapes_what_is_special() -> None:
    table = StudyTable("t", "5 % & more", ("a_b", "c"), (("x#1", 0.5), ("~^\\", None)))
    text = to_latex(table)
    assert "\\caption{5 \\% \\& more}" in text
    assert "a\\_b & c \\\\" in text
    assert "x\\#1 & 0.5000 \\\\" in text
    assert "\\textasciitilde{}\\textasciicircum{}\\textbackslash{} & - \\\\" in text
