"""Files of the report: the page of a class, and the index of several classes."""

from pathlib import Path

import pytest
from plate_dataset import HOLES, spec, write_class_folder, write_fake_engine
from sample_results import HOSTILE, Page, figures, make_result

from evaluation.class_evaluation import evaluate_class
from evaluation.provenance import Settings
from evaluation.report.page import (
    REPORT,
    index_page,
    write_class_report,
    write_dataset_report,
)
from evaluation.results import ClassResult, DatasetResult, Failure, MetricValue
from inspector.core.errors import SinkError
from learning.datasets.layouts import load
from learning.datasets.types import ClassData

FAKE = Settings(backend="fake", resamples=0)


def make_two_classes() -> DatasetResult:
    lacking = figures(aupro=MetricValue(None, "there are no masks"), image_ap=MetricValue(0.5))
    second = make_result(name="ball & screw", figures=lacking)
    failed = Failure("cubes", "class cubes has no test pictures")
    return DatasetResult((make_result(), second), (failed,), reused=("cookie",))


def test_the_index_links_each_class_and_shows_the_means() -> None:
    result = make_two_classes()
    page = Page(index_page(result, {"cookie": "cookie/r.html", "ball & screw": "b/r.html"}))
    assert [a["href"] for a in page.every("a")] == ["cookie/r.html", "b/r.html"]
    visible = [attributes["value"] for attributes in page.every("data")]
    for mean in result.means:
        assert repr(mean.value) in visible


def test_the_index_explains_which_classes_a_mean_leaves_out() -> None:
    text = Page(index_page(make_two_classes(), {"cookie": "a", "ball & screw": "b"})).text
    assert "mean over the 1 of 2 classes that define it" in text
    assert "[1] undefined: there are no masks" in text


def test_the_index_names_failed_and_reused_classes() -> None:
    text = Page(index_page(make_two_classes(), {"cookie": "a", "ball & screw": "b"})).text
    assert "class cubes has no test pictures" in text
    assert "Reused from an earlier run" in text


def test_an_index_without_classes_has_the_reasons() -> None:
    result = DatasetResult((), (Failure("cubes", "no pictures"),))
    text = Page(index_page(result, {})).text
    assert "no pictures" in text
    assert "undefined in every class" in text


def test_links_are_quoted_so_that_any_folder_name_works(tmp_path: Path) -> None:
    write_dataset_report(tmp_path, DatasetResult((make_result(name="a b#?" + HOSTILE),)))
    page = Page((tmp_path / REPORT).read_text(encoding="utf-8"))
    (link,) = page.every("a")
    assert str(link["href"]).startswith("a%20b%23%3F%3Cb%3E")
    assert str(link["href"]).endswith("%FF%0A.png/report.html")


def evaluate(folder: Path) -> tuple[Path, ClassData, ClassResult]:
    (data,) = load(write_class_folder(folder / "plates"), None)
    engine = write_fake_engine(folder / "engine.json")
    return engine, data, evaluate_class(engine, data, FAKE)


def test_a_report_of_real_files_shows_the_results(tmp_path: Path) -> None:
    engine, data, result = evaluate(tmp_path)
    write_class_report(tmp_path / "out", result, engine, data, with_index=False)
    page = Page((tmp_path / "out" / REPORT).read_text(encoding="utf-8"))
    assert "cannot be shown" not in page.text
    assert [a.get("href") for a in page.every("a")] == []
    for kind in HOLES:
        assert f"test/{kind}/000.png" in page.text
    visible = [a["value"] for a in page.every("data")]
    assert repr(result.figures.image_auroc.value) in visible
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [REPORT]


def test_a_report_that_cannot_be_written_gives_one_sentence(tmp_path: Path) -> None:
    engine, data, result = evaluate(tmp_path)
    (tmp_path / "out").write_text("a file where a folder should be")
    with pytest.raises(SinkError, match=r"report\.html"):
        write_class_report(tmp_path / "out", result, engine, data, with_index=False)


def test_the_report_shows_the_thresholds_of_the_engine(tmp_path: Path) -> None:
    engine, data, result = evaluate(tmp_path)
    write_class_report(tmp_path, result, engine, data, with_index=True)
    text = (tmp_path / REPORT).read_text(encoding="utf-8")
    assert f"<dd>{spec().image_threshold!r}</dd>" in text
    assert f"<dd>{spec().pixel_threshold!r}</dd>" in text
    assert 'href="../report.html"' in text
