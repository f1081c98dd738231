"""Tests the PDF of a report."""

from pathlib import Path

import pytest
from report_runs import frames, scratch, write_run

from inspector.report.writing import write_report

pytestmark = pytest.mark.pdf


@pytest.mark.parametrize(("language", "title"), [("en", "Inspection"), ("de", "Prüfbericht")])
def test_the_pdf_has_the_same_content_with_page_numbers(language: str, title: str, tmp_path: Path):
    from pypdf import PdfReader

    rows = frames(90, {k: (scratch(k, 1 + k % 9),) for k in range(0, 90, 3)})
    folder = write_run(tmp_path, rows)
    changes = {"language": language, "product": "Foil", "decimal": "comma"}
    written = write_report([folder], folder / "report.html", changes, program="p", pdf=True)
    assert [path.name for path in written.files] == ["report.html", "report.pdf"]
    pages = [page.extract_text() for page in PdfReader(folder / "report.pdf").pages]
    assert len(pages) > 5
    for number, page in enumerate(pages, 1):
        assert f"{number} / {len(pages)}" in page
    assert title in pages[0]
    assert "FAIL" in pages[0]
    text = "".join(pages)
    assert "D30" in text
    assert "± 0,04" in text


def test_a_long_table_has_its_head_on_every_page(tmp_path: Path):
    from pypdf import PdfReader

    rows = frames(400, {k: (scratch(k, 2.0),) for k in range(0, 400, 2)})
    folder = write_run(tmp_path, rows)
    write_report([folder], folder / "report.html", {}, program="p", pdf=True)
    pages = [page.extract_text() for page in PdfReader(folder / "report.pdf").pages]
    assert sum("best frame lines event_id" in " ".join(page.split()) for page in pages) >= 4
