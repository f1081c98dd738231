"""Builds the sections with failures, defects and scores over time, and with defects per metre."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from inspector.report.charts import Chart, round_step
from inspector.report.context import ReportContext, span_text
from inspector.report.markup import Child, Markup, element, section
from inspector.report.run_charts import Column, columns, score_history
from inspector.report.run_log import VERDICTS, ReportDefect

MOST_STEPS = 24


@dataclass(frozen=True, slots=True)
class TrendStep:
    """A part of the run. start, end: indices in the FrameTable. minutes: its length, NaN if times
    mean nothing, as for pictures of a folder. gap: numbers of frames that are missing in it."""

    start: int
    end: int
    failed: int
    errored: int
    gap: int
    mean_score: float
    minutes: float
    defects: Sequence[ReportDefect]


def trend_steps(context: ReportContext) -> list[TrendStep]:
    """Parts with equal numbers of frames. A defect belongs to the part of its best frame."""
    frames = context.log.frames
    count = len(frames)
    if not count:
        return []
    edges = np.linspace(0, count, min(MOST_STEPS, count) + 1).astype(int).tolist()
    defects: list[list[ReportDefect]] = [[] for _ in edges[1:]]
    for defect in context.log.defects:
        if defect.index is not None:
            defects[int(np.searchsorted(edges, defect.index, "right")) - 1].append(defect)
    return [
        _step(context, start, end, rows)
        for start, end, rows in zip(edges[:-1], edges[1:], defects, strict=True)
    ]


def _step(context: ReportContext, start: int, end: int, rows: list[ReportDefect]) -> TrendStep:
    frames = context.log.frames
    verdicts = frames.verdicts[start:end]
    scores = np.array(frames.scores[start:end])
    known = scores[np.isfinite(scores)]
    before = frames.frame_ids[start - 1] if start else -1
    return TrendStep(
        start=start,
        end=end,
        failed=verdicts.count(VERDICTS.index("FAIL")),
        errored=verdicts.count(VERDICTS.index("ERROR")),
        gap=frames.frame_ids[end - 1] - before - (end - start),
        mean_score=float(known.mean()) if len(known) else math.nan,
        minutes=math.nan if frames.names else _seconds(frames.times_s, start, end) / 60,
        defects=rows,
    )


def _seconds(times: Sequence[float], start: int, end: int) -> float:
    """From the first frame to the one behind the last. At the end of the run, the last frame is as
    long as the one before it."""
    if end < len(times):
        return times[end] - times[start]
    return times[-1] - times[start] + (times[-1] - times[-2] if len(times) > 1 else 0.0)


def trend_section(context: ReportContext) -> Markup:
    text, steps = context.text, trend_steps(context)
    if not steps:
        return section(text("trend_title"), element("p", text("no_frames")))
    return section(
        text("trend_title"),
        _frames_chart(context, steps),
        _per_metre(context),
        _table(context, steps),
    )


def _frames_chart(context: ReportContext, steps: Sequence[TrendStep]) -> Markup:
    text, frames = context.text, context.log.frames
    rows = []
    for number, step in enumerate(steps):
        tooltip = text(
            "trend_tooltip",
            first=frames.frame_ids[step.start],
            last=frames.frame_ids[step.end - 1],
            failed=step.failed,
            errored=step.errored,
            gap=step.gap,
        )
        parts = (("defective", step.failed), ("error", step.errored), ("gap", step.gap))
        rows.append(Column(parts, tooltip, f"#{context.anchor(f'trend-{number}')}"))
    edges = [*(frames.frame_ids[step.start] for step in steps), frames.frame_ids[-1] + 1]
    description = "; ".join(row.tooltip for row in rows)
    chart = Chart(text("trend_chart"), description, text("frame_axis"), text("trend_y"))
    return columns(chart, edges, rows)


def _table(context: ReportContext, steps: Sequence[TrendStep]) -> Markup:
    frames, numbers = context.log.frames, context.numbers
    rows: list[Sequence[Child]] = []
    for number, step in enumerate(steps):
        first, last = frames.frame_ids[step.start], frames.frame_ids[step.end - 1]
        name = element("span", span_text(first, last), id=context.anchor(f"trend-{number}"))
        counts = (step.failed, step.errored, step.gap)
        href = context.frame_href(first)
        cells: list[Child] = [
            element("a", numbers.count(value), href=href) if value else "0" for value in counts
        ]
        defect_cell: Child = numbers.count(len(step.defects))
        if step.defects:
            defect_cell = context.link(defect_cell, f"trace-trend-{number}")
        rate = len(step.defects) / step.minutes if step.minutes > 0 else math.nan
        times = "–" if frames.names else numbers.seconds(frames.times_s[step.start])
        score = numbers.score(step.mean_score)
        rows.append((name, times, *cells, score, defect_cell, numbers.digits(rate)))
    keys = ("frames_of_step", "time", "failed", "errored", "gap", "mean_score")
    return context.table((*keys, context.noun, "per_minute"), rows, context.text("trend_caption"))


def trend_groups(context: ReportContext) -> list[tuple[str, str, list[int]]]:
    """Title, anchor and numbers of the defects of every part, for the appendix."""
    groups = []
    frames = context.log.frames
    for number, step in enumerate(trend_steps(context)):
        if step.defects:
            first, last = frames.frame_ids[step.start], frames.frame_ids[step.end - 1]
            title = context.text("trend_group", first=first, last=last)
            numbers = sorted(defect.number for defect in step.defects)
            groups.append((title, f"trace-trend-{number}", numbers))
    for number, (start, end, defects) in enumerate(_by_place(context)):
        if defects:
            values = {"low": f"{start:.9g}", "high": f"{end:.9g}", "count": len(defects)}
            title = context.numbers.point(context.text("metre_tooltip", **values))
            groups.append((title, f"trace-metre-{number}", [d.number for d in defects]))
    return groups


def _by_place(context: ReportContext) -> list[tuple[float, float, list[ReportDefect]]]:
    """Parts of the web of equal length: start and end in m, and their defects. Empty without places
    on the web in metres."""
    places = [
        (float(web["y_m"]), defect)
        for defect in context.log.defects
        if (web := defect.values.get("web")) and web.get("y_m") is not None
    ]
    if not context.log.tracked or not places:
        return []
    length = (context.log.event("ledger") or {}).get("length_m") or 0.0
    low, high = min(place for place, _ in places), max(place for place, _ in places)
    if low <= length:  # otherwise the places continue those of an earlier run
        low, high = min(low, 0.0), max(high, length)
    metres = round_step(max(high - low, 1e-3) / MOST_STEPS)
    first = math.floor(low / metres)
    last = max(math.ceil(high / metres), first + 1)
    edges = [float(f"{k * metres:.9g}") for k in range(first, last + 1)]
    groups: list[list[ReportDefect]] = [[] for _ in edges[1:]]
    for place, defect in places:
        groups[min(int(place / metres - first), len(groups) - 1)].append(defect)
    return [(*ends, rows) for ends, rows in zip(pairwise(edges), groups, strict=True)]


def _per_metre(context: ReportContext) -> Markup | None:
    """Defects along the web. Each column leads to its defects."""
    parts, text = _by_place(context), context.text
    if not parts:
        return None
    rows = []
    for number, (start, end, defects) in enumerate(parts):
        count = len(defects)
        tooltip = text("metre_tooltip", low=f"{start:.9g}", high=f"{end:.9g}", count=count)
        href = f"#{context.anchor(f'trace-metre-{number}')}" if defects else None
        rows.append(Column((("bar", count / (end - start)),), tooltip, href))
    description = "; ".join(row.tooltip for row in rows)
    chart = Chart(text("metre_title"), description, text("metre_axis"), text("metre_y"))
    edges = [parts[0][0], *(end for _, end, _ in parts)]
    return context.numbers.chart(columns(chart, edges, rows))


def score_section(context: ReportContext) -> Markup:
    """The image score of every frame beside the threshold."""
    text, frames = context.text, context.log.frames
    if not len(frames):
        return section(text("score_title"), element("p", text("no_frames")))
    places = np.array(frames.frame_ids, np.float64)
    scores = np.array(frames.scores, np.float64)
    failed = np.array(frames.verdicts) == VERDICTS.index("FAIL")
    limit = float(context.log.header["image_threshold"])
    known = scores[np.isfinite(scores)]
    values = (known.min(), np.median(known), known.max()) if len(known) else (math.nan,) * 3
    low, middle, high = (context.numbers.score(float(value)) for value in values)
    sentence = text("score_sentence", low=low, middle=middle, high=high)
    chart = Chart(text("score_chart"), sentence, text("frame_axis"), text("score_axis"))
    name = text("threshold_line", value=context.numbers.score(limit))
    drawing = context.numbers.chart(score_history(chart, places, scores, failed, limit, name))
    return section(
        text("score_title"),
        element("p", sentence, class_="lead"),
        element("a", drawing, href=f"#{context.anchor('frames')}", class_="plain"),
        element("p", text("score_note"), class_="note"),
    )
