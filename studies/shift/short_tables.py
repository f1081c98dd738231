"""The short tables between the text of a report: what each class, group and kind loses."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Final

from evaluation.formats import fraction, percent
from studies.shift import page
from studies.shift.analysis import ADAPTATION, DEGRADATION, REST, Analysis
from studies.shift.cells import ADAPTED, GLOBAL, PLAIN, RECALIBRATED, SHIFTED
from studies.shift.changes import Change
from studies.shift.groups import GROUPINGS, GroupChange, misses_by_group, verdicts_by_kind
from studies.shift.sentences import METRIC
from studies.shift.table_files import StudyTable, Value
from studies.shift.tables import with_interval

PHASES: Final = (PLAIN, SHIFTED, RECALIBRATED, ADAPTED)


def make_short_tables(
    analysis: Analysis, groups: Sequence[GroupChange]
) -> dict[str, tuple[StudyTable, ...]]:
    """Title of a section of the page -> its tables. They have the names of the tables that they
    summarize, and are not written as files."""
    return {
        page.LOSSES: (_losses(analysis),),
        page.GROUPS: (_groups(analysis, groups),),
        page.THRESHOLDS: (_kinds(analysis),),
    }


def shorten_variants(table: StudyTable) -> StudyTable:
    """table: of the variants of a method. Its columns that fit on a sheet of paper."""
    left_out = ("aupro_shifted", "aupro_adapted", "model_mb")
    shown = [k for k, name in enumerate(table.head) if name not in left_out]
    head = tuple(table.head[k].replace("_", " ") for k in shown)
    rows = tuple(tuple(row[k] for k in shown) for row in table.rows)
    return StudyTable(table.name, table.title, head, rows, head[-2:])


def _losses(analysis: Analysis) -> StudyTable:
    changes = {(c.comparison, c.second): c for c in analysis.changes if c.metric == METRIC}
    shares = {
        (r.class_name, r.method, r.transform, r.severity): r.share
        for r in analysis.recoveries
        if r.metric == METRIC
    }
    rows: list[tuple[float, tuple[Value, ...]]] = []
    cells = [
        cell
        for cell in analysis.cells
        if cell.key.phase == SHIFTED and cell.key.method in analysis.methods
    ]
    names = list(dict.fromkeys(cell.key.class_name for cell in cells))
    for cell in sorted(cells, key=lambda cell: names.index(cell.key.class_name)):
        key, adapted = cell.key, analysis.find(ADAPTED, cell)
        shown = [analysis.find(PLAIN, cell, clean=True), cell, adapted]
        shown.append(analysis.find(GLOBAL, cell))
        loss = changes.get((DEGRADATION, key.file))
        gain = None if adapted is None else changes.get((ADAPTATION, adapted.key.file))
        place = (key.class_name, key.method, key.transform, key.severity)
        share = shares.get(place)
        values = (
            *(with_interval(None if each is None else each.figures.image_auroc) for each in shown),
            *(_text(loss), _text(gain), None if share is None else percent(share)),
        )
        lost = 0.0 if loss is None or loss.value is None else loss.value
        shift = f"{key.transform}, {key.severity}"
        rows.append((lost, (key.class_name, key.method, shift, *values)))
    title = "Image AUROC with 95 % intervals, paired differences with p, and the share recovered"
    if len(rows) > page.MOST_SHORT_ROWS:
        rows.sort(key=lambda row: row[0])
        title += "; the largest losses first"
    head = (
        *("class", "method", "shift", PLAIN, SHIFTED, ADAPTED, GLOBAL),
        *("shifted minus clean", "adapted minus shifted", "recovered"),
    )
    return StudyTable("changes", title, head, tuple(row for _, row in rows))


def _text(change: Change | None) -> str | None:
    if change is None or change.value is None:
        return None
    p = "" if change.p is None else f" (p {change.p:.3f})"
    return f"{fraction(change.value)}{p}"


def _groups(analysis: Analysis, groups: Sequence[GroupChange]) -> StudyTable:
    """Means over methods and shifts; for size and place also over classes."""
    rows: list[tuple[Value, ...]] = []
    for grouping in GROUPINGS:
        changes: dict[tuple[str, str], list[GroupChange]] = {}
        for each in groups:
            if each.grouping == grouping:
                changes.setdefault(_name(grouping, each.name, each.change.class_name), []).append(
                    each
                )
        missed: dict[tuple[tuple[str, str], str], list[int]] = {}
        for misses in misses_by_group(analysis, grouping):
            name = _name(grouping, misses.name, misses.cell.key.class_name)
            total = missed.setdefault((name, misses.cell.key.phase), [0, 0])
            total[0] += misses.misses.count
            total[1] += misses.misses.of
        for name, of_group in sorted(changes.items()):
            texts = (missed.get((name, phase)) for phase in PHASES)
            rows.append(
                (
                    *(grouping, *name),
                    *(_mean(of_group, which) for which in (DEGRADATION, ADAPTATION, REST)),
                    *(None if text is None else f"{text[0]} of {text[1]}" for text in texts),
                )
            )
    head = (
        *("group", "class", "name", "shifted minus clean", "adapted minus shifted"),
        *("adapted minus clean", *(f"missed, {phase}" for phase in PHASES)),
    )
    title = (
        "Mean change of the image AUROC by kind of defect, and by size and place of the largest "
        f"defect of a picture; misses ({analysis.strategy}) over methods and shifts"
    )
    return StudyTable("groups", title, head, tuple(rows))


def _name(grouping: str, name: str, class_name: str) -> tuple[str, str]:
    return (class_name if grouping == "kind" else "all", name)


def _mean(groups: Iterable[GroupChange], comparison: str) -> float | None:
    values = [g.change.value for g in groups if g.change.comparison == comparison]
    defined = [value for value in values if value is not None]
    return statistics.fmean(defined) if defined else None


def _kinds(analysis: Analysis) -> StudyTable:
    counted: dict[tuple[str, str, str], dict[str, list[int]]] = {}
    for each in verdicts_by_kind(analysis):
        key = each.cell.key
        if key.method not in analysis.methods:
            continue
        total = counted.setdefault((key.class_name, each.kind, key.method), {})
        counts = total.setdefault(key.phase, [0, 0])
        counts[0] += each.failed.count
        counts[1] += each.failed.of
    rows = tuple(
        (*place, *(_count(phases.get(phase)) for phase in PHASES))
        for place, phases in sorted(counted.items())
    )
    head = ("class", "kind", "method", *PHASES)
    title = f"Pictures that FAIL, of each kind ({analysis.strategy}), over all shifts"
    return StudyTable("confusion", title, head, rows)


def _count(counts: list[int] | None) -> str | None:
    return None if counts is None else f"{counts[0]} of {counts[1]}"
