"""The sentences of a study about groups of defects, calibration, variants of a method and sheets of
heatmaps."""

from collections.abc import Iterator, Sequence

from evaluation.formats import count_of, fraction, percent
from studies.shift.ablations import BASE, varied
from studies.shift.analysis import ADAPTATION, DEGRADATION, OPTIONS, Analysis
from studies.shift.calibration import PROMISES, calibration_points, pool
from studies.shift.cells import ADAPTED, PLAIN, RECALIBRATED, SHIFTED
from studies.shift.costs import MethodCost
from studies.shift.group_tables import mean_metric
from studies.shift.groups import GROUPINGS, GroupChange, misses_by_group, verdicts_by_kind
from studies.shift.sentences import Sentence


def describe_groups(analysis: Analysis, groups: Sequence[GroupChange]) -> Iterator[Sentence]:
    """Which kinds, sizes and places of defects the shifts cost most, and what adapting gives."""
    for grouping in GROUPINGS:
        losses = _means(groups, grouping, DEGRADATION)
        if losses:
            worst, least = min(losses, key=losses.__getitem__), max(losses, key=losses.__getitem__)
            other = f", {least} the highest ({fraction(losses[least])})" if worst != least else ""
            yield Sentence(
                f"By {grouping} of defect, {worst} has the lowest mean change of image AUROC under "
                f"shift ({fraction(losses[worst])}){other}.",
                "tables/groups.csv",
            )
        gains = _means(groups, grouping, ADAPTATION)
        if gains:
            most = max(gains, key=gains.__getitem__)
            yield Sentence(
                f"By {grouping}, {most} has the highest mean change by adapting "
                f"({fraction(gains[most])}).",
                "tables/groups.csv",
            )
        yield from _describe_misses(analysis, grouping)


def _means(groups: Sequence[GroupChange], grouping: str, comparison: str) -> dict[str, float]:
    """Name of a group -> mean over classes, methods and shifts. A kind has its class in front."""
    values: dict[str, list[float]] = {}
    for each in groups:
        change = each.change
        if (each.grouping, change.comparison) != (grouping, comparison) or change.value is None:
            continue
        name = f"{change.class_name} {each.name}" if grouping == "kind" else each.name
        values.setdefault(name, []).append(change.value)
    return {name: sum(each) / len(each) for name, each in values.items()}


def _describe_misses(analysis: Analysis, grouping: str) -> Iterator[Sentence]:
    counted: dict[str, list[int]] = {}
    for each in misses_by_group(analysis, grouping):
        if each.cell.key.phase == SHIFTED:
            name = f"{each.cell.key.class_name} {each.name}" if grouping == "kind" else each.name
            total = counted.setdefault(name, [0, 0])
            total[0] += each.misses.count
            total[1] += each.misses.of
    if counted:
        worst = max(counted, key=lambda name: counted[name][0] / counted[name][1])
        count, of = counted[worst]
        yield Sentence(
            f"By {grouping}, {worst} is missed most often under shift: {count} of {of} "
            f"({percent(count / of)}), over all methods and shifts.",
            "tables/misses.csv",
        )


def describe_confusion(analysis: Analysis) -> Iterator[Sentence]:
    """The kind with the largest share of wrong verdicts in each phase."""
    for phase in (PLAIN, SHIFTED, RECALIBRATED, ADAPTED):
        wrong: dict[str, list[int]] = {}
        for each in verdicts_by_kind(analysis):
            if each.cell.key.phase == phase:
                name = f"{each.kind} of {each.cell.key.class_name}"
                total = wrong.setdefault(name, [0, 0])
                failed = each.failed
                total[0] += failed.of - failed.count if each.defective else failed.count
                total[1] += failed.of
        if wrong:
            worst = max(wrong, key=lambda name: wrong[name][0] / wrong[name][1])
            count, of = wrong[worst]
            yield Sentence(
                f"{phase.capitalize()}: the kind with most wrong verdicts is {worst}, {count} of "
                f"{of} ({percent(count / of)}).",
                "tables/confusion.csv",
            )


def describe_calibration(analysis: Analysis) -> Iterator[Sentence]:
    """How far the measured rate of false alarms lies above the promised one."""
    for phase in (PLAIN, SHIFTED, RECALIBRATED, ADAPTED):
        points = [
            point
            for cell in analysis.cells
            if cell.key.phase == phase
            for point in calibration_points(cell)
        ]
        if points:
            promised, measured = max(pool(points), key=lambda pair: pair[1] - pair[0])
            excess = (
                f"the largest excess over a promised rate of false alarms is at "
                f"{percent(promised)}, where {percent(measured)} of the good pictures fail"
            )
            if measured <= promised:
                excess = (
                    f"no rate of false alarms up to {percent(PROMISES[-1])} exceeds its promise"
                )
            yield Sentence(f"{phase.capitalize()}: {excess}.", "tables/calibration.csv")


def describe_variants(analysis: Analysis, costs: Sequence[MethodCost]) -> Iterator[Sentence]:
    """What the options of PatchCore are worth, and the size of what a method stores."""
    methods = list(dict.fromkeys(cell.key.method for cell in analysis.cells))
    for method in methods:
        certain = [
            c
            for c in analysis.changes
            if (c.comparison, c.method, c.metric) == (OPTIONS, method, "image_auroc")
            and c.value is not None
        ]
        if not certain:
            continue
        what = varied(method)
        about = f"{method} ({what})" if what else method
        values = ", ".join(
            f"{fraction(value)} {phase}"
            for phase in (PLAIN, SHIFTED, ADAPTED)
            if (value := mean_metric(analysis, method, phase, "image_auroc")) is not None
        )
        better = sum(c.is_certain and (c.value or 0) > 0 for c in certain)
        worse = sum(c.is_certain and (c.value or 0) < 0 for c in certain)
        yield Sentence(
            f"{about}: mean image AUROC {values}. It is certainly better than the default options "
            f"in {better}, and certainly worse in {worse}, of {count_of(len(certain), 'cell')}.",
            "tables/variants.csv",
        )
    banks = [c for c in costs if c.bank_rows is not None and c.method.startswith(BASE)]
    if len({cost.bank_rows for cost in banks}) > 1:
        small = min(banks, key=lambda cost: cost.model_mb)
        large = max(banks, key=lambda cost: cost.model_mb)
        yield Sentence(
            f"The smallest bank has {small.bank_rows} rows ({small.model_mb:.3g} MB, "
            f"{small.method} on {small.class_name}), the largest {large.bank_rows} "
            f"({large.model_mb:.3g} MB, {large.method} on {large.class_name}).",
            "tables/bank_sizes.csv",
        )
