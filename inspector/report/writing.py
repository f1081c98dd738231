"""Writes the report of runs: reads the logs, builds the pages, writes HTML and PDF."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from inspector.core.clock import utc_now
from inspector.core.errors import ConfigError, SinkError
from inspector.core.files import write_whole
from inspector.core.schema import build
from inspector.outputs.folder import LOG, find_runs, remove_report_pages
from inspector.report.markup import CSS
from inspector.report.options import ReportOptions
from inspector.report.page import AbsentSource, ReportSubject, build_report, encode_page
from inspector.report.pdf import PdfStyle, load_weasyprint, write_pdf
from inspector.report.reading import DEEPEST, read_run, read_summary
from inspector.report.run_log import RunLog
from inspector.report.style import STYLE

_PDF: Final = PdfStyle(chart_mm=86, sheet="", charts=CSS + STYLE)
"""Two charts are side by side. The style sheet of the report has the rules of the sheets."""


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """files: the report, its further pages and its PDF, in this order. bytes: of all of them."""

    files: tuple[Path, ...]
    bytes: int


def write_report(
    folders: Sequence[Path],
    out: Path,
    changes: dict[str, Any],
    *,
    program: str,
    pdf: bool | None = None,
) -> WrittenReport:
    """Writes the report of the runs in the folders to `out`, which ends in .html.

    changes: keys of the section `report` that replace those of the runs. program: name and version
    of this program. pdf: None for the value of the first run. Further pages of an earlier report at
    the same place are removed. Raises ConfigError if a log cannot be read or a library is missing,
    and SinkError if the disk fails.
    """
    runs = [path for folder in folders for path in find_runs(folder, DEEPEST)]
    logs = [read_run(path) for path in runs]
    options = [replace_options(log, changes) for log in logs]
    wants_pdf = options[0].pdf if pdf is None else pdf
    if wants_pdf:
        load_weasyprint()
    absent = [source for folder in folders for source in _absent_sources(folder)]
    subject = ReportSubject(logs, options, absent, utc_now(), program, out.stem)
    pages = build_report(subject)
    try:
        remove_report_pages(out)
    except OSError as exc:
        raise SinkError(f"{out.parent} cannot be written: {exc.strerror}") from exc
    files: list[Path] = []
    for name, page in reversed(pages.items()):  # the report last: its links then lead to files
        write_whole(out.with_name(name), encode_page(page), "the report ")
        files.insert(0, out.with_name(name))
    if wants_pdf:
        sheet = out.with_suffix(".pdf")
        write_pdf(sheet, pages[out.name], _PDF)
        files.append(sheet)
    return WrittenReport(tuple(files), sum(path.stat().st_size for path in files))


def replace_options(log: RunLog, changes: dict[str, Any]) -> ReportOptions:
    """The options with which the run was started, with changes. Raises ConfigError."""
    section = (log.header.get("config") or {}).get("report") or {}
    known = asdict(ReportOptions())
    values = {name: value for name, value in section.items() if name in known}
    limits = {**(values.get("limits") or {}), **(changes.get("limits") or {})}
    return build(ReportOptions, {**values, **changes, "limits": limits}, ConfigError, "report")


def _absent_sources(folder: Path) -> list[AbsentSource]:
    """The sources of a session that have no log, as its summary names them."""
    summary = read_summary(folder) or {}
    return [
        AbsentSource(str(entry["name"]), str(entry["status"]), str(entry.get("error") or ""))
        for entry in summary.get("sources", ())
        if not _has_log(folder / str(entry["dir"]))
    ]


def _has_log(folder: Path) -> bool:
    return folder.is_dir() and any(folder.rglob(LOG))
