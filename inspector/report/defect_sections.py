"""Builds the sections with the defects by severity, kind and size, and with sizes and limits."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from inspector.explain.wording import name_value
from inspector.report.charts import Bar, Chart, bars
from inspector.report.context import ReportContext
from inspector.report.limits import SizeLimit, compare, find_limits
from inspector.report.markup import Child, Markup, element, section
from inspector.report.run_charts import Column, Span, columns, size_edges, spans
from inspector.report.run_log import SEVERITIES, ReportDefect

_MOST_SPANS = 40
"""Defects in the chart of the largest sizes."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Defects of one severity, kind or size class. name: of its anchor."""

    label: str
    name: str
    defects: Sequence[ReportDefect]


def pareto_section(context: ReportContext) -> Markup:
    """By severity and by kind; by size class if the log names no kind."""
    text, defects = context.text, context.log.defects
    if not defects:
        return section(text("pareto_title"), element("p", text("no_defects")))
    kinds = _by_kind(context)
    second = kinds or size_classes(context)
    title = text("pareto_kind" if kinds else "pareto_size")
    return section(
        text("pareto_title"),
        element("p", text(f"counted_{context.noun}"), class_="lead"),
        element(
            "div",
            _pareto(context, text("pareto_severity"), _by_severity(context)),
            _pareto(context, title, second),
            class_="charts",
        ),
        _group_table(context, "severity", _by_severity(context)),
        _group_table(context, "kind" if kinds else "size_class", second),
    )


def _by_severity(context: ReportContext) -> list[_Group]:
    groups = []
    for severity in SEVERITIES:
        rows = [d for d in context.log.defects if d.severity == severity]
        groups.append(_Group(context.text.word("severity", severity), f"sev-{severity}", rows))
    return [group for group in groups if group.defects]


def kind_text(context: ReportContext, defect: ReportDefect) -> str | None:
    """The kind in the language of the report; None if the log names none."""
    kind = defect.values.get("kind")
    return None if kind is None else name_value("kind", str(kind), context.text.language)


def _by_kind(context: ReportContext) -> list[_Group]:
    """Empty if no defect of the log has a kind."""
    kinds: dict[str, list[ReportDefect]] = {}
    for defect in context.log.defects:
        kinds.setdefault(kind_text(context, defect) or context.text("unknown"), []).append(defect)
    if not any(defect.values.get("kind") for defect in context.log.defects):
        return []
    ranked = sorted(kinds.items(), key=lambda item: -len(item[1]))
    return [_Group(kind, f"kind-{k}", rows) for k, (kind, rows) in enumerate(ranked)]


def size_classes(context: ReportContext) -> list[_Group]:
    """By length, in classes with round edges."""
    lengths = _lengths(context)
    if not lengths:
        return []
    edges = size_edges([length for _, length in lengths])
    groups: list[_Group] = []
    for k in range(len(edges) - 1):
        rows = [d for d, length in lengths if bisect_right(edges, length) == k + 1]
        label = f"{edges[k]:g} – {edges[k + 1]:g} {context.numbers.symbol}"
        groups.append(_Group(context.numbers.point(label), f"size-{k}", rows))
    return [group for group in groups if group.defects]


def _lengths(context: ReportContext) -> list[tuple[ReportDefect, float]]:
    lengths = []
    for defect in context.log.defects:
        length, _ = defect.size("length", context.log.unit)
        if length is not None:
            lengths.append((defect, context.numbers.convert(length)))
    return lengths


def _pareto(context: ReportContext, title: str, groups: Sequence[_Group]) -> Markup:
    total, cumulative = sum(len(group.defects) for group in groups), 0
    rows = []
    for group in sorted(groups, key=lambda g: -len(g.defects))[:12]:
        count = len(group.defects)
        cumulative += count
        shares = (context.numbers.percent(part / total, 0) for part in (count, cumulative))
        label = "{}: {} ({}, Σ {})".format(group.label, context.numbers.count(count), *shares)
        rows.append(Bar(label, count / total))
    description = "; ".join(row.label for row in rows)
    return context.numbers.chart(
        bars(Chart(title, description, context.text("share_of_all")), rows)
    )


def _group_table(context: ReportContext, key: str, groups: Sequence[_Group]) -> Markup:
    """Each count leads to the list of its defects."""
    total = sum(len(group.defects) for group in groups)
    rows: list[Sequence[Child]] = []
    for group in groups:
        values = [d.values for d in group.defects]
        count = len(group.defects)
        from_map = sum(v.get("size_source") == "map" for v in values)
        truncated = sum(bool(v.get("truncated")) for v in values)
        number = context.link(context.numbers.count(count), f"trace-{group.name}")
        numbers = (context.numbers.count(value) for value in (from_map, truncated))
        rows.append((group.label, number, context.numbers.percent(count / total), *numbers))
    return context.table((key, "count", "share", "from_map", "truncated"), rows)


