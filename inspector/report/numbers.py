"""Writes numbers with the unit and the decimal sign of a report."""

import math
import re
from typing import Final

from calibration.units import SYMBOL, mm_per
from inspector.core.size_text import format_measured
from inspector.report.markup import NARROW_SPACE, Markup

NOTHING: Final = "–"

_POINT: Final = re.compile(r"(?<=\d)\.(?=\d)")
_CHART_TEXT: Final = re.compile(r"(?<=>)[^<>]+(?=</(?:text|title|desc)>)")


class Numbers:
    """unit: mm, cm or inch, for lengths that are known in mm; px without a calibration."""

    def __init__(self, unit: str, decimal: str) -> None:
        self.unit = unit
        self._comma = decimal == "comma"

    @property
    def symbol(self) -> str:
        return SYMBOL.get(self.unit, self.unit)

    def symbol_of(self, quantity: str) -> str:
        return f"{self.symbol}²" if quantity == "area" else self.symbol

    def convert(self, value: float, quantity: str = "length") -> float:
        """From mm or mm2. Pixels stay pixels."""
        if self.unit == "px":
            return value
        per = mm_per(self.unit)
        return value / (per * per if quantity == "area" else per)

    def measured(self, size: float, expanded: float | None, quantity: str = "length") -> str:
        """Size and U without the unit, such as "7.1 ± 0.3"; without U three digits."""
        value = self.convert(size, quantity)
        if expanded is None:
            return self.digits(value)
        text = format_measured(value, self.convert(expanded, quantity)).replace("+-", "± ")
        return self.point(text)

    def digits(self, value: float | None, count: int = 3) -> str:
        """At least `count` significant digits, without exponent for values of usual size."""
        if value is None or math.isnan(value):
            return NOTHING
        if value == 0:
            return "0"
        decimals = max(count - 1 - math.floor(math.log10(abs(value))), 0)
        return self.point(f"{value:.{decimals}f}" if decimals < 8 else f"{value:.{count}g}")

    def score(self, value: float | None) -> str:
        return self.digits(value, 4)

    def percent(self, share: float | None, decimals: int = 1) -> str:
        """share: 0 to 1. Only an exact 0 or 1 is written as 0 or 100."""
        if share is None:
            return NOTHING
        least = 0.5 * 10.0 ** -(decimals + 2)
        if 0 < share < least:
            return self.point(f"<{10.0**-decimals:.{decimals}f} %")
        if 1 - least <= share < 1:
            return self.point(f">{100 - 10.0**-decimals:.{decimals}f} %")
        return self.point(f"{100 * share:.{decimals}f} %")

    def count(self, value: int) -> str:
        """With a narrow space between thousands, the same in every language (ISO 80000-1)."""
        return f"{value:,}".replace(",", NARROW_SPACE)

    def span(self, low: int, high: int) -> str:
        """A number that lies between two numbers, or both if they are the same."""
        return self.count(high) if low == high else f"{self.count(low)}–{self.count(high)}"

    def seconds(self, value: float) -> str:
        """h:mm:ss.s"""
        minutes, rest = divmod(round(value, 1), 60)
        hours, minutes = divmod(int(minutes), 60)
        return self.point(f"{hours}:{minutes:02d}:{rest:04.1f}")

    def megabytes(self, size: int) -> str:
        return (
            self.point(f"{size / 1e6:.1f} MB")
            if size >= 1e5
            else self.point(f"{size / 1e3:.1f} kB")
        )

    def surface(self, area: float, total: float) -> str:
        """An area with as many decimals as the total needs for five digits."""
        decimals = max(4 - math.floor(math.log10(total)), 0) if total > 0 else 0
        if isinstance(area, int) or (total == int(total) and area == int(area)):
            decimals = 0
        return self.point(f"{area:,.{decimals}f}".replace(",", NARROW_SPACE))

    def point(self, text: str) -> str:
        """Replaces the decimal points of a text with numbers."""
        return _POINT.sub(",", text) if self._comma else text

    def chart(self, svg: Markup) -> Markup:
        """Replaces the decimal points in the texts of a chart, not in its coordinates."""
        if not self._comma:
            return svg
        return Markup(_CHART_TEXT.sub(lambda match: self.point(match[0]), svg))
