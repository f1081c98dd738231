"""The page over several classes, and the files."""

from pathlib import Path

from sample_results import HOSTILE, Page, a_result, figures

from evaluation.report.index import index_page
from evaluation.report.write import REPORT, write_dataset_report
from evaluation.results import DatasetResult, Failure, Figure


def two_classes() -> DatasetResult:
    lacking = figures(aupro=Figure(None, "there are no masks"), image_ap=Figure(0.5))
    second = a_result(name="ball & screw", figures=lacking)
    failed = Failure("cubes", "class cubes has no test pictures")
    return DatasetResult((a_result(), second), (failed,), kept=("cookie",))


def test_the_index_links_each_class_and_shows_the_means() -> None:
    result = two_classes()
    page = Page(index_page(result, {"cookie": "cookie/r.html", "ball & screw": "b/r.html"}))
    assert [a["href"] for a in page.every("a")] == ["cookie/r.html", "b/r.html"]
    shown = [attributes["value"] for attributes in page.every("data")]
    for mean in result.means:
        assert repr(mean.value) in shown


def test_the_index_says_what_a_mean_leaves_out_and_why() -> None:
    text = Page(index_page(two_classes(), {"cookie": "a", "ball & screw": "b"})).text
    assert "mean over the 1 of 2 classes that define it" in text
    assert "[1] undefined: there are no masks" in text


def test_the_index_names_failed_and_kept_classes() -> None:
    text = Page(index_page(two_classes(), {"cookie": "a", "ball & screw": "b"})).text
    assert "class cubes has no test pictures" in text
    assert "Taken over from an earlier run" in text


def test_without_any_class_the_index_still_says_why() -> None:
    result = DatasetResult((), (Failure("cubes", "no pictures"),))
    text = Page(index_page(result, {})).text
    assert "no pictures" in text
    assert "undefined in every class" in text


def test_links_are_quoted_so_that_any_folder_name_works(tmp_path: Path) -> None:
    write_dataset_report(tmp_path, DatasetResult((a_result(name="a b#?" + HOSTILE),)))
    page = Page((tmp_path / REPORT).read_text(encoding="utf-8"))
    (link,) = page.every("a")
    assert str(link["href"]).startswith("a%20b%23%3F%3Cb%3E")
    assert str(link["href"]).endswith("%FF%0A.png/report.html")
