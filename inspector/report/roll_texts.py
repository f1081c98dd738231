"""Writes the texts of a roll map in the language of a report."""

from collections import defaultdict

from inspector.core.size_text import format_measured
from inspector.report.numbers import Numbers
from inspector.report.roll import Roll, RollDefect
from inspector.report.roll_scale import LEAST_HEIGHT, RollScale
from inspector.report.texts import Texts


class RollWording:
    """The sentences about one roll. text: in which language. numbers: with which decimal sign;
    lengths have the unit of the roll. number(): puts this sign into a number."""

    def __init__(self, roll: Roll, text: Texts, numbers: Numbers) -> None:
        self.text = text
        self._roll, self.number = roll, numbers.point

    def describe_roll(self) -> list[str]:
        """What the web is, and which part of it was not inspected."""
        roll, text = self._roll, self.text
        key = "map_defect" if roll.defect_count == 1 else "map_defects"
        if roll.lowest_count < roll.defect_count:
            key = "map_defects_between"
        count = text(key, low=roll.lowest_count, count=roll.defect_count)
        size = f"{self.along(roll.length)} x {self.number(f'{roll.width:.6g}')} {roll.unit}"
        lines = [text("map_web", size=size, defects=count), *self._describe_losses()]
        if not roll.complete:
            lines.append(text("map_no_ledger"))
        if len(roll.defects) < roll.defect_count:
            lines.append(text("map_newest_defects", count=len(roll.defects)))
        return lines

    def _describe_losses(self) -> list[str]:
        roll, text = self._roll, self.text
        lengths: dict[str, float] = defaultdict(float)
        for span in roll.lost:
            lengths[span.cause] += span.end - span.start
        lines = []
        if lengths:
            parts = (f"{self.along(sum_)} ({self.cause(cause)})" for cause, sum_ in lengths.items())
            key = "map_lost" if roll.lost_count > 1 else "map_lost_once"
            lines.append(text(key, lengths=", ".join(parts), count=roll.lost_count))
        if roll.lost_count > len(roll.lost):
            lines.append(text("map_newest_places", count=len(roll.lost)))
        if roll.bands:
            bands = (f"{self.band(b.start, b.end)} ({self.cause(b.cause)})" for b in roll.bands)
            lines.append(text("map_bands", bands=", ".join(bands)))
        if roll.complete and not lines:
            lines.append(text("map_all_inspected"))
        return lines

    def describe_defect(self, defect: RollDefect) -> str:
        """Its id, size with U, severity and place in one line."""
        unit = self._roll.unit
        length, width = (
            f"{size:.3g}" if u is None else format_measured(size, u)
            for size, u in ((defect.length, defect.length_u), (defect.width, defect.width_u))
        )
        size = self.number(f"{length} x {width} {unit}")
        if defect.rough or defect.truncated:
            size = self.text("map_up_to" if defect.rough else "map_at_least", size=size)
        return self.text(
            "map_place",
            label=defect.label,
            size=size,
            severity=self.text.word("severity", defect.severity),
            along=self.along(defect.along),
            across=f"{defect.across:.0f} {unit}",
        )

    def describe_scale(self, scale: RollScale, mark: float, most: tuple[int, float]) -> str:
        """mark: smallest side of a defect on the map in pixels. most: number and area of the
        defects of the highest bars."""
        unit, times = self._roll.unit, scale.across / scale.along
        drawn = self.text("map_same_scale")
        if scale.height <= LEAST_HEIGHT and times > 1.01:
            drawn = self.text("map_wider", times=self.number(f"{times:.3g}"))
        sides = (float(f"{mark / pixels:.2g}") for pixels in (scale.along, scale.across))
        least = self.number(f"{' x '.join(f'{side:g}' for side in sides)} {unit}")
        bars = self.text(
            "map_bars",
            least=least,
            count=most[0],
            area=f"{self.number(f'{most[1]:.6g}')} {unit}2",
            step=self.along(scale.step),
        )
        return f"{drawn} {bars}"

    def along(self, length: float) -> str:
        """A length of web with its unit."""
        value, unit = (length / 1000, "m") if self._roll.unit == "mm" else (length, "px")
        return f"{self.number(f'{value:.7g}')} {unit}"

    def span(self, start: float, end: float) -> str:
        return self.text("map_span", start=self.along(start), end=self.along(end))

    def band(self, start: float, end: float) -> str:
        low, high = (self.number(f"{side:.4g}") for side in (start, end))
        return self.text("map_span", start=low, end=f"{high} {self._roll.unit}")

    def cause(self, cause: str) -> str:
        return self.text.word("cause", cause)

    def not_inspected(self, cause: str) -> str:
        return self.text("map_not_inspected", cause=self.cause(cause))


def english(roll: Roll) -> RollWording:
    """The wording of the files roll_map.svg and roll_map.png."""
    return RollWording(roll, Texts("en"), Numbers(roll.unit, "point"))
