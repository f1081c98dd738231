"""The charts of a gauge study: components, parts, appraisers, interaction, control charts, bias."""

from evaluation.formats import percent
from evaluation.gauge.anova import AV, EV, INT, PV
from evaluation.gauge.attribute import AttributeStudy, Share
from evaluation.gauge.bias import BiasStudy, Linearity
from evaluation.gauge.control_limits import ControlChart
from evaluation.gauge.design import Design, Values
from evaluation.gauge.study import Subject
from evaluation.gauge.texts import TITLES, components_in_words, confidence_in_words
from evaluation.gauge.variable import GRR, VariableStudy
from evaluation.report.point_charts import Level, Series, draw_points
from inspector.report.charts import Bar, Chart, bars
from inspector.report.markup import Markup


def components(study: VariableStudy) -> Markup | None:
    """None without parts to compare with."""
    shown = [study.components[name] for name in (GRR, EV, AV, INT, PV) if name in study.components]
    if study.grr.of_total is None:
        return None
    rows = [
        Bar(TITLES[each.name], each.of_total, each.of_total_interval, percent(each.of_total or 0.0))
        for each in shown
    ]
    description = components_in_words(shown)
    return bars(Chart("Components of variation", description, "share of the total variation"), rows)


def parts(design: Design, subject: Subject) -> Markup:
    """All measurements of each part, and the averages of the parts."""
    values = [design.of_part(part) for part in design.parts]
    title = "Measurements by part"
    chart = Chart(title, f"{title}; the line joins the averages.", "part", _axis(subject))
    single = Series(
        "", [(k, float(v)) for k, row in enumerate(values) for v in row], style=5, line=False
    )
    means = Series("", [(k, float(row.mean())) for k, row in enumerate(values)])
    return draw_points(chart, [single, means], places=short_names(design.parts))


def appraisers(design: Design, subject: Subject) -> Markup:
    """All measurements of each appraiser, and the averages of the appraisers."""
    columns = [design.values[:, k].ravel() for k in range(len(design.appraisers))]
    title = "Measurements by appraiser"
    chart = Chart(title, f"{title}; the line joins the averages.", "appraiser", _axis(subject))
    single = Series(
        "", [(k, float(v)) for k, column in enumerate(columns) for v in column], style=5, line=False
    )
    means = Series("", [(k, float(column.mean())) for k, column in enumerate(columns)])
    return draw_points(chart, [single, means], places=design.appraisers)


def interaction(design: Design, subject: Subject) -> Markup:
    """The average of each part by each appraiser. Parallel lines mean no interaction."""
    title = "Part by appraiser"
    averages = design.values.mean(axis=2)
    series = [
        Series(name, [(p, float(v)) for p, v in enumerate(averages[:, k])], style=k)
        for k, name in enumerate(design.appraisers)
    ]
    chart = Chart(title, f"{title}, averages of the trials.", "part", _axis(subject, "average"))
    return draw_points(chart, series, places=short_names(design.parts))


def averages_and_ranges(
    control: ControlChart, design: Design, subject: Subject
) -> tuple[Markup, Markup]:
    """The average chart and the range chart, appraiser after appraiser. With a single part they
    show its stability over the appraisers, such as days."""
    averages = f"Averages: {control.outside} of {control.averages.size} outside the limits"
    ranges = f"Ranges: {control.unstable} of {control.ranges.size} outside the limits"
    return (
        _control(averages, control.averages, control.average_limits, design, subject),
        _control(ranges, control.ranges, control.range_limits, design, subject),
    )


def _control(
    text: str,
    values: Values,
    limits: tuple[float, float, float],
    design: Design,
    subject: Subject,
) -> Markup:
    low, _, high = limits
    levels = [Level(high, "upper limit"), Level(low, "lower limit", below=True)]
    parts = short_names(design.parts)
    single = len(parts) == 1
    return draw_points(
        Chart(text, f"{text}.", "appraiser" if single else "part", _axis(subject)),
        [Series("", [(k, float(value)) for k, value in enumerate(values.ravel())])],
        places=design.appraisers if single else parts * (1 if design.nested else len(values)),
        levels=[level for level in levels if level.y != 0],
        groups=() if single else [(name, values.shape[1]) for name in design.appraisers],
    )


def bias(study: BiasStudy, design: Design, subject: Subject) -> Markup:
    """The bias of each measurement over the reference, and the fitted line with its band."""
    points = [
        (part.reference, float(value) - part.reference)
        for part in study.parts
        for value in design.of_part(part.part)
    ]
    series = [Series("measurement", points, style=5, line=False)]
    text = "Bias over the reference"
    if study.linearity is not None:
        series += _band(study.linearity, min(x for x, _ in points), max(x for x, _ in points))
        confidence = confidence_in_words(study.confidence)
        text += f", with the fitted line and its {confidence} confidence band"
    unit = f" / {subject.unit}" if subject.unit else ""
    chart = Chart("Bias and linearity", f"{text}.", f"reference{unit}", f"bias{unit}")
    return draw_points(chart, series, levels=[Level(0.0, "bias 0")])


def _band(line: Linearity, low: float, high: float) -> list[Series]:
    ends = [low + k * (high - low) / 40 for k in range(41)]
    curves = [[(x, line.band(x)[k]) for x in ends] for k in range(3)]
    return [
        Series("fitted line", curves[0], dots=False),
        Series("band", curves[1], style=1, dots=False),
        Series("", curves[2], style=1, dots=False),
    ]


def verdict_bars(study: AttributeStudy) -> list[Markup]:
    """Effectiveness, misses and false alarms of each appraiser. Empty without references."""
    charts = []
    for title, field in (
        ("Effectiveness", "effective"),
        ("Misses", "misses"),
        ("False alarms", "false_alarms"),
    ):
        shares = [(each.name, getattr(each, field)) for each in study.appraisers]
        rows = [_share_bar(name, share) for name, share in shares if share is not None]
        if rows:
            text = "; ".join(f"{row.label}: {row.text}" for row in rows)
            charts.append(bars(Chart(title, f"{title} with 95 % intervals. {text}", "share"), rows))
    return charts


def _share_bar(name: str, share: Share) -> Bar:
    if share.value is None:
        return Bar(name, None)
    text = f"{share.count} of {share.of}, {percent(share.value)}"
    return Bar(name, share.value, share.interval, text)


def _axis(subject: Subject, of: str = "value") -> str:
    return f"{of} / {subject.unit}" if subject.unit else of


def short_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Short names, or numbers if a name is long."""
    if max(map(len, names)) <= 4:
        return names
    return tuple(str(k) for k in range(1, len(names) + 1))
