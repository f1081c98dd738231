"""Builds the sections with the verdict of a run, and with what was inspected and what was not."""

from collections.abc import Mapping
from typing import Any, Final

from inspector.report.accounting import (
    FAIL,
    PASS,
    count_defects,
    surface_not_inspected,
)
from inspector.report.context import ReportContext
from inspector.report.html_table import table
from inspector.report.markup import Child, Markup, element, section
from inspector.report.texts import Texts

_TILES: Final = ("captured", "inspected", "failed", "errored", "dropped", "missing")
_ALARMING: Final = ("failed", "errored", "dropped", "missing")


def verdict_section(context: ReportContext) -> Markup:
    """The first page: every frame that failed or was not inspected is in these numbers."""
    return section(
        context.text("verdict_title"),
        badge(context.text, context.conclusion),
        element("p", _because(context)),
        _tiles(context),
        element("p", context.text("verdict_meaning"), class_="note"),
    )


def badge(text: Texts, conclusion: str) -> Markup:
    """The verdict in large letters. conclusion: PASS, FAIL or INCOMPLETE."""
    class_ = {PASS: "pass", FAIL: "fail"}.get(conclusion, "incomplete")
    return element("p", text(f"verdict_{conclusion}"), class_=f"badge {class_}")


def banner(context: ReportContext) -> Markup | None:
    """What a reader must know first, above everything else: the run did not end, or it failed."""
    sentences = [context.text(key) for key in context.log.problems] + _status(context)
    if not sentences:
        return None
    return element("ul", *(element("li", sentence) for sentence in sentences), class_="warn")


def _because(context: ReportContext) -> str:
    account, numbers, text = context.account, context.numbers, context.text
    of = numbers.count(account.inspected)
    if account.failed:
        sentence = text("because_failed", count=numbers.count(account.failed), of=of)
    elif account.inspected:
        sentence = text("because_passed", of=of)
    else:
        sentence = text("because_nothing")
    if account.not_inspected:
        rest = text("because_not_inspected", count=numbers.count(account.not_inspected))
        sentence = f"{sentence} {rest}"
    if surface_not_inspected(context.log):
        sentence = f"{sentence} {text('because_surface')}"
    return f"{sentence} {defects_sentence(context)}"


def defects_sentence(context: ReportContext) -> str:
    """How many defects there are, and what is counted."""
    low, high = count_defects(context.log)
    count = context.numbers.count(high)
    if not context.log.tracked:
        return context.text("count_sightings", count=count)
    sentence = context.text("count_defects", count=count)
    if low != high:
        sentence = context.text("count_between", low=context.numbers.count(low), high=count)
    continued = (context.log.event("ledger") or {}).get("defects_continued")
    if continued:
        more = context.text("count_continued", count=context.numbers.count(continued))
        sentence = f"{sentence} {more}"
    return sentence


def _status(context: ReportContext) -> list[str]:
    log, text = context.log, context.text
    sentences = []
    if log.summary is not None and log.status == "failed":
        sentences.append(text("status_failed", error=log.summary.get("error") or text("unknown")))
    elif log.status in ("stopped", "killed"):
        sentences.append(text(f"status_{log.status}"))
    if log.repeated:
        sentences.append(text("repeated", count=context.numbers.count(log.repeated)))
    still_open = sum(d.closed_line is None for d in log.defects) if log.tracked else 0
    if still_open:
        sentences.append(text("still_open", count=context.numbers.count(still_open)))
    if not context.account.balanced:
        sentences.append(text("not_balanced"))
    return sentences


def _tiles(context: ReportContext) -> Markup:
    tiles = []
    for name in _TILES:
        value = getattr(context.account, name)
        shown = context.numbers.count(value)
        if not context.account.exact and name in ("captured", "dropped"):
            shown = f"≥ {shown}"
        if not context.account.exact and name == "missing":
            shown = context.text("unknown")
        alarming = name in _ALARMING and value
        number = context.link(shown, f"frames-{name}")
        label = element("span", context.text(f"tile_{name}"))
        class_ = "tile alarming" if alarming else "tile"
        tiles.append(element("div", element("strong", number), label, class_=class_))
    high = count_defects(context.log)[1]
    label = element("span", context.text(f"tile_{context.noun}"))
    number = context.link(context.numbers.count(high), "defects")
    tiles.append(element("div", element("strong", number), label, class_="tile"))
    return element("div", *tiles, class_="tiles")


