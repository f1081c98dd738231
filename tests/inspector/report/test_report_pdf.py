"""Tests the PDF of a report."""

from pathlib import Path

import pytest
from report_runs import frames, scratch, write_run

from inspector.report.writing import write_report

pytestmark = pytest.mark.pdf


@pytest.mark.parametrize(
    ("language", "title", "count"), [("en", "Inspection", 30), ("de", "Prüfbericht", 10)]
)
def test_the_pdf_has_the_same_content_with_page_numbers(
    language: str, title: str, count: int, tmp_path: Path
):
    pages = pages_of(count, tmp_path, {"language": language, "decimal": "comma"})
    assert len(pages) > 5
    for number, page in enumerate(pages, 1):
        assert f"{number} / {len(pages)}" in page
    assert title in pages[0]
    assert "FAIL" in pages[0]
    text = "".join(pages)
    assert f"D{count}" in text
    assert "± 0,04" in text


def test_a_long_table_has_its_head_on_every_page(tmp_path: Path):
    pages = pages_of(60, tmp_path, {})
    assert sum("best frame lines event_id" in " ".join(page.split()) for page in pages) >= 3


def pages_of(count: int, folder: Path, changes: dict[str, object]) -> list[str]:
    """The texts of the pages of a run with `count` defects, one in every third frame."""
    from pypdf import PdfReader

    rows = frames(3 * count, {3 * k: (scratch(k, 1 + k % 9),) for k in range(count)})
    run = write_run(folder, rows)
    changes = {"product": "Foil"} | changes
    written = write_report([run], run / "report.html", changes, program="p", pdf=True)
    assert [path.name for path in written.files] == ["report.html", "report.pdf"]
    return [page.extract_text() for page in PdfReader(run / "report.pdf").pages]
