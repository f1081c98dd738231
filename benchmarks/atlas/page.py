"""Writes the atlas as a page, and compares it with an earlier one."""

from collections.abc import Sequence
from typing import Any

from benchmarks.atlas.table import HEADER, Row, as_texts, count_low
from benchmarks.atlas.trial import NAMES

MARGIN = 0.03
"""A cell gains or loses if the median error, the rms error or the coverage changes by more."""

_INTRODUCTION = """\
# Bias atlas

`{command}` (seed {seed}) wrote this page.

The atlas renders defects of known size, measures them, and compares. The renderer shares no code \
with the product. Sizes come from formulas, not from pixels. Length and width are the \
largest and the smallest caliper diameter of the whole defect, also for a crack with branches; \
its area is that of all its lines together. Each cell has 40 examples on eight \
textures. A cell is kind / size / contrast. Contrast is the change of brightness as a share of the \
mean brightness. Sizes are three lengths for each kind; for lines they are the widths 1.5, 3 and \
6 px. The scale is 0.1 mm per pixel. Other factors vary around a middle cell.

The map is {map}. {reason}

How to read a line:

- **found**: examples with at least one row. **refined**: examples that were measured on the \
frame. **whole**: examples that came as the right number of rows, with at least 85 % of the true \
area in them. Two defects that are 1 mm apart may come as two rows, or as one row with two outlines.
- **ratio**: median of measured / true size over the refined rows, and the range from 5 to 95 %.
- **inside 2u**: share of the refined rows whose true size is within the stated 2u. `*`: \
significantly below 95 % (exact binomial test, Holm's correction over all lines of the table).
- **U**: median of 2u / true size. **U/rms**: this U over the rms of the relative errors. Below 2, \
U is small for these errors; far above 2, it is too careful.
- **CPU-ms**: CPU time of the measure stage for each refined row.

Significantly below 95 %: {low_cells} of {tests} figures of the cells, and {low_kinds} of the kinds.
"""

_REASONS = {
    "rendered": (
        "the blurred and swollen mask of the defects",
        "So every defect has a region, and the figures do not depend on whether an engine finds "
        "weak defects.",
    ),
    "engine": (
        "the map of a RAD engine that was fitted on each texture",
        "Defects that the engine does not find are not in the figures of the sizes.",
    ),
}


def format_page(table: dict[str, Any]) -> str:
    map_name, reason = _REASONS[table["map"]]
    main = [row for row in table["cells"] if not row["factor"]]
    factors = [row for row in table["cells"] if row["factor"]]
    parts = [
        _INTRODUCTION.format(
            command=table["command"],
            seed=table["seed"],
            map=map_name,
            reason=reason,
            low_cells=count_low(table["cells"]),
            tests=len(table["cells"]) * len(NAMES),
            low_kinds=count_low(table["kinds"]),
        )
    ]
    titles = ("Kinds (the main cells of this page together)", "Cells", "Other factors")
    for title, rows in zip(titles, (table["kinds"], main, factors), strict=True):
        if rows:
            parts.append(f"## {title}\n\n{_format_rows(rows)}\n")
    return "\n".join(parts)


def _format_rows(rows: Sequence[Row]) -> str:
    lines = [HEADER, ("---",) * len(HEADER), *(as_texts(row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def compare(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """A line for each figure of a kind or cell that changed by more than MARGIN. Both tables must
    have the same seed and map. Raises ValueError otherwise."""
    for key in ("seed", "map"):
        if old[key] != new[key]:
            raise ValueError(f"the tables have a different {key}: {old[key]} and {new[key]}")
    lines = []
    for part in ("kinds", "cells"):
        before = {row["name"]: row for row in old[part]}
        for row in new[part]:
            earlier = before.get(row["name"])
            # Pooled figures are comparable only if they are from as many examples.
            if earlier is not None and earlier["examples"] == row["examples"]:
                lines += _compare_rows(earlier, row)
    return lines


def _compare_rows(old: Row, new: Row) -> list[str]:
    lines = []
    for key in ("found", "refined", "whole"):
        change = (new[key] - old[key]) / new["examples"]
        if abs(change) > MARGIN:
            lines.append(_describe(new["name"], key, change > 0, str(old[key]), str(new[key])))
    for name in NAMES:
        before, after = old[name], new[name]
        if "median" not in before or "median" not in after:
            continue
        gains = {
            "median": abs(before["median"] - 1) - abs(after["median"] - 1),
            "rms": before["rms"] - after["rms"],
            "coverage": after["coverage"] - before["coverage"],
        }
        for key, gain in gains.items():
            if abs(gain) > MARGIN:
                texts = f"{before[key]:.3f}", f"{after[key]:.3f}"
                lines.append(_describe(new["name"], f"{name} {key}", gain > 0, *texts))
    return lines


def _describe(name: str, figure: str, better: bool, old: str, new: str) -> str:
    return f"{'gained' if better else 'LOST  '}  {name}: {figure} {old} -> {new}"
