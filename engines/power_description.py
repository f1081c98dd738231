"""Describes in text what the thresholds of an engine cost: rates, and simulated defects found."""

from typing import Final

from engines.spec import EngineSpec
from engines.spec_fields import DefectPower

USEFUL: Final = 0.5
"""Smallest useful share of simulated defects found."""


def describe_rates(spec: EngineSpec) -> list[str]:
    """A table: rate, threshold, limit with 95 % confidence, share of simulated defects found. The
    last line is the engine's threshold. Empty if the file holds no table."""
    if not spec.rates:
        return []
    lines = [_rate_row("rate", "threshold", "limit (95 %)", "simulated defects found")]
    for row in spec.rates:
        lines.append(
            _rate_row(
                f"{row.rate:.0%}",
                f"{row.image_threshold:.4f}",
                _share(row.promise),
                _share(row.detected),
            )
        )
    rule = spec.threshold_rule
    lines.append(
        _rate_row(
            "chosen " + _share(rule.false_alarm_rate, "without a rate"),
            f"{spec.image_threshold:.4f}",
            _share(rule.promise),
            _share(share_found(spec)),
        )
    )
    return lines


def share_found(spec: EngineSpec) -> float | None:
    """Share of the simulated defects that FAIL, the mean over their kinds; None if not known."""
    if not spec.power:
        return None
    shares = [_share_of_kind(kind) for kind in spec.power]
    return sum(shares) / len(shares)


def describe_power(spec: EngineSpec) -> list[str]:
    """For each kind of simulated defect, the smallest size of which 90 % are found, and how many
    of all are found. Empty if the file holds none."""
    if not spec.power:
        return []
    lines = []
    for kind in spec.power:
        simulated = sum(point.simulated for point in kind.points)
        detected = sum(point.detected for point in kind.points)
        lines.append(f"{kind.kind:10}{_smallest(kind)}; {detected} of {simulated} in all")
    clear = spec.power[0].parameters.get("clear_contrast", 0)
    return [*lines, f"sizes are lengths in px of the frame, for contrasts of {clear:.0f} and more"]


def _smallest(kind: DefectPower) -> str:
    if kind.smallest_px is not None:
        return f"90 % found from {kind.smallest_px:.0f} px on"
    largest = max(point.size_px for point in kind.points)
    return f"less than 90 % found, also of the largest ({largest:.0f} px)"


def _share_of_kind(kind: DefectPower) -> float:
    return sum(p.detected for p in kind.points) / sum(p.simulated for p in kind.points)


def _share(value: float | None, missing: str = "none") -> str:
    return missing if value is None else f"{value:.1%}"


def _rate_row(rate: str, threshold: str, limit: str, detected: str) -> str:
    return f"{rate:22}{threshold:>11}{limit:>14}{detected:>25}"
