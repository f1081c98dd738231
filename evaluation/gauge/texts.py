"""The sentences of a gauge study: conclusions, notes, and how the figures were computed."""

from collections.abc import Sequence
from typing import Final

from evaluation.formats import percent
from evaluation.gauge.anova import AV, EV, INTERACTION, PV
from evaluation.gauge.attribute import AppraiserResult, Kappa
from evaluation.gauge.bias import BiasStudy
from evaluation.gauge.control_limits import control_chart
from evaluation.gauge.design import Design
from evaluation.gauge.study import GaugeStudy
from evaluation.gauge.variable import Component, Interval, VariableStudy

ACCEPTABLE, MARGINAL, UNACCEPTABLE = "acceptable", "may be acceptable", "not acceptable"

LEAST_CATEGORIES: Final = 5
LEAST_CAPABILITY: Final = 1.33
GOOD_KAPPA, POOR_KAPPA = 0.75, 0.40

TITLES: Final = {
    "EV": "repeatability (EV)",
    "AV": "reproducibility (AV)",
    "INT": "part x appraiser (INT)",
    "GRR": "gauge (GRR)",
    "PV": "parts (PV)",
    "TV": "total variation (TV)",
}

GRR_RULE: Final = (
    "AIAG's guideline for %GRR: below 10 % acceptable, 10 to 30 % may be acceptable depending on "
    "the use and the cost, above 30 % not acceptable; and the number of distinct categories is 5 "
    "or more. AIAG asks not to decide by these limits alone."
)
CAPABILITY_RULE: Final = (
    "Cg is 0.2 tolerances divided by 6 standard deviations. Cgk is 0.1 tolerances less the bias, "
    "divided by 3 standard deviations. They are usual for repeated measurements of a single part "
    "(type-1 study), but are not from AIAG. They need a tolerance and a single appraiser."
)
VERDICT_RULE: Final = (
    "AIAG's guideline for an appraiser: acceptable if effectiveness is at least 90 %, misses at "
    "most 2 % and false alarms at most 5 %; marginal down to 80 %, up to 5 % and up to 10 %; else "
    "not acceptable. Kappa above 0.75 is good agreement, below 0.40 poor."
)


def grade_variation(share: float) -> str:
    """share: %GRR as a number, 0.1 for 10 %."""
    if share < 0.1:
        return ACCEPTABLE
    return MARGINAL if share <= 0.3 else UNACCEPTABLE


def grade_appraiser(result: AppraiserResult) -> str | None:
    """The worst of the three grades. None without good or without defective parts."""
    shares = (result.effective, result.misses, result.false_alarms)
    values = [share.value for share in shares if share is not None and share.value is not None]
    if len(values) < 3:
        return None
    effective, misses, alarms = values
    if effective >= 0.9 and misses <= 0.02 and alarms <= 0.05:
        return ACCEPTABLE
    if effective >= 0.8 and misses <= 0.05 and alarms <= 0.1:
        return MARGINAL
    return UNACCEPTABLE


def grade_kappa(kappa: Kappa) -> str:
    if kappa.value is None:
        return "undefined: only the same verdict"
    if kappa.value > GOOD_KAPPA:
        return "good"
    return "poor" if kappa.value < POOR_KAPPA else "moderate"


def conclusions(study: GaugeStudy) -> list[str]:
    """What the study says, the most important first."""
    if study.variable is not None:
        biases = [] if study.bias is None else _bias_conclusions(study.bias)
        return _variation_conclusions(study.variable) + biases
    if study.attribute is None:
        return []
    sentences = []
    for result in study.attribute.appraisers:
        grade = grade_appraiser(result)
        if grade is not None and result.effective and result.misses and result.false_alarms:
            sentences.append(
                f"Appraiser {result.name} is {grade}: effectiveness "
                f"{percent(result.effective.value or 0.0)}, misses "
                f"{percent(result.misses.value or 0.0)}, false alarms "
                f"{percent(result.false_alarms.value or 0.0)}."
            )
    agreeing = study.attribute.agreeing
    sentences.append(
        f"All verdicts agree on {agreeing.count} of {agreeing.of} parts "
        f"({percents(agreeing.interval)}, 95 % confidence)."
    )
    if study.attribute.right is None:
        sentences.append("There are no references, so it is unknown which verdicts are right.")
    elif not sentences[:-1]:
        sentences.append("The study needs good and defective parts to grade the appraisers.")
    return sentences


def is_acceptable(study: GaugeStudy) -> bool:
    """Whether every grade is the best."""
    if study.variable is not None:
        grr = study.variable.grr
        shares = [share for share in (grr.of_tolerance, grr.of_total) if share is not None]
        categories = study.variable.categories
        enough = categories is None or categories >= LEAST_CATEGORIES
        straight = study.bias is None or study.bias.linearity is None
        if study.bias is not None and study.bias.linearity is not None:
            straight = study.bias.linearity.zero_inside
        return enough and straight and all(grade_variation(s) == ACCEPTABLE for s in shares)
    results = [] if study.attribute is None else study.attribute.appraisers
    return all(grade_appraiser(result) == ACCEPTABLE for result in results)