def coverage_section(context: ReportContext) -> Markup:
    """The equation of the frames with every cause, and the ledger of the surface."""
    account, text, numbers = context.account, context.text, context.numbers
    at_least = "" if account.exact else "≥ "
    counts = {name: numbers.count(getattr(account, name)) for name in _TILES}
    if not account.exact:
        counts["missing"] = text("unknown")
    equation = text("equation", at_least=at_least, **counts)
    rows: list[tuple[Child, ...]] = [
        _cause_row(context, "passed", text("passed"), account.passed),
        _cause_row(context, "failed", text("tile_failed"), account.failed),
    ]
    for name in ("errored", "dropped", "missing"):
        causes: Mapping[str, int] = getattr(account, f"{name}_by_cause")
        for cause, count in causes.items():
            label = f"{text(f'tile_{name}')}: {text.word('cause', cause)}"
            rows.append(_cause_row(context, name, label, count))
    return section(
        text("coverage_title"),
        element("p", equation, class_="equation"),
        None if account.exact else element("p", text("equation_from_log"), class_="note"),
        context.table(("frames", "count", "share"), rows),
        *_ledgers(context),
    )


def _cause_row(context: ReportContext, name: str, label: str, count: int) -> tuple[Child, ...]:
    share = count / context.account.captured if context.account.captured else None
    number = context.link(context.numbers.count(count), f"frames-{name}")
    return label, number, context.numbers.percent(share)


def _ledgers(context: ReportContext) -> list[Markup]:
    """Each ledger of the log: of the surface, or of parts."""
    ledgers = context.log.events.get("ledger", ())
    if not ledgers:
        key = "no_ledger_killed" if context.log.tracked else "no_ledger"
        return [element("p", context.text(key), class_="note")]
    return [_ledger(context, line, ledger) for line, ledger in ledgers]


def _ledger(context: ReportContext, line: int, ledger: Mapping[str, Any]) -> Markup:
    text, numbers, total = context.text, context.numbers, ledger["total"]
    amounts = [(text("inspected_once"), ledger["inspected_once"])]
    amounts.append((text("inspected_more"), ledger["inspected_more"]))
    for cause, amount in ledger["not_inspected_by_cause"].items():
        amounts.append((text("not_inspected", cause=text.word("cause", cause)), amount))
    amounts.append((text("surface_total"), total))
    unit, factor = str(ledger["unit"]), 1.0
    if unit == "mm2":
        unit, factor = numbers.symbol_of("area"), numbers.convert(1.0, "area")
    rows = [
        (
            name,
            numbers.surface(amount * factor, total * factor),
            numbers.percent(amount / total if total else None, 2),
        )
        for name, amount in amounts
    ]
    caption = text("ledger_caption", line=line)
    if ledger.get("length_m") is not None:
        length = numbers.digits(ledger["length_m"], 4)
        caption = f"{caption} {text('web_length', length=length)}"
    shown_unit = text.word("unit", unit)
    head = [text("col_surface"), text("col_amount", unit=shown_unit), text("col_share")]
    return element("div", table(head, rows, caption), _motion(context, ledger))


def _motion(context: ReportContext, ledger: Mapping[str, Any]) -> Markup | None:
    """The frames for which the motion of the web was not measured."""
    by_motion = ledger.get("frames_by_motion")
    if not isinstance(by_motion, dict) or not ledger.get("gap_count"):
        return None
    unknown = by_motion.get("unknown", 0)
    return element(
        "p", context.text("motion_gaps", gaps=ledger["gap_count"], frames=unknown), class_="note"
    )
