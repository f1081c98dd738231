"""Builds these sections of a report: parts and rolls, warnings, glossary, and lines to sign."""

from collections.abc import Sequence
from typing import Any, Final

from inspector.report.context import ReportContext, span_text
from inspector.report.markup import Child, Markup, element, join, section
from inspector.report.texts import Texts, all_texts

_GLOSSARY: Final = "gloss_"
MOST_LINES: Final = 500
"""Parts, rolls and events in the report; the log has all of them."""

_TRACED: Final = ("serial", "lot")
_WORST_FIRST: Final = {"FAIL": 0, "PASS": 2}
_EVENTS: Final = ("health", "config_changed")


def parts_section(context: ReportContext) -> Markup | None:
    """The parts and rolls of the log; None if there are none."""
    text = context.text
    parts = context.log.events.get("part", ())
    rolls = context.log.events.get("roll", ())
    if not parts and not rolls:
        return None
    ranked = sorted(parts, key=lambda part: _WORST_FIRST.get(str(part[1].get("verdict")), 1))
    traced = [name for name in _TRACED if any(record.get(name) for _, record in parts)]
    rows = [_part_row(context, line, record, traced) for line, record in ranked[:MOST_LINES]]
    keys = ("verdict", "cause", "rule", "frames", "failed", "errored", "defects", "line")
    failed = sum(record.get("verdict") == "FAIL" for _, record in parts)
    other = sum(record.get("verdict") not in ("PASS", "FAIL") for _, record in parts)
    counts = {"count": len(parts), "failed": failed, "other": other}
    roll_rows = [_roll_row(context, line, record) for line, record in rolls[:MOST_LINES]]
    roll_keys = ("roll", "verdict", "cause", "length_m", "defects", "line")
    return section(
        text("parts_title"),
        element("p", text("parts_sentence", **counts)) if parts else None,
        context.table(("part", *traced, *keys), rows, class_="rows") if rows else None,
        _more(context, len(parts)),
        context.table(roll_keys, roll_rows) if roll_rows else None,
        _more(context, len(rolls)),
    )


def _more(context: ReportContext, count: int) -> Markup | None:
    """How many lines are not shown."""
    if count <= MOST_LINES:
        return None
    shown = context.numbers.count(count - MOST_LINES)
    return element("p", context.text("more_rows", count=shown), class_="note")


def _cause(context: ReportContext, record: dict[str, Any]) -> str:
    cause = record.get("cause")
    if cause is None:
        return ""
    return f"{context.text.word('cause', str(cause))}: {record.get('error') or ''}"


def _part_row(
    context: ReportContext, line: int, record: dict[str, Any], traced: Sequence[str]
) -> tuple[Child, ...]:
    """traced: trace fields that have a column."""
    first, last = record.get("first_frame_id"), record.get("last_frame_id")
    frames: Child = "–"
    if first is not None and last is not None:
        frames = span_text(first, last)
        if context.frame_starts:
            frames = element("a", frames, href=context.frame_href(first))
    values = (record.get(name) for name in ("frames_failed", "frames_errored", "defects"))
    shown = ("–" if value is None else str(value) for value in values)
    return (
        str(record.get("part_id") or context.text("unknown")),
        *(str(record.get(name) or "–") for name in traced),
        str(record.get("verdict")),
        _cause(context, record),
        str(record.get("rule") or ""),
        frames,
        *shown,
        str(line),
    )


def _roll_row(context: ReportContext, line: int, record: dict[str, Any]) -> tuple[Child, ...]:
    length = context.numbers.digits(record.get("length_m"), 4)
    name, verdict = record.get("roll_id"), record.get("verdict")
    defects = str(record.get("defects", "–"))
    return str(name or "–"), str(verdict), _cause(context, record), length, defects, str(line)


def warnings_section(context: ReportContext) -> Markup:
    """The warnings of the run, in the words of its log, and what changed during the run."""
    text, log = context.text, context.log
    warnings = [str(warning) for warning in (log.summary or {}).get("warnings", ())]
    lines: list[Child] = [element("li", warning) for warning in warnings]
    for kind in _EVENTS:
        events = log.events.get(kind, ())
        for line, record in events[:MOST_LINES]:
            lines.append(element("li", _event(context, kind, line, record)))
        lines.append(_more(context, len(events)))
    if log.summary is None:
        lines.append(element("li", text("warnings_unknown")))
    body: Child = element("ul", *lines) if any(lines) else element("p", text("no_warnings"))
    note = element("p", text("warnings_note"), class_="note") if warnings else None
    return section(text("warnings_title"), body, note)


def _event(context: ReportContext, kind: str, line: int, record: dict[str, Any]) -> str:
    where = context.text("event_where", frame=record.get("frame_id"), line=line)
    if kind == "health":
        state, message = record.get("state"), record.get("message")
        return f"{record.get('condition')}, {state}: {message} ({where})"
    old, new = record.get("old"), record.get("new")
    who, why = record.get("who"), record.get("why")
    return f"{record.get('key')}: {old} → {new}, {who}, {why} ({where})"


def glossary_section(text: Texts) -> Markup:
    """Every term of a report and every column of its tables, in alphabetical order."""
    keys = [key for key in all_texts() if key.startswith(_GLOSSARY)]
    entries = []
    for key in keys:
        name, _, meaning = text(key).partition(": ")
        entries.append((name, meaning))
    pairs = sorted(entries, key=lambda entry: entry[0].casefold())
    items = (join(element("dt", name), element("dd", meaning)) for name, meaning in pairs)
    return section(text("glossary_title"), element("dl", *items, class_="glossary"))


def signature_section(text: Texts) -> Markup:
    """Lines to sign on paper: name, date and signature of two people."""
    blocks = []
    for role in ("inspector", "reviewer"):
        lines = (
            element("span", text(f"sign_{line}"), class_="line")
            for line in ("name", "date", "sign")
        )
        blocks.append(element("div", element("h3", text(f"sign_{role}")), *lines, class_="signer"))
    signers = element("div", *blocks, class_="signers")
    content = section(text("sign_title"), element("p", text("sign_meaning")), signers)
    return element("div", content, class_="together")
