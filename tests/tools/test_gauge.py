"""The command gauge."""

import json
import sys
from pathlib import Path

import pytest
from gauge_runs import spot, write_run
from gauge_studies import aiag_rows, aiag_verdict_rows

from evaluation.gauge.study import FIGURES, PAGE, PDF, TABLE
from inspector.report.pdf import write_pdf
from tools.gauge import main


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "study.csv"
    lines = [f"{r.part},{r.appraiser},{r.trial},{r.value}" for r in aiag_rows()]
    path.write_text("\n".join(["part,appraiser,trial,value", *lines]))
    return path


def call(table: Path, *more: str) -> int:
    return main([str(table), "--out", str(table.parent / "out"), *more])


def test_a_table_gives_a_page_and_its_data(table, capsys):
    assert call(table, "--tolerance", "6", "--unit", "mm", "--name", "Widths") == 0
    output = capsys.readouterr().out
    assert "%GRR is 27.9 % of the total variation" in output
    out = table.parent / "out"
    assert "<h1>Widths</h1>" in (out / PAGE).read_text()
    assert (out / TABLE).read_text().count("\n") == 91
    assert json.loads((out / FIGURES).read_text())["variable"]["tolerance"] == 6
    assert not (out / PDF).exists()


def test_the_written_data_gives_the_same_figures(table):
    assert call(table) == 0
    out = table.parent / "out"
    again = table.parent / "again"
    assert main([str(out / TABLE), "--out", str(again)]) == 0
    first, second = (json.loads((place / FIGURES).read_text()) for place in (out, again))
    assert first["variable"] == second["variable"]


def test_verdicts_of_zero_and_one_need_the_option(table, capsys):
    lines = [
        f"{r.part},{r.appraiser},{r.trial},{r.value:g},{r.reference:g}" for r in aiag_verdict_rows()
    ]
    table.write_text("\n".join(["part,appraiser,trial,value,reference", *lines]))
    assert call(table, "--attribute") == 0
    assert "Appraiser A is not acceptable: effectiveness 84.0 %" in capsys.readouterr().out


def test_runs_are_trials_of_appraisers(tmp_path, capsys):
    lengths = {"day": ((1.00, 2.00), (1.02, 2.01)), "night": ((1.10, 2.08), (1.11, 2.11))}
    runs, names = [], []
    for name, trials in lengths.items():
        for k, (first, second) in enumerate(trials):
            frames = [[spot(20, 20, first), spot(60, 20, second)], [], [spot(9, 9, first + 3)]]
            extra = [spot(200, 200, 9.0)] if (name, k) == ("day", 0) else []
            runs.append(str(write_run(tmp_path / f"{name}{k}", [*frames, extra])))
            names.append(name)
    out = tmp_path / "out"
    arguments = ["--runs", *runs, "--appraisers", *names, "--tolerance", "2", "--out", str(out)]
    assert main(arguments) == 0
    output = capsys.readouterr().out
    assert "%GRR is " in output
    assert "left out: frame 3 #1 at (200, 200) px" in output
    figures = json.loads((out / FIGURES).read_text())
    assert figures["subject"]["measured"] == "length of defects"
    assert figures["subject"]["unit"] == "mm"
    assert figures["design"]["appraisers"] == ["day", "night"]
    assert figures["variable"]["components"]["AV"]["deviation"] > 0.05
    assert "frame 3 #1" in (out / PAGE).read_text()


def test_runs_of_the_same_pictures_say_that_trials_need_new_pictures(tmp_path, capsys):
    runs = [str(write_run(tmp_path / n, [[spot(9, 9, 1.0), spot(60, 9, 2.0)]])) for n in "ab"]
    assert main(["--runs", *runs, "--out", str(tmp_path / "out")]) == 0
    assert "each trial needs a new picture" in capsys.readouterr().out


def test_verdicts_of_runs_can_have_references(tmp_path, capsys):
    runs = [
        str(write_run(tmp_path / n, [[spot(9, 9, 1.0)], [], []], ["bad.png", "x.png", "y.png"]))
        for n in "ab"
    ]
    references = tmp_path / "references.csv"
    references.write_text("part,reference\nbad.png,FAIL\nx.png,PASS\ny.png,FAIL\n")
    arguments = ["--runs", *runs, "--attribute", "--references", str(references)]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    output = capsys.readouterr().out
    assert "Appraiser 1 is not acceptable: effectiveness 66.7 %, misses 50.0 %" in output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "o"], "name a CSV file, or result folders with --runs"),
        (["t.csv", "--runs", "a", "b", "--out", "o"], "name a CSV file, or result folders"),
        (["--runs", "a", "--out", "o"], "--runs needs two or more folders"),
        (["--runs", "a", "a", "--out", "o"], "names the same folder twice"),
        (["--runs", "a", "b", "--appraisers", "x", "--out", "o"], "each of the 2 runs, got 1"),
        (["--runs", "a", "b", "--unit", "mm", "--out", "o"], "runs know their unit"),
        (["--runs", "a", "b", "--out", "o"], "is a a result folder?"),
        (["none.csv", "--out", "o"], "none.csv cannot be read"),
        (["none.csv", "--out", "o", "--tolerance", "0"], "must be a number above 0"),
        (["none.csv", "--out", "o", "--alpha", "2"], "must be above 0 and at most 1"),
    ],
)
def test_a_wrong_call_is_one_sentence(tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    try:
        code = main(arguments)
    except SystemExit as exc:
        code = exc.code
    assert code == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not (tmp_path / "o").exists()


def test_an_earlier_page_is_not_replaced_by_accident(table, capsys):
    assert call(table) == 0
    assert call(table) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert call(table, "--overwrite") == 0


def test_a_missing_weasyprint_is_one_sentence_before_any_work(table, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    assert call(table, "--pdf") == 2
    error = capsys.readouterr().err
    assert "pip install '.[pdf]'" in error
    assert "libpango" in error
    assert not (table.parent / "out").exists()


@pytest.mark.pdf
def test_the_pdf_has_the_page_on_a_single_sheet_and_the_data_after_it(table, weasyprint):
    pypdf = pytest.importorskip("pypdf")
    assert call(table, "--pdf", "--tolerance", "6", "--unit", "mm") == 0
    pages = [page.extract_text() for page in pypdf.PdfReader(table.parent / "out" / PDF).pages]
    assert len(pages) == 2
    for words in ("Components of variation", "upper limit", "0.1999", "Checked by"):
        assert words in pages[0]
    assert "all 90 measurements" in pages[1]


@pytest.mark.pdf
def test_a_pdf_never_loads_anything(tmp_path, weasyprint):
    with pytest.raises(weasyprint.urls.FatalURLFetchingError):
        write_pdf(tmp_path / "a.pdf", '<html><head></head><img src="file:///etc/hostname"></html>')
