"""Builds the page of a gauge study: one HTML file with everything in it."""

from collections.abc import Sequence

from evaluation.formats import percent
from evaluation.gauge import study_charts, texts
from evaluation.gauge.anova import Source
from evaluation.gauge.attribute import AttributeStudy, Kappa, Share
from evaluation.gauge.bias import BiasStudy
from evaluation.gauge.control_limits import control_chart
from evaluation.gauge.study import GaugeStudy
from evaluation.gauge.variable import Component, Interval, VariableStudy
from inspector.report.html_table import name_value_list, table
from inspector.report.markup import Child, Markup, document, element, join, section, signature


def study_page(study: GaugeStudy) -> str:
    subject = study.subject
    return document(
        subject.title,
        element("h1", subject.title),
        _box("findings" if texts.is_acceptable(study) else "warn", texts.conclusions(study)),
        _subject(study),
        _box("warn", texts.notes(study), "Please note"),
        *(_variation(study, study.variable) if study.variable else ()),
        _bias(study, study.bias) if study.bias else None,
        *(_verdicts(study.attribute) if study.attribute else ()),
        _unmatched(study),
        signature(),
        _data(study),
    )


def _box(class_: str, sentences: Sequence[str], title: str | None = None) -> Markup | None:
    if not sentences:
        return None
    items = (element("li", sentence) for sentence in sentences)
    head = None if title is None else element("strong", title)
    return element("div", head, element("ul", *items), class_=class_)


def _subject(study: GaugeStudy) -> Markup:
    design, subject = study.design, study.subject
    per = " per appraiser" if design.nested else ""
    pairs: list[tuple[str, Child]] = [
        ("measured", f"{subject.measured}{f' in {subject.unit}' if subject.unit else ''}"),
        ("from", subject.origin),
        ("parts", f"{design.values.shape[0]}{per}"),
        ("appraisers", f"{len(design.appraisers)}: {', '.join(design.appraisers)}"),
        ("trials", str(design.trials)),
    ]
    if study.variable is not None and study.variable.tolerance is not None:
        pairs.append(("tolerance", f"{study.variable.tolerance:g} {subject.unit}"))
    return name_value_list([*pairs, ("made", subject.made_utc)])


def _variation(study: GaugeStudy, variable: VariableStudy) -> list[Markup]:
    design, subject = study.design, study.subject
    charts: list[Child] = [study_charts.components(variable)]
    if len(design.parts) > 1:
        charts.append(study_charts.parts(design, subject))
    if len(design.appraisers) > 1:
        charts.append(study_charts.appraisers(design, subject))
        if not design.nested and len(design.parts) > 1:
            charts.append(study_charts.interaction(design, subject))
    control = control_chart(design)
    if control is not None and max(len(design.parts), len(design.appraisers)) > 1:
        charts += study_charts.averages_and_ranges(control, design, subject)
    if study.bias is not None:
        charts.append(study_charts.bias(study.bias, design, subject))
    rows = [_component_row(each, variable) for each in variable.components.values()]
    confidence = texts.confidence_in_words(variable.confidence)
    unit = f", {subject.unit}" if subject.unit else ""
    head = ["component", f"standard deviation{unit}", f"{confidence} interval{unit}"]
    head += ["contribution, %", "% of total variation", f"{confidence} interval, %"]
    if variable.tolerance is not None:
        head += ["% of tolerance", f"{confidence} interval, %"]
    sources = variable.anova.full
    if variable.anova.pooled:
        sources += (variable.anova.sources[-1],)
    model = (element("p", sentence, class_="note") for sentence in texts.describe_model(variable))
    return [
        section("Repeatability and reproducibility", table(head, rows), *model, _rule()),
        section("Charts", element("div", *charts, class_="charts")),
        section("Analysis of variance", _anova(sources, pooled=variable.anova.pooled)),
    ]


def _rule() -> Markup:
    return element("p", texts.GRR_RULE, class_="note")


def _component_row(component: Component, study: VariableStudy) -> list[Child]:
    row: list[Child] = [
        texts.TITLES[component.name],
        f"{component.deviation:.4g}",
        _range(component.interval),
        _percent(component.contribution),
        _percent(component.of_total),
        _percents(component.of_total_interval),
    ]
    if study.tolerance is not None:
        row += [_percent(component.of_tolerance), _percents(component.of_tolerance_interval)]
    return row


def _anova(sources: Sequence[Source], *, pooled: bool) -> Markup:
    names = [source.name for source in sources]
    if pooled:
        names[-1] = "repeatability, with the interaction"
    rows = [
        (
            name,
            str(source.degrees),
            f"{source.squares:.5g}",
            f"{source.mean_square:.5g}",
            "-" if source.f_ratio is None else f"{source.f_ratio:.3f}",
            _p(source.p),
        )
        for name, source in zip(names, sources, strict=True)
    ]
    head = ("source", "degrees of freedom", "sum of squares", "mean square", "F", "p")
    return table(head, rows)


