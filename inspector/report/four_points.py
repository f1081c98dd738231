"""Scores the defects of a web by the 4-point system of ASTM D5430.

A defect of up to 3 inches has 1 point, over 3 to 6 inches 2, over 6 to 9 inches 3, over 9 inches 4.
A yard of web has at most 4 points. The score is the number of points for each 100 square yards.
"""

import math
from collections import Counter
from dataclasses import dataclass
from typing import Final

from inspector.core.errors import DataError
from inspector.outputs.options import FourPointOptions
from inspector.report.roll import Roll, RollDefect
from inspector.report.roll_texts import RollWording

INCH_MM: Final = 25.4
YARD_MM: Final = 914.4
MOST_PER_YARD: Final = 4

_LIMITS_INCH: Final = (3.0, 6.0, 9.0)
_HOLE_LIMIT_INCH: Final = 1.0
_TINY: Final = 1 + 1e-9
"""A length of exactly 3 inches in mm must not be above 3 inches because of rounding."""


@dataclass(frozen=True, slots=True)
class Score:
    """points: sum over all yards. per_100_square_yards: None if the inspected area is not known."""

    points: int
    per_100_square_yards: float | None


@dataclass(frozen=True, slots=True)
class FourPointScore:
    """nominal: with the sizes as measured. low, high: with every size at its lowest and highest.

    by_points: points -> number of defects with so many points, before the limit of a yard.
    square_yards: inspected area; None if it is not known. not_whole: number of defects that no
    frame shows whole. rough: number of sizes without an uncertainty.
    """

    nominal: Score
    low: Score
    high: Score
    by_points: dict[int, int]
    square_yards: float | None
    not_whole: int
    rough: int


def score_four_points(roll: Roll, options: FourPointOptions) -> FourPointScore:
    """Scores a roll. Raises DataError for a roll in pixels.

    A size without an uncertainty is between the lowest and the highest number of points. A defect
    that no frame shows whole may have the highest.
    """
    if roll.unit != "mm":
        raise DataError(
            "the 4-point score needs sizes in millimetres, so the run needs a calibration"
        )
    area = roll.inspected_area
    yards = None if area is None else area / YARD_MM**2
    sums = [sum(_points_by_yard(roll, options, side).values()) for side in (0, -1, 1)]
    nominal, low, high = (
        Score(total, None if not yards else total * 100 / yards) for total in sums
    )
    return FourPointScore(
        nominal=nominal,
        low=low,
        high=high,
        by_points=dict(sorted(Counter(_points(d, options, 0) for d in roll.defects).items())),
        square_yards=yards,
        not_whole=sum(defect.truncated for defect in roll.defects),
        rough=sum(defect.length_u is None for defect in roll.defects),
    )


def describe_score(
    score: FourPointScore, options: FourPointOptions, wording: RollWording
) -> list[str]:
    """Sentences with the score and the rules as they are configured."""
    text = wording.text
    nominal, low, high = (
        _describe(result, wording) for result in (score.nominal, score.low, score.high)
    )
    rule = text("points_holes" if options.defects_are_holes else "points_lengths")
    long = text("points_once" if options.long_defects == "once" else "points_every_yard")
    lines = [
        text("points_score", edition=options.edition, nominal=nominal, low=low, high=high),
        text("points_rules", rule=rule, most=MOST_PER_YARD, long=long),
    ]
    if score.square_yards is None:
        lines.append(text("points_no_area"))
    else:
        lines.append(text("points_area", area=wording.number(f"{score.square_yards:.4g}")))
    if score.not_whole:
        lines.append(text("points_not_whole", count=score.not_whole))
    if score.rough:
        lines.append(text("points_rough", count=score.rough))
    return lines


def _describe(score: Score, wording: RollWording) -> str:
    if score.per_100_square_yards is None:
        return wording.text("points_sum", points=score.points)
    rate = wording.number(f"{score.per_100_square_yards:.1f}")
    return wording.text("points_rate", points=score.points, rate=rate)


def _points_by_yard(roll: Roll, options: FourPointOptions, side: int) -> Counter[int]:
    """Points of each yard. side: 0 for the measured lengths, -1 for the lowest, 1 for the highest.

    A defect has its points in the yard in which it begins.
    """
    yards: Counter[int] = Counter()
    for defect in roll.defects:
        points = _points(defect, options, side)
        first, last = (math.floor(place / YARD_MM) for place in defect.span)
        if options.long_defects == "once" or defect.length <= YARD_MM:
            last = first
        for yard in range(first, last + 1):
            yards[yard] = min(MOST_PER_YARD, yards[yard] + points)
    return yards


def _points(defect: RollDefect, options: FourPointOptions, side: int) -> int:
    if side > 0 and (defect.length_u is None or defect.truncated):
        return 4
    fewest = 2 if options.defects_are_holes else 1
    if side < 0 and defect.length_u is None:
        return fewest
    inches = (defect.length + side * (defect.length_u or 0.0)) / INCH_MM
    if options.defects_are_holes:
        return 4 if inches > _HOLE_LIMIT_INCH * _TINY else fewest
    return fewest + sum(inches > limit * _TINY for limit in _LIMITS_INCH)


def score_if_enabled(
    roll: Roll, options: FourPointOptions, wording: RollWording
) -> tuple[FourPointScore | None, list[str]]:
    """The score and its sentences; None and no sentences if it is off. Raises DataError."""
    if not options.enabled:
        return None, []
    score = score_four_points(roll, options)
    return score, describe_score(score, options, wording)
