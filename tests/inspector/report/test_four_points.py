"""Tests of the 4-point score against sums made by hand."""

import dataclasses
from collections.abc import Sequence

import pytest

from inspector.core.errors import DataError
from inspector.core.types import Severity
from inspector.outputs.options import FourPointOptions
from inspector.report.four_points import describe_score, score_four_points
from inspector.report.roll import Roll, RollDefect
from inspector.report.roll_texts import english

INCH, YARD = 25.4, 914.4
OPTIONS = FourPointOptions(enabled=True)


def defect(
    inches: float, yard: float, u_inches: float | None = 0.0, **values: object
) -> RollDefect:
    """A defect that begins at `yard` yards."""
    length = inches * INCH
    base = RollDefect(
        track_id="r/main/d1",
        label="d1",
        severity=Severity.LOW,
        along=yard * YARD + length / 2,
        across=100.0,
        length=length,
        width=0.5,
        area=length * 0.5,
        angle_deg=0.0,
        length_u=None if u_inches is None else u_inches * INCH,
    )
    return dataclasses.replace(base, **values)  # type: ignore[arg-type]


def roll(defects: Sequence[RollDefect], yards: float = 100, inches_wide: float = 60) -> Roll:
    length, width = yards * YARD, inches_wide * INCH
    return Roll("r", tuple(defects), length, width, inspected_area=length * width)


@pytest.mark.parametrize(
    ("inches", "points"),
    [
        *((0.01, 1), (2.99, 1), (3.0, 1), (3.01, 2), (6.0, 2), (6.01, 3)),
        *((9.0, 3), (9.01, 4), (30.0, 4)),
    ],
)
def test_the_points_of_a_length(inches: float, points: int) -> None:
    score = score_four_points(roll([defect(inches, 10.2)]), OPTIONS)
    assert score.nominal.points == points
    assert score.by_points == {points: 1}


def test_the_score_of_a_roll_by_hand() -> None:
    # 100 yd x 60 in = 500 / 3 square yards. 40 points are 40 x 3600 / (100 x 60) = 24.
    defects = [defect(2, 2 * i + 0.1) for i in range(20)]
    defects += [defect(5, 40.1), defect(5, 42.1), defect(7, 44.1), defect(7, 46.1), defect(7, 48.1)]
    defects += [defect(7, 50.1), defect(12, 52.1)]
    score = score_four_points(roll(defects), OPTIONS)
    assert score.nominal.points == 20 * 1 + 2 * 2 + 4 * 3 + 4
    assert score.square_yards == pytest.approx(500 / 3)
    assert score.nominal.per_100_square_yards == pytest.approx(40 * 3600 / (100 * 60))
    assert score.by_points == {1: 20, 2: 2, 3: 4, 4: 1}


def test_a_yard_has_at_most_four_points() -> None:
    five_in_a_yard = [defect(1, 7 + 0.15 * i) for i in range(6)]
    assert score_four_points(roll(five_in_a_yard), OPTIONS).nominal.points == 4
    over_two_yards = [defect(7, 7.1), defect(7, 7.5), defect(7, 8.1)]
    assert score_four_points(roll(over_two_yards), OPTIONS).nominal.points == 4 + 3


def test_a_defect_over_the_end_of_a_yard_counts_where_it_begins() -> None:
    score = score_four_points(roll([defect(12, 7.9), defect(1, 8.5)]), OPTIONS)
    assert score.nominal.points == 4 + 1


@pytest.mark.parametrize(("long_defects", "points"), [("every_yard", 4 * 4), ("once", 4)])
def test_a_defect_longer_than_a_yard(long_defects: str, points: int) -> None:
    # From 2.5 to 5.25 yards, it touches the yards 2, 3, 4 and 5.
    options = dataclasses.replace(OPTIONS, long_defects=long_defects)
    score = score_four_points(roll([defect(2.75 * 36, 2.5)]), options)
    assert score.nominal.points == points


@pytest.mark.parametrize(("inches", "points"), [(0.2, 2), (1.0, 2), (1.01, 4), (8.0, 4)])
def test_holes_as_configured(inches: float, points: int) -> None:
    options = dataclasses.replace(OPTIONS, defects_are_holes=True)
    score = score_four_points(roll([defect(inches, 1.1)]), options)
    assert score.nominal.points == points
    assert "every defect counts as a hole" in " ".join(
        describe_score(score, options, english(roll([])))
    )


def test_the_uncertainty_of_the_lengths_gives_a_lowest_and_a_highest_score() -> None:
    defects = [
        defect(2.9, 1.1, 0.2),  # 1, 1, 2
        defect(6.1, 3.1, 0.2),  # 3, 2, 3
        defect(9.5, 5.1, 0.2),  # 4, 4, 4
        defect(4.0, 7.1, None),  # 2, 1, 4
        defect(4.0, 9.1, 0.1, truncated=True, extent=(9.1 * YARD, 9.2 * YARD, 0.0, 1.0)),  # 2, 2, 4
    ]
    score = score_four_points(roll(defects), OPTIONS)
    assert score.nominal.points == 1 + 3 + 4 + 2 + 2
    assert score.low.points == 1 + 2 + 4 + 1 + 2
    assert score.high.points == 2 + 3 + 4 + 4 + 4
    text = " ".join(describe_score(score, OPTIONS, english(roll([]))))
    assert "12 points (7.2 per 100 square yards)" in text
    assert "-U): 10 points" in text
    assert "+U): 17 points" in text
    assert "1 defects were not seen whole" in text
    assert "no uncertainty" in text


def test_the_edition_is_named_as_configured() -> None:
    options = dataclasses.replace(OPTIONS, edition="ASTM D5430-07 (agreed with Mill X)")
    lines = describe_score(score_four_points(roll([]), options), options, english(roll([])))
    assert lines[0].startswith(
        "4-point score, ASTM D5430-07 (agreed with Mill X), as configured: 0 points"
    )


def test_only_inspected_web_counts_as_area() -> None:
    half = dataclasses.replace(roll([defect(1, 1)]), inspected_area=50 * YARD * 60 * INCH)
    assert score_four_points(half, OPTIONS).nominal.per_100_square_yards == pytest.approx(1.2)
    unknown = dataclasses.replace(half, inspected_area=None)
    score = score_four_points(unknown, OPTIONS)
    assert score.nominal.per_100_square_yards is None
    assert "The inspected area is not known" in " ".join(
        describe_score(score, OPTIONS, english(roll([])))
    )


def test_pixels_have_no_score() -> None:
    with pytest.raises(DataError, match="needs a calibration"):
        score_four_points(dataclasses.replace(roll([]), unit="px"), OPTIONS)
