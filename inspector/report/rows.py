"""Builds the appendix of a report: rows of frames and defects, and which figure has which rows."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from inspector.report.context import ReportContext, span_text
from inspector.report.defect_sections import trace_groups
from inspector.report.gallery import frame_text, place_text
from inspector.report.markup import Child, Markup, element, join, section
from inspector.report.run_log import FrameRange, ReportDefect, frame_ranges
from inspector.report.trend import trend_groups

MOST_RANGES: Final = 400
"""Ranges of frames in the main file; the others are in further files."""

DEFECT_COLUMNS: Final = (
    *("defect", "severity", "length", "width", "area", "place", "size_source"),
    *("frames_of_defect", "best_frame", "line", "event_id"),
)
_COUNT_NAMES: Final = {"FAIL": "failed", "PASS": "passed", "ERROR": "errored", None: "dropped"}


def appendix(context: ReportContext, ranges: Sequence[FrameRange]) -> list[Markup]:
    """ranges: of the frames in the main file."""
    text = context.text
    return [
        section(
            text("appendix_frames"),
            element("p", text("frames_explained")),
            _frame_groups(context),
            element("div", frame_table(context, ranges), id=context.anchor("frames")),
            context.page_list(context.frame_pages),
        ),
        section(
            text("appendix_defects"),
            element("p", text("defects_explained")),
            element("div", defect_table(context, context.in_full), id=context.anchor("defects")),
            element("h3", text("appendix_trace")),
            _traces(context),
        ),
    ]


def _frame_groups(context: ReportContext) -> Markup:
    """Which ranges of frames are behind each count of frames. Each has an anchor."""
    account, text = context.account, context.text
    by_kind: dict[str, list[FrameRange]] = {}
    for part in frame_ranges(context.log.frames):
        by_kind.setdefault(_COUNT_NAMES[part.verdict], []).append(part)
    everything = [part for parts in by_kind.values() for part in parts]
    by_kind["captured"] = sorted(everything, key=lambda part: part.first_id)
    by_kind["inspected"] = [p for p in by_kind["captured"] if p.verdict in ("PASS", "FAIL")]
    rows = []
    for name in ("captured", "inspected", "passed", "failed", "errored", "dropped", "missing"):
        parts = by_kind.get(name, [])
        listed = sum(part.count for part in parts)
        count = getattr(account, name)
        label = element("span", text(f"tile_{name}"), id=context.anchor(f"frames-{name}"))
        where: Child = _range_links(context, parts)
        if count > listed and (name in ("dropped", "missing") or not parts):
            where = join(
                where, " ", text("without_line", count=context.numbers.count(count - listed))
            )
        rows.append((label, context.numbers.count(count), where))
    return context.table(("frames", "count", "where"), rows)


def _range_links(context: ReportContext, parts: Sequence[FrameRange]) -> Markup:
    """Links to the first ranges, and how many more there are."""
    shown = list(islice(parts, 30))
    links: list[Child] = []
    for part in shown:
        name = span_text(part.first_id, part.last_id)
        links += [", ", element("a", name, href=context.frame_href(part.first_id))]
    more = len(parts) - len(shown)
    rest = f" {context.text('more_ranges', count=more)}" if more else None
    return join(*links[1:], rest)


def frame_table(context: ReportContext, ranges: Iterable[FrameRange]) -> Markup:
    """One row for each range of frames: every frame is in exactly one row."""
    keys = ("frames_of_step", "count", "verdict", "cause", "score_range", "seq", "lines")
    return context.table(keys, [_frame_row(context, part) for part in ranges], class_="rows")


def _frame_row(context: ReportContext, part: FrameRange) -> tuple[Child, ...]:
    frames, numbers, text = context.log.frames, context.numbers, context.text
    name = span_text(part.first_id, part.last_id)
    label = element("span", name, id=context.anchor(f"frame-{part.first_id}"))
    count = numbers.count(part.count)
    if part.verdict is None:
        return label, count, text("gap"), text("gap_cause"), "–", "–", "–"
    scores = [s for s in frames.scores[part.start : part.end] if s == s]
    span = "–"
    if scores:
        low, high = numbers.score(min(scores)), numbers.score(max(scores))
        span = low if low == high else f"{low} – {high}"
    last = part.end - 1
    names = [frames.names[k] for k in (part.start, last) if k in frames.names]
    if names:
        label = join(label, element("br"), element("small", " – ".join(dict.fromkeys(names))))
    cause = ""
    if part.cause is not None:
        sentence = frames.causes[part.start][1]
        cause = f"{text.word('cause', part.cause)}: {sentence}"
    lines = span_text(frames.lines[part.start], frames.lines[last])
    seqs = span_text(frames.seqs[part.start], frames.seqs[last])
    if frames.seqs[last] < 0:  # a log of format 1
        seqs = "–"
    return label, count, str(part.verdict), cause, span, seqs, lines


def defect_table(
    context: ReportContext, defects: Sequence[ReportDefect], *, anchor: str = "row-"
) -> Markup:
    """One row per defect. anchor: of the id of a row, before its number."""
    # A web that continues that of an earlier run can have the same label twice.
    labels = Counter(defect.track_label for defect in defects)
    rows = [
        _defect_row(context, defect, anchor, is_unique=labels[defect.track_label] == 1)
        for defect in defects
    ]
    return context.table(DEFECT_COLUMNS, rows, class_="rows")


def _defect_row(
    context: ReportContext, defect: ReportDefect, anchor: str, *, is_unique: bool
) -> tuple[Child, ...]:
    text = context.text
    name = f"D{defect.number}"
    label: Child = element("span", name, id=context.anchor(f"{anchor}{defect.number}"))
    if anchor == "row-":
        link = element("a", name, href=f"#{context.anchor(f'd{defect.number}')}")
        label = element("span", link, id=context.anchor(f"row-{defect.number}"))
        if defect.track_label and is_unique:
            label = element("span", label, id=context.anchor(f"track-{defect.track_label}"))
    sizes = [
        f"{context.size_text(defect, quantity)} {context.numbers.symbol_of(quantity)}"
        for quantity in ("length", "width", "area")
    ]
    source = text.word("source", str(defect.values.get("size_source", "")))
    if defect.closed_line is None and context.log.tracked:
        source = f"{source}, {text('not_closed')}"
    first, last = defect.sightings[0], defect.sightings[-1]
    seen = span_text(first.frame_id, last.frame_id)
    if defect.count > 1:
        seen = f"{seen} ({defect.count}×)"
    # The best line holds the outline; the line of `defect_closed` the size over all frames.
    lines = span_text(first.line, last.line)
    if defect.closed_line is not None:
        lines = f"{lines}; {defect.closed_line}"
    best = element("a", frame_text(context, defect), href=context.frame_href(defect.best.frame_id))
    place = place_text(context, defect)
    severity = text.word("severity", defect.severity)
    return label, severity, *sizes, place, source, seen, best, lines, defect.event_id


def _traces(context: ReportContext) -> Markup:
    """The numbers of the defects behind each figure."""
    rows = []
    for title, name, numbers in (*trace_groups(context), *trend_groups(context)):
        label = element("span", title, id=context.anchor(name))
        count = context.numbers.count(len(numbers))
        rows.append((label, count, context.defect_links(numbers)))
    return context.table(("figure", "count", "defect"), rows, class_="rows")
