"""Writes the sentences above a roll map."""

from collections import defaultdict

from inspector.core.size_text import format_measured
from inspector.report.roll import Roll, RollDefect
from inspector.report.roll_scale import LEAST_HEIGHT, RollScale


def cause_text(cause: str) -> str:
    """dropped, motion unknown, ...: a cause of the ledger in words."""
    return cause.replace("_", " ")


def describe_roll(roll: Roll) -> list[str]:
    """What the web is, and which part of it was not inspected."""
    count = f"{roll.defect_count} defect{'s' if roll.defect_count != 1 else ''}"
    if roll.lowest_count < roll.defect_count:
        count = f"between {roll.lowest_count} and {roll.defect_count} defects"
    lines = [f"Web: {along_text(roll, roll.length)} x {roll.width:.6g} {roll.unit}, {count}."]
    lines += _describe_losses(roll)
    if not roll.complete:
        lines.append(
            "The log has no ledger: the run did not end normally, or no frame had a picture. So "
            "the map ends at the last defect. Which lengths were not inspected is not known."
        )
    if len(roll.defects) < roll.defect_count:
        lines.append(f"The map shows the last {len(roll.defects)} defects.")
    return lines


def _describe_losses(roll: Roll) -> list[str]:
    lengths: dict[str, float] = defaultdict(float)
    for span in roll.lost:
        lengths[span.cause] += span.end - span.start
    parts = [f"{along_text(roll, sum_)} {cause_text(cause)}" for cause, sum_ in lengths.items()]
    lines = []
    if parts:
        places = f"{roll.lost_count} {'places' if roll.lost_count > 1 else 'place'}"
        lines.append(f"Not inspected over the full width: {', '.join(parts)}, at {places}.")
    if roll.lost_count > len(roll.lost):
        lines.append(f"The map shows the last {len(roll.lost)} of these places.")
    if roll.bands:
        bands = ", ".join(
            f"{b.start:.4g} to {b.end:.4g} {roll.unit} ({cause_text(b.cause)})" for b in roll.bands
        )
        lines.append(f"Not inspected over the full length: {bands} across.")
    if roll.complete and not lines:
        lines.append("The full length and width was inspected.")
    return lines


def describe_defect(roll: Roll, defect: RollDefect) -> str:
    """Its id, size with U, severity and place in one line."""
    length, width = (
        f"{size:.3g}" if u is None else format_measured(size, u)
        for size, u in ((defect.length, defect.length_u), (defect.width, defect.width_u))
    )
    prefix = "up to " if defect.rough else "at least " if defect.truncated else ""
    return (
        f"{defect.label}: {prefix}{length} x {width} {roll.unit}, {defect.severity}, at "
        f"{along_text(roll, defect.along)}, {defect.across:.0f} {roll.unit} across"
    )


def describe_scale(roll: Roll, scale: RollScale, mark: float, most: tuple[int, float]) -> str:
    """mark: smallest side of a defect on the map in pixels. most: number and area of the defects of
    the highest bars."""
    times = scale.across / scale.along
    drawn = "Along and across have the same scale"
    if scale.height <= LEAST_HEIGHT and times > 1.01:
        drawn = f"The web is drawn {times:.3g} times wider than it is, in relation to its length"
    sides = (float(f"{mark / pixels:.2g}") for pixels in (scale.along, scale.across))
    least = f"{' x '.join(f'{side:g}' for side in sides)} {roll.unit}"
    return (
        f"{drawn}. A defect smaller than {least} is drawn in this size. The bars show the number "
        f"(up to {most[0]}) and the area (up to {most[1]:.6g} {roll.unit}2) of the defects for "
        f"each {along_text(roll, scale.step)}."
    )


def along_text(roll: Roll, along: float) -> str:
    """A length of web with its unit."""
    return f"{along / 1000:.7g} m" if roll.unit == "mm" else f"{along:.7g} px"