def _bias(study: GaugeStudy, bias: BiasStudy) -> Markup:
    unit = f", {study.subject.unit}" if study.subject.unit else ""
    rows = [
        (
            part.part,
            f"{part.reference:g}",
            str(part.measurements),
            f"{part.bias:.4g}",
            _range(part.interval),
            f"{part.deviation:.4g}",
            _p(part.p),
            *(("-" if value is None else f"{value:.2f}") for value in (part.cg, part.cgk)),
        )
        for part in bias.parts
    ]
    head = ("part", f"reference{unit}", "measurements", f"bias{unit}")
    more = (
        f"{texts.confidence_in_words(bias.confidence)} interval",
        "standard deviation",
        "p",
        "Cg",
        "Cgk",
    )
    return section(
        "Bias and linearity",
        table((*head, *more), rows),
        element("p", texts.CAPABILITY_RULE, class_="note"),
        _linearity(bias),
    )


def _linearity(bias: BiasStudy) -> Markup:
    line = bias.linearity
    if line is None:
        text = "Linearity needs three or more different references."
        return element("p", text, class_="note")
    explained = "-" if line.r_squared is None else percent(line.r_squared)
    rows = [
        ("slope", f"{line.slope:.4g}", _range(line.slope_interval), _p(line.slope_p)),
        (
            "intercept",
            f"{line.intercept:.4g}",
            _range(line.intercept_interval),
            _p(line.intercept_p),
        ),
    ]
    caption = (
        f"bias = intercept + slope x reference; standard deviation around the line "
        f"{line.residual:.4g}; the line explains {explained} of the variance"
    )
    return table(
        ("line", "value", f"{texts.confidence_in_words(line.confidence)} interval", "p"),
        rows,
        caption,
    )


def _verdicts(study: AttributeStudy) -> list[Markup]:
    known = study.right is not None
    head = ["appraiser", "same verdict in all trials"]
    if known:
        head += ["effectiveness", "misses", "false alarms", "parts missed", "parts falsely alarmed"]
        head += ["kappa to the reference", "grade"]
    rows: list[list[Child]] = []
    for each in study.appraisers:
        row: list[Child] = [each.name, _share(each.within)]
        if known:
            shares = (each.effective, each.misses, each.false_alarms)
            row += map(_share, (*shares, each.parts_missed, each.parts_alarmed))
            row += [_kappa(each.kappa), texts.grade_appraiser(each) or "-"]
        rows.append(row)
    rows.append(["all together", _share(study.agreeing)])
    if study.right is not None:
        rows[-1] += [_share(study.right), "", "", "", "", "", ""]
    kappas = [
        (" and ".join(each.between), _kappa(each), texts.grade_kappa(each)) for each in study.pairs
    ]
    kappas.append(("all (Fleiss)", _kappa(study.fleiss), texts.grade_kappa(study.fleiss)))
    charts = study_charts.verdict_bars(study)
    return [
        section(
            "Verdicts",
            table(head, rows, "each with its exact 95 % interval (Clopper-Pearson)"),
            element("p", texts.VERDICT_RULE, class_="note"),
            element("div", *charts, class_="charts") if charts else None,
        ),
        section("Agreement", table(("appraisers", "kappa", "agreement"), kappas)),
    ]


def _unmatched(study: GaugeStudy) -> Markup | None:
    names = study.subject.unmatched
    if not names:
        return None
    items = (element("li", name) for name in names)
    return section("Left out", element("ul", *items))


def _data(study: GaugeStudy) -> Markup:
    """The measurements, a row per part."""
    design = study.design
    cells = {(row.part, row.appraiser, row.trial): row.value for row in study.rows}
    trials = list(dict.fromkeys(row.trial for row in study.rows))
    columns = [(a, t) for a in design.appraisers for t in trials]
    known = bool(design.references)
    short = study_charts.short_names(design.parts)
    rows = [
        [
            part if name == part else f"{name}. {part}",
            *([_value(design.references.get(part), study)] if known else []),
            *(_value(cells.get((part, *column)), study) for column in columns),
        ]
        for name, part in zip(short, design.parts, strict=True)
    ]
    head = ["part", *(["reference"] if known else []), *(f"{a}, trial {t}" for a, t in columns)]
    summary = element("summary", f"Data: all {len(study.rows)} measurements")
    return element("details", summary, table(head, rows))


def _value(value: float | None, study: GaugeStudy) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if study.attribute is None else ("FAIL", "PASS")[int(value)]


def _share(share: Share | None) -> Child:
    if share is None or share.value is None:
        return "-"
    interval = f"({_percents(share.interval)})"
    lines = (f"{share.count} of {share.of}", percent(share.value), interval)
    return join(lines[0], *(part for line in lines[1:] for part in (element("br"), line)))


def _kappa(kappa: Kappa | None) -> str:
    return "-" if kappa is None or kappa.value is None else f"{kappa.value:.2f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def _percents(interval: Interval | None) -> str:
    return "-" if interval is None else f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}"


def _range(interval: Interval) -> str:
    return f"{interval[0]:.4g} to {interval[1]:.4g}"


def _p(p: float | None) -> str:
    return "-" if p is None else texts.p_in_words(p)
