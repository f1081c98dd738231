"""Builds the report of one or several runs: the main page and the pages with further rows."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from inspector.report.accounting import (
    FAIL,
    INCOMPLETE,
    PASS,
    conclude,
    count_defects,
    count_frames,
    sum_defects,
)
from inspector.report.context import MOST_IN_FULL, ReportContext
from inspector.report.defect_sections import pareto_section, sizes_section
from inspector.report.gallery import gallery_section
from inspector.report.head import head_section
from inspector.report.markup import Child, Markup, document, element, section
from inspector.report.notes import (
    glossary_section,
    parts_section,
    signature_section,
    warnings_section,
)
from inspector.report.numbers import Numbers
from inspector.report.options import ReportOptions
from inspector.report.overview import badge, banner, coverage_section, verdict_section
from inspector.report.pictures import find_pictures
from inspector.report.roll_section import roll_section
from inspector.report.rows import MOST_RANGES, appendix, defect_table, frame_table
from inspector.report.run_log import FrameRange, RunLog, frame_ranges
from inspector.report.style import STYLE
from inspector.report.texts import Texts
from inspector.report.trend import score_section, trend_section

ROWS_OF_DEFECTS: Final = 1000
ROWS_OF_FRAMES: Final = 2000
"""Rows of a further page."""


@dataclass(frozen=True, slots=True)
class AbsentSource:
    """A source of a session that left no log, and why."""

    name: str
    status: str
    error: str


@dataclass(frozen=True, slots=True)
class ReportSubject:
    """Everything a report is about. options: of each run. made_utc, program: when and by what the
    report was made. stem: name of the report file without its ending."""

    logs: Sequence[RunLog]
    options: Sequence[ReportOptions]
    absent: Sequence[AbsentSource]
    made_utc: str
    program: str
    stem: str


def build_report(subject: ReportSubject) -> dict[str, str]:
    """File name -> HTML. The first file is the report, the others have further rows."""
    text = Texts(subject.options[0].language)
    contexts = [_make_context(subject, number, text) for number in range(len(subject.logs))]
    main = f"{subject.stem}.html"
    pages: dict[str, str] = {}
    for context in contexts:
        pages |= _further_pages(replace(context, main_link=main), text)
    hashes = {name: hashlib.sha256(encode_page(page)).hexdigest() for name, page in pages.items()}
    contexts = [replace(context, page_hashes=hashes) for context in contexts]
    return {main: _main_page(subject, contexts, text)} | pages


def encode_page(page: str) -> bytes:
    """The bytes of a file. File names can have characters that are not UTF-8."""
    return page.encode("utf-8", "backslashreplace")


def _main_page(subject: ReportSubject, contexts: Sequence[ReportContext], text: Texts) -> str:
    several = len(contexts) > 1 or bool(subject.absent)
    title = _title(subject, text)
    body: list[Child] = [element("h1", title)]
    if several:
        body.append(_total(subject, contexts, text))
    for context in contexts:
        if several:
            name = text("run_heading", name=context.log.name)
            body.append(element("h1", name, id=context.anchor("run"), class_="run"))
        body += _run_sections(context)
    body += [glossary_section(text), signature_section(text)]
    for context in contexts:
        if several:
            body.append(element("h1", text("appendix_of", name=context.log.name), class_="run"))
        body += appendix(context, _ranges(context.log)[:MOST_RANGES])
    made = text("made", time=subject.made_utc, program=subject.program)
    body.append(element("p", made, class_="note"))
    return document(title, *body, language=text.language, style=STYLE)


def _title(subject: ReportSubject, text: Texts) -> str:
    product, lot = subject.options[0].product, subject.options[0].lot
    return ", ".join(part for part in (text("title"), product, lot) if part)


def _make_context(subject: ReportSubject, number: int, text: Texts) -> ReportContext:
    log, options = subject.logs[number], subject.options[number]
    account = count_frames(log)
    unit = options.unit or log.header.get("unit") or "mm"
    unit = "px" if log.unit == "px" else unit
    starts = [part.first_id for part in _ranges(log)]
    prefix = f"r{number + 1}-"
    name = (
        f"{subject.stem}_{{}}_{{}}.html"
        if number == 0
        else f"{subject.stem}_r{number + 1}_{{}}_{{}}.html"
    )
    return ReportContext(
        log=log,
        account=account,
        conclusion=conclude(log, account),
        text=text,
        numbers=Numbers(unit, options.decimal),
        options=options,
        prefix=prefix,
        pictures=find_pictures(log, log.defects[:MOST_IN_FULL], unit),
        pages={
            name.format("defects", page): (first + 1, last)
            for page, first, last in _pages(len(log.defects), MOST_IN_FULL, ROWS_OF_DEFECTS)
        },
        frame_starts=starts,
        frame_pages={
            name.format("frames", page): (starts[first], starts[last - 1])
            for page, first, last in _pages(len(starts), MOST_RANGES, ROWS_OF_FRAMES)
        },
    )


def _ranges(log: RunLog) -> list[FrameRange]:
    return list(frame_ranges(log.frames))


def _pages(count: int, start: int, rows: int) -> list[tuple[int, int, int]]:
    """Number of each further page, from 2, and the indices of its rows."""
    firsts = range(start, count, rows)
    return [(page, first, min(first + rows, count)) for page, first in enumerate(firsts, 2)]


def _run_sections(context: ReportContext) -> list[Child]:
    return [
        banner(context),
        head_section(context),
        verdict_section(context),
        coverage_section(context),
        pareto_section(context),
        sizes_section(context),
        trend_section(context),
        roll_section(context),
        parts_section(context),
        gallery_section(context),
        score_section(context),
        warnings_section(context),
    ]


def _total(subject: ReportSubject, contexts: Sequence[ReportContext], text: Texts) -> Markup:
    """One row per run, and their sums."""
    names = ("captured", "inspected", "failed", "errored", "dropped", "missing")
    numbers = contexts[0].numbers
    rows: list[Sequence[Child]] = []
    for context in contexts:
        name = context.link(context.log.name, "run")
        counts = [numbers.count(getattr(context.account, each)) for each in names]
        verdict = text(f"verdict_{context.conclusion}")
        defects = numbers.span(*count_defects(context.log))
        rows.append((name, verdict, *counts, defects, text(f"tile_{context.noun}")))
    for source in subject.absent:
        why = text("absent_source", status=source.status, error=source.error)
        rows.append((source.name, why, *[text("unknown")] * len(names), "", ""))
    sums = [sum(getattr(context.account, each) for context in contexts) for each in names]
    total = numbers.span(*sum_defects([context.log for context in contexts]))
    same = len({context.noun for context in contexts}) == 1
    cells = (*map(numbers.count, sums), total if same else "", "")
    verdict = text(f"verdict_{_total_conclusion(subject, contexts)}")
    rows.append((text("total"), verdict, *cells))
    keys = ("run", "verdict", *names, "defect_count", "counted")
    notes = [text("total_note")]
    if subject.absent or any(not context.account.exact for context in contexts):
        notes.append(text("total_not_exact"))
    return section(
        text("total_title"),
        badge(text, _total_conclusion(subject, contexts)),
        *(_first_facts(context) for context in contexts),
        contexts[0].table(keys, rows),
        *(element("p", note, class_="note") for note in notes),
    )


def _total_conclusion(subject: ReportSubject, contexts: Sequence[ReportContext]) -> str:
    verdicts = {context.conclusion for context in contexts}
    if subject.absent:
        verdicts.add(INCOMPLETE)
    return next(v for v in (FAIL, INCOMPLETE, PASS) if v in verdicts)


def _first_facts(context: ReportContext) -> Markup | None:
    """What a reader must know first about a run, with its name."""
    warnings = banner(context)
    return warnings and element("div", element("strong", context.log.name), warnings)


def _further_pages(context: ReportContext, text: Texts) -> dict[str, str]:
    files = {}
    ranges = _ranges(context.log)
    for page, (first, last) in context.pages.items():
        rows = defect_table(context, context.log.defects[first - 1 : last], anchor="d")
        title = text("page_defects", first=first, last=last, name=context.log.name)
        files[page] = _page(title, rows, context, text)
    for page, (first, last) in context.frame_pages.items():
        shown = [part for part in ranges if first <= part.first_id <= last]
        title = text("page_frames", first=first, last=shown[-1].last_id, name=context.log.name)
        files[page] = _page(title, frame_table(context, shown), context, text)
    return files


def _page(title: str, rows: Markup, context: ReportContext, text: Texts) -> str:
    back = element("p", element("a", text("back"), href=context.main_link))
    return document(title, element("h1", title), back, rows, language=text.language, style=STYLE)
