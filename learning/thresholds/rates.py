"""The table of rates: what each rate of false alarms costs in missed defects, and which is best."""

import dataclasses
from typing import Final

from engines.spec_fields import DefectPower, RateThresholds
from learning.thresholds.choosing import (
    Thresholds,
    choose_thresholds,
    independent_parts,
    join_notes,
)
from learning.thresholds.folds import COPIES, LeftOut
from learning.thresholds.power import SimulatedScores
from learning.thresholds.rules import DEFAULT_RATE, RATES, Rule

EQUAL: Final = 0.01
"""A lower rate is better if the share of simulated defects found is lower by this at most."""


def choose_with_rates(
    left_out: LeftOut,
    rule: Rule,
    simulated: SimulatedScores | None,
    *,
    anomalous: LeftOut | None = None,
    dropped: bool = False,
    note: str = "",
) -> tuple[Thresholds, tuple[RateThresholds, ...] | None]:
    """The thresholds of the rule, and the table of rates; None if the normals support none of them.

    A rule that promises a rate and has none set takes the best rate: the lowest of the table that
    finds as many simulated defects as the default rate, apart from EQUAL. Without simulated defects
    it takes the default rate. dropped: normals were left out because of their scores.
    """
    rates = tabulate_rates(left_out, simulated, dropped=dropped)
    selected = dropped
    if rule.promises and not rule.parameters:
        best = _best_rate(rates)
        if best is not None:
            rule, selected = dataclasses.replace(rule, parameters={"rate": best}), True
            if best < DEFAULT_RATE:
                note = join_notes(
                    f"the rate of {best:.0%} finds as many simulated defects as the default rate "
                    f"of {DEFAULT_RATE:.0%}, apart from {EQUAL:.0%}",
                    note,
                )
    limits = choose_thresholds(left_out, rule, anomalous=anomalous, selected=selected, note=note)
    return limits, rates or None


def tabulate_rates(
    left_out: LeftOut, simulated: SimulatedScores | None, *, dropped: bool = False
) -> tuple[RateThresholds, ...]:
    """Conformal thresholds at each of RATES that the normals support. Copies of a single picture
    support none."""
    if left_out.scheme == COPIES:
        return ()
    count = independent_parts(left_out).count
    rows = []
    for rate in RATES:
        if rate * (count + 1) >= 1:
            limits = choose_thresholds(
                left_out, Rule("conformal", {"rate": rate}), selected=dropped
            )
            detected = None if simulated is None else simulated.share_found(limits.image)
            rows.append(
                RateThresholds(rate, limits.image, limits.pixel, limits.rule.promise, detected)
            )
    return tuple(rows)


def power_at(simulated: SimulatedScores | None, threshold: float) -> tuple[DefectPower, ...] | None:
    return None if simulated is None else simulated.measure_power(threshold)


def _best_rate(rates: tuple[RateThresholds, ...]) -> float | None:
    """None if the normals do not support the default rate, or no defects were simulated."""
    usual = next((row for row in rates if row.rate == DEFAULT_RATE), None)
    if usual is None or usual.detected is None:
        return None
    return next(
        row.rate
        for row in rates
        if row.detected is not None and row.detected >= usual.detected - EQUAL
    )
