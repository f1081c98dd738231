"""Decides the likely kind of a defect from its figures, by a table of rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from inspector.core.explanation import Reason

ABOVE: Final = "above"
BELOW: Final = "below"

LINE: Final = ("thickness_share", BELOW, 0.15)
WINDING: Final = ("bend_share", ABOVE, 0.017)
CURVED: Final = ("bow_share", ABOVE, 0.008)
SHOWS_THROUGH: Final = ("texture_share", ABOVE, 0.65)
COLOURED: Final = ("colour_share", ABOVE, 0.5)

CLEAR_SHARE: Final = 0.2
"""A value is clear of a limit if it differs from it by this share of the limit."""

LEAST_SURE: Final = ("length_u_share", BELOW, 0.5)
"""Above this limit the outline is a guess."""

CLEAR_SIGNAL: Final = 4.0
WEAK_SIGNAL: Final = 2.0
"""Limits of the figure `signal` for a high and for a low confidence."""

Condition = tuple[str, str, float]
"""Figure, side and limit. A figure that was not measured meets no condition."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The kind of a defect that meets all conditions. on_frame: the rule needs an outline that was
    measured on the frame."""

    kind: str
    conditions: tuple[Condition, ...]
    on_frame: bool = False


RULES: Final = (
    Rule("contamination", (LINE, COLOURED, ("signal", ABOVE, WEAK_SIGNAL))),
    Rule("crack", (LINE, WINDING), on_frame=True),
    Rule("scratch", (LINE,)),
    Rule(
        "dent",
        (("bright_share", ABOVE, 0.06), ("dark_share", ABOVE, 0.06), ("colour_share", BELOW, 0.5)),
        on_frame=True,
    ),
    Rule("stain", (("edge_share", ABOVE, 0.06), ("edge_px", ABOVE, 3.0)), on_frame=True),
    Rule("hole", (("contrast", BELOW, -0.6),)),
    Rule(
        "discolouration",
        (("colour_share", ABOVE, 0.93), SHOWS_THROUGH, ("signal", ABOVE, WEAK_SIGNAL)),
    ),
    Rule("contamination", (COLOURED, ("signal", ABOVE, WEAK_SIGNAL))),
    Rule("spot", (), on_frame=True),
    Rule("unclear", ()),
)
"""The first rule whose conditions are met decides. docs/explanations.md explains them."""


def decide_kind(
    figures: Mapping[str, float], *, on_frame: bool, truncated: bool
) -> tuple[str, str, tuple[Reason, ...]]:
    """Kind, confidence, and the comparisons that decided it, those of earlier rules included.

    on_frame: the outline was measured on the frame. truncated: the defect is not seen whole.
    """
    reasons: dict[tuple[str, float], Reason] = {}
    for rule in RULES:
        if rule.on_frame and not on_frame:
            continue
        failed = [c for c in rule.conditions if not meets(figures, c)]
        measured = [c for c in failed or rule.conditions if c[0] in figures]
        reached = [_compare(figures, condition) for condition in measured]
        if failed:
            reached = sorted(reached, key=_clearness)[-1:]
        for reason in reached:
            reasons.setdefault((reason.figure, reason.limit), reason)
        if not failed:
            decided = tuple(reasons.values())
            confidence = _rate(rule, decided, figures, on_frame=on_frame, whole=not truncated)
            return rule.kind, confidence, decided
    raise AssertionError("the last rule has no conditions")


def meets(figures: Mapping[str, float], condition: Condition) -> bool:
    figure, side, limit = condition
    value = figures.get(figure)
    if value is None:
        return False
    return value >= limit if side == ABOVE else value < limit


def _compare(figures: Mapping[str, float], condition: Condition) -> Reason:
    figure, _, limit = condition
    value = figures[figure]
    return Reason(figure, value, ABOVE if value >= limit else BELOW, limit)


def _clearness(reason: Reason) -> float:
    """How far the value is from the limit, in shares of the limit."""
    return abs(reason.value - reason.limit) / abs(reason.limit)


def _rate(
    rule: Rule,
    reasons: tuple[Reason, ...],
    figures: Mapping[str, float],
    *,
    on_frame: bool,
    whole: bool,
) -> str:
    # The bright and the dark parts of a dent cancel each other in the mean.
    signal = CLEAR_SIGNAL if rule.kind == "dent" else figures.get("signal", 0.0)
    sure = meets(figures, LEAST_SURE) and on_frame
    if not sure or signal < WEAK_SIGNAL or rule.kind == "unclear":
        return "low"
    clear = all(_clearness(reason) >= CLEAR_SHARE for reason in reasons)
    return "high" if clear and whole and signal >= CLEAR_SIGNAL else "medium"


def name_shape(figures: Mapping[str, float]) -> str:
    """One of SHAPES."""
    if meets(figures, LINE):
        if meets(figures, WINDING):
            return "winding line"
        return "curved line" if meets(figures, CURVED) else "straight line"
    if figures["aspect_ratio"] < 0.4:
        return "long"
    if figures["roundness"] < 0.82:
        return "irregular"
    return "round" if figures["aspect_ratio"] >= 0.85 else "oval"


def name_colour(figures: Mapping[str, float]) -> str | None:
    """The direction of the change in the plane a, b of CIELAB; None if it is small, or not larger
    than the differences within the surroundings."""
    a, b = figures.get("delta_a", 0.0), figures.get("delta_b", 0.0)
    limit = max(5.0, 2 * figures.get("delta_e_u", 0.0))
    if a * a + b * b < limit * limit or not meets(figures, ("colour_share", ABOVE, 0.3)):
        return None
    if abs(a) >= abs(b):
        return "reddish" if a > 0 else "greenish"
    return "yellowish" if b > 0 else "bluish"