def _variation_conclusions(study: VariableStudy) -> list[str]:
    grr, sentences = study.grr, []
    name = "%GRR" if AV in study.components else "%EV (a single appraiser)"
    shares = (
        ("the tolerance", grr.of_tolerance, grr.of_tolerance_interval),
        ("the total variation", grr.of_total, grr.of_total_interval),
    )
    for base, share, interval in shares:
        if share is not None and interval is not None:
            sentences.append(
                f"{name} is {percent(share)} of {base} ({percents(interval)}, "
                f"{confidence_in_words(study.confidence)} confidence): {grade_variation(share)}."
            )
    if not sentences:
        sentences.append(
            f"The standard deviation of the gauge is {grr.deviation:.4g} ({grr.interval[0]:.4g} to "
            f"{grr.interval[1]:.4g}, {confidence_in_words(study.confidence)} confidence). A "
            "tolerance or more parts are needed to judge it."
        )
    if study.categories is not None:
        enough = "enough" if study.categories >= LEAST_CATEGORIES else "too few"
        sentences.append(
            f"The gauge can tell {study.categories} distinct categories of these parts (ndc): "
            f"{enough}, AIAG asks for {LEAST_CATEGORIES} or more."
        )
    return sentences


def _bias_conclusions(study: BiasStudy) -> list[str]:
    biased = [part for part in study.parts if not part.interval[0] <= 0 <= part.interval[1]]
    sentences = [
        f"{len(biased)} of {len(study.parts)} parts with a reference have a bias that differs from "
        f"0 (each with {confidence_in_words(study.confidence)} confidence)."
    ]
    for part in study.parts:
        if part.cg is not None and part.cgk is not None:
            capable = "capable" if min(part.cg, part.cgk) >= LEAST_CAPABILITY else "not capable"
            sentences.append(
                f"Part {part.part}: Cg {part.cg:.2f}, Cgk {part.cgk:.2f}: {capable} (usual limit "
                f"{LEAST_CAPABILITY})."
            )
    if study.linearity is not None:
        inside = study.linearity.zero_inside
        sentences.append(
            "Linearity: the line of bias 0 lies "
            + ("within" if inside else "outside")
            + " the confidence band of the fitted line"
            + (", so the bias is acceptable over the range." if inside else " somewhere.")
        )
    return sentences


def notes(study: GaugeStudy) -> list[str]:
    """What to know before using the figures."""
    sentences = list(study.subject.warnings)
    if study.subject.unmatched:
        sentences.append(
            f"{len(study.subject.unmatched)} parts are not in every run and were left out. They "
            "are listed below."
        )
    if study.variable is not None:
        sentences += _variation_notes(study.variable, study.design)
    if study.bias is not None and len(study.design.appraisers) > 1:
        sentences.append(
            "The intervals of the bias take all measurements of a part as independent. If the "
            "appraisers differ, the intervals are too narrow."
        )
    if study.attribute is not None:
        sentences.append(
            "The intervals of misses and false alarms take repeated verdicts on a part as "
            "independent. The columns with parts do not."
        )
    return sentences


def _variation_notes(study: VariableStudy, design: Design) -> list[str]:
    sentences, components = [], study.components
    if components[EV].deviation == 0:
        sentences.append(
            "All trials of a part gave the same value. The program measures the same picture in "
            "the same way, so each trial needs a new picture of the part."
        )
    if AV not in components:
        sentences.append("With a single appraiser, the study says nothing about reproducibility.")
    if PV not in components:
        sentences.append(
            "With a single part, there is no part variation, so %GRR of the total variation and "
            "the number of distinct categories are undefined."
        )
    for component in components.values():
        if component.negative:
            sentences.append(
                f"The estimated variance of {TITLES[component.name]} is negative and was set to 0."
            )
    sentences += _control_notes(design)
    if design.nested:
        sentences.append(
            "Each part was measured by a single appraiser (nested study), so an interaction of "
            "parts and appraisers cannot be seen."
        )
    return sentences


def _control_notes(design: Design) -> list[str]:
    control, sentences = control_chart(design), []
    if control is None:
        return []
    outside = f"{control.outside} of {control.averages.size} averages are outside their limits."
    if control.unstable:
        sentences.append(
            f"{control.unstable} of {control.ranges.size} ranges are outside their limits. The "
            "repeatability is not the same everywhere; look at these trials first."
        )
    if len(design.parts) == 1 and control.outside:
        sentences.append(f"{outside} The gauge is not stable over the appraisers.")
    if len(design.parts) > 1 and 2 * control.outside < control.averages.size:
        sentences.append(
            f"Only {outside} AIAG asks for about half or more; below that the gauge hardly sees "
            "the parts."
        )
    return sentences


def describe_model(study: VariableStudy) -> list[str]:
    """How the components were computed."""
    sentences = []
    interaction = next((row for row in study.anova.full if row.name == INTERACTION), None)
    if interaction is not None:
        p = "undefined" if interaction.p is None else p_in_words(interaction.p)
        done = "pooled with the repeatability" if study.anova.pooled else "kept as a component"
        sentences.append(
            f"The interaction of parts and appraisers has p {p}; with alpha = {study.alpha:g} it "
            f"was {done}. AIAG asks for a high alpha and uses 0.05 in its example."
        )
    sentences.append(
        f"The {confidence_in_words(study.confidence)} intervals are generalized confidence "
        "intervals (Hamada and Weerahandi, 2000). The shares are ratios of standard deviations, "
        "so they do not add up to 100 %; the contributions are ratios of variances and do."
    )
    sentences.append(
        "%tolerance is 6 standard deviations divided by the tolerance. The number of distinct "
        "categories is 1.41 PV / GRR, cut to a whole number."
    )
    return sentences


def confidence_in_words(confidence: float) -> str:
    return f"{100 * confidence:g} %"


def p_in_words(p: float) -> str:
    return "<0.001" if p < 0.0005 else f"{p:.3f}"


def percents(interval: Interval) -> str:
    return f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f} %"


def components_in_words(components: Sequence[Component]) -> str:
    return "; ".join(
        f"{TITLES[each.name]}: {percent(each.of_total)} of the total variation"
        for each in components
        if each.of_total is not None
    )
