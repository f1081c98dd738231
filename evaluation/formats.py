"""Writes numbers for readers: on the terminal and in the report.

A rounded number never looks like 0 or 1 unless it is exactly 0 or 1.
"""


def fraction(value: float) -> str:
    """value: -1 to 1, four decimals. Only an exact 0 or 1 is written as 0.0000 or 1.0000."""
    if 0 < abs(value) < 0.00005:
        return "<0.0001" if value > 0 else ">-0.0001"
    if 0.99995 <= value < 1:
        return ">0.9999"
    return f"{value:.4f}"


def percent(share: float) -> str:
    """share: 0 to 1. Only an exact 0 or 1 is written as 0.0 % or 100.0 %."""
    if 0 < share < 0.0005:
        return "<0.1 %"
    if 0.9995 <= share < 1:
        return ">99.9 %"
    return f"{100 * share:.1f} %"


def score(value: float | None) -> str:
    """Four significant digits, in the raw unit of the method."""
    return "-" if value is None else f"{value:#.4g}"


def score_beside(value: float | None, threshold: float) -> str:
    """A score with enough digits, at most nine, to differ from the threshold if it does."""
    if value is None or value == threshold:
        return score(value)
    enough = (n for n in range(4, 9) if f"{value:.{n}g}" != f"{threshold:.{n}g}")
    return f"{value:#.{next(enough, 9)}g}"


def count_of(count: int, noun: str, plural: str = "") -> str:
    """Such as "1 picture" or "2 pictures"."""
    return f"{count} {noun}" if count == 1 else f"{count} {plural or noun + 's'}"


def milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"