def trace_groups(context: ReportContext) -> list[tuple[str, str, list[int]]]:
    """Title, anchor and numbers of the defects of every group, for the appendix."""
    groups = [*_by_severity(context), *_by_kind(context), *size_classes(context)]
    for limit in find_limits(context.log, context.options.limits):
        for decision, rows in compare(context.log, limit).items():
            label = f"{_limit_text(context, limit)}: {context.text.word('decision', decision)}"
            groups.append(_Group(label, f"limit-{limit.quantity}-{decision}", rows))
    return [(g.label, f"trace-{g.name}", [d.number for d in g.defects]) for g in groups]


def sizes_section(context: ReportContext) -> Markup:
    """Distribution of the sizes, the largest ones with U, and the comparison with the limits."""
    text, lengths = context.text, _lengths(context)
    if not lengths:
        return section(text("sizes_title"), element("p", text("no_defects")))
    limits = find_limits(context.log, context.options.limits)
    by_quantity = {limit.quantity: limit for limit in limits}
    rows = [_limit_row(context, limit) for limit in limits]
    decisions = ("conforms", "cannot_be_decided", "does_not_conform")
    head = ("limit", *(f"decision_{decision}" for decision in decisions))
    return section(
        text("sizes_title"),
        element("p", text("sizes_meaning"), class_="lead"),
        _distribution(context, lengths, by_quantity.get("length")),
        _largest(context, by_quantity.get("length")),
        context.table(head, rows, text("limits_caption")) if rows else None,
        None if rows else element("p", text(_no_limits(context)), class_="note"),
    )


def _no_limits(context: ReportContext) -> str:
    limits = context.options.limits
    some = any(value is not None for value in (limits.length_mm, limits.width_mm, limits.area_mm2))
    return "limits_need_calibration" if some else "no_limits"


def _limit_text(context: ReportContext, limit: SizeLimit) -> str:
    value = context.numbers.convert(limit.value, limit.quantity)
    shown = context.numbers.point(f"{value:.4g}")
    unit = context.numbers.symbol_of(limit.quantity)
    return f"{context.text(f'quantity_{limit.quantity}')} {shown} {unit}"


def _limit_row(context: ReportContext, limit: SizeLimit) -> list[Child]:
    row: list[Child] = [f"{_limit_text(context, limit)} ({context.text(f'limit_{limit.origin}')})"]
    for decision, rows in compare(context.log, limit).items():
        count = context.numbers.count(len(rows))
        row.append(context.link(count, f"trace-limit-{limit.quantity}-{decision}"))
    return row


def _distribution(
    context: ReportContext,
    lengths: Sequence[tuple[ReportDefect, float]],
    limit: SizeLimit | None,
) -> Markup:
    edges = size_edges([length for _, length in lengths])
    columns_: list[Column] = []
    for k in range(len(edges) - 1):
        rows = [d for d, length in lengths if bisect_right(edges, length) == k + 1]
        rough = [d for d in rows if _is_rough(d)]
        measured = len(rows) - len(rough)
        tooltip = context.text(
            "distribution_tooltip",
            low=f"{edges[k]:g}",
            high=f"{edges[k + 1]:g}",
            count=len(rows),
            rough=len(rough),
        )
        href = f"#{context.anchor(f'trace-size-{k}')}" if rows else None
        columns_.append(Column((("bar", measured), ("bar rough", len(rough))), tooltip, href))
    text, symbol = context.text, context.numbers.symbol
    chart = Chart(
        text("distribution_title", unit=symbol),
        "; ".join(column.tooltip for column in columns_),
        text("length_axis", unit=symbol),
        text(f"tile_{context.noun}"),
    )
    line = None
    if limit is not None:
        line = context.numbers.convert(limit.value), text("limit_line")
    return context.numbers.chart(columns(chart, edges, columns_, line))


def _is_rough(defect: ReportDefect) -> bool:
    return defect.values.get("size_source") == "map" or bool(defect.values.get("truncated"))


def _largest(context: ReportContext, limit: SizeLimit | None) -> Markup:
    """The worst defects with the interval that holds the true length."""
    ranked = sorted(_lengths(context), key=lambda pair: -pair[1])[:_MOST_SPANS]
    rows = []
    for defect, length in ranked:
        _, expanded = defect.size("length", context.log.unit)
        u = 0.0 if expanded is None else context.numbers.convert(expanded)
        low, high = length - u, length + u
        if defect.values.get("size_source") == "map":
            low, high = 0.0, length
        if defect.values.get("truncated"):
            high = math.inf
        unit = context.numbers.symbol
        tooltip = f"D{defect.number}: {context.size_text(defect, 'length')} {unit}"
        class_ = f"dot {defect.severity}"
        rows.append(Span(length, low, high, class_, tooltip, context.defect_href(defect.number)))
    text, symbol = context.text, context.numbers.symbol
    description = "; ".join(row.tooltip for row in rows)
    title = text("largest_title", count=len(rows))
    axis = text("length_axis", unit=symbol)
    chart = Chart(title, description, text("largest_axis"), axis)
    line = None
    if limit is not None:
        line = context.numbers.convert(limit.value), text("limit_line")
    return context.numbers.chart(spans(chart, rows, line))
