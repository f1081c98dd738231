"""Tests the report at the end of a run."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from flow_rig import Inspect, good_picture, write_config, write_pictures
from log_lines import warnings_of
from report_pages import dead_links, parse, visible

import run_inspector
from inspector import module_process, session_report
from inspector.core.errors import ConfigError, InspectorError
from inspector.report.options import ReportOptions
from inspector.session import Session
from inspector.session_report import check_report, write_session_report

REPORT = ("--set", "report.enabled=true", "--set", "report.lot=L-7")


def test_a_run_ends_with_its_report(clip: Path, engine: Path, margin: list[str], inspect: Inspect):
    no_stored_pictures = ("--set", "output.defect_pictures.max_count=0")
    result = inspect(clip, engine, *margin, *REPORT, *no_stored_pictures)
    assert result.code == 0
    page = (result.out / "report.html").read_text(encoding="utf-8")
    text = visible(page)
    assert "L-7" in text
    assert "captured 30 = inspected 30 + dropped 0 + errored 0" in text
    assert "Failed: 5 of 30 inspected frames." in text
    assert dead_links({"report.html": page}) == []
    pictures = [source for source in parse(page).sources if source.startswith("data:image/jpeg")]
    assert len(pictures) >= 5
    assert "picture from snapshots" in text
    # A second run with --overwrite removes it, with its further pages.
    (result.out / "report_defects_2.html").write_text("old")
    assert inspect(clip, engine, *margin, "--overwrite").code == 0
    assert [path.name for path in result.out.glob("report*")] == []


@pytest.mark.parametrize("longest_s", [0.0, 900.0])
def test_a_report_that_fails_costs_no_result(
    longest_s: float,
    clip: Path,
    engine: Path,
    margin: list[str],
    inspect: Inspect,
    monkeypatch: pytest.MonkeyPatch,
):
    """It takes too long, or its process crashes."""
    monkeypatch.setattr(session_report, "LONGEST_S", longest_s)
    if longest_s:
        monkeypatch.setattr(sys, "executable", "/bin/false")
    result = inspect(clip, engine, *margin, *REPORT)
    assert result.code == 0
    summary = json.loads((result.out / "summary.json").read_text())
    assert (summary["exit_code"], summary["inspected"]) == (0, 30)
    assert not (result.out / "report.html").exists()
    assert result.stderr.count("the report was not written") == 1
    assert f"`line-inspector report {result.out}` can write it" in result.stderr


def test_a_signal_ends_the_report(tmp_path: Path):
    with warnings_of() as heard:
        assert not write_session_report(tmp_path, lambda: True)
    assert "a signal ended it" in heard[0]


def test_the_reason_of_a_failure_is_in_the_log(tmp_path: Path):
    with warnings_of() as heard:
        assert not write_session_report(tmp_path, lambda: False)
    assert "has no inspections.jsonl" in heard[0]


def test_a_failed_run_has_a_report_too(tmp_path: Path, engine: Path, inspect: Inspect):
    pictures = write_pictures(tmp_path / "pictures", [good_picture(k) for k in range(5)])
    for k in range(2, 5):
        (pictures / f"{k:03d}.png").write_bytes(b"damaged")
    result = inspect(pictures, engine, *REPORT)
    assert result.code == 2
    text = visible((result.out / "report.html").read_text(encoding="utf-8"))
    assert "The run failed: " in text.split("Product and run")[0]
    assert "errored " in text


def test_after_a_second_signal_there_is_no_report(
    clip: Path,
    engine: Path,
    margin: list[str],
    inspect: Inspect,
    monkeypatch: pytest.MonkeyPatch,
):
    finish = Session.finish

    def interrupted(session: Session, *arguments: InspectorError) -> int:
        session._operator.signals += [signal.SIGTERM, signal.SIGTERM]
        return finish(session, *arguments)

    monkeypatch.setattr(Session, "finish", interrupted)
    result = inspect(clip, engine, *margin, *REPORT)
    assert (result.out / "summary.json").exists()
    assert not (result.out / "report.html").exists()


def test_a_session_has_one_report(tmp_path: Path, clip: Path):
    sources = [{"name": name, "source": {"uri": str(clip)}} for name in ("left", "right")]
    config = write_config(tmp_path, sources, report={"enabled": True})
    run_inspector.main(["--config", str(config)])
    text = visible((tmp_path / "out" / "report.html").read_text(encoding="utf-8"))
    assert "All runs" in text
    assert "left" in text
    assert not (tmp_path / "out" / "left" / "report.html").exists()


def test_a_missing_library_for_the_pdf_is_refused_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "weasyprint.py").write_text("raise ImportError('no pango')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(module_process, "_PACKAGES", tmp_path)
    with pytest.raises(ConfigError, match=r"report.pdf: PDF needs WeasyPrint and Pango"):
        check_report(ReportOptions(enabled=True, pdf=True))
    check_report(ReportOptions(enabled=True))
    check_report(ReportOptions(pdf=True))
    assert os.environ.get("PYTHONPATH") != str(tmp_path)
