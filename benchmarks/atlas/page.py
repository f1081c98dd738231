"""Writes the atlas as a page."""

from collections.abc import Sequence
from typing import Any

from benchmarks.atlas.measuring import NAMES
from benchmarks.atlas.statistics import pool

INTRODUCTION = """# Bias atlas

Defects of known size are drawn on eight surfaces and measured. The atlas shows for every kind of \
defect how far the measured sizes are from the true ones, and how often the true size lies within \
two standard uncertainties (2u).

- The command `{command}` printed all figures. It took {minutes:.0f} minutes on {machine}.
- The renderer shares no code with the product. The true sizes come from the outlines, not from \
pixels. One pixel is 0.1 mm.
- The anomaly maps are rendered too. Each defect is smeared over the map, as an engine does. The \
atlas tests measuring, not detection. [Figures](figures.md) shows how much engines detect.
- Each row has at least 40 examples. Surfaces change from frame to frame: paint, metal, wood, \
leather, concrete, weave, gravel and grass. Contrast is relative to the brightness of the surface. \
On gravel and grass 3 to 12 % is less than the texture varies.
- "Refined" is the share that is measured on the frame. The others keep the size of the map, an \
upper limit.
- "Rows" is the share that is listed once. Two defects are two rows, or one row with two outlines.
- A size has the median of measured / true (5 to 95 %), and the share within 2u. `!` marks \
a share that is significantly below 95 % (exact test, Holm).
"""


def write_page(rows: Sequence[dict[str, Any]], command: str, minutes: float, machine: str) -> str:
    main = [row for row in rows if not row["factor"]]
    parts = [
        INTRODUCTION.format(command=command, minutes=minutes, machine=machine),
        "## Kinds\n\nAll sizes and contrasts together.\n",
        _table(
            ("kind", "examples", "refined", "rows", "area", "length", "width", "CPU-ms"),
            [
                (
                    kind,
                    str(each["examples"]),
                    *(f"{each[name]:.0%}" for name in ("refined", "right_rows", *NAMES)),
                    f"{each['cpu_ms']:.1f}",
                )
                for kind, each in pool(main).items()
            ],
        ),
        "Area, length and width: share of the refined sizes within 2u.\n",
        "## Size and contrast\n",
        _cells(main, ("kind", "size_mm", "contrast")),
    ]
    for factor in dict.fromkeys(row["factor"] for row in rows if row["factor"]):
        parts += [
            f"## {factor.capitalize()}\n",
            _cells([row for row in rows if row["factor"] == factor], ("kind", factor)),
        ]
    return "\n".join(parts)


def _cells(rows: Sequence[dict[str, Any]], keys: Sequence[str]) -> str:
    titles = {
        "size_mm": "mm",
        "contrast": "contrast",
        "blur_px": "blur, px",
        "tilt": "tilt, degrees",
    }
    head = (
        *(titles.get(key, key) for key in keys),
        "refined",
        "rows",
        *NAMES,
        "2u / true",
        "CPU-ms",
    )
    return _table(
        head,
        [
            (
                *(_value(key, row[key]) for key in keys),
                f"{row['refined']}/{row['examples']}",
                f"{row['right_rows'] / row['examples']:.0%}",
                *(_size(row, name) for name in NAMES),
                " / ".join(_share(row[name]["u"]) for name in NAMES),
                f"{row['cpu_ms']:.1f}",
            )
            for row in rows
        ],
    )


def _value(key: str, value: Any) -> str:
    return f"{value:.0%}" if key == "contrast" else str(value)


def _size(row: dict[str, Any], name: str) -> str:
    size = row[name]
    if size["median"] is None:
        return "-"
    inside = size["inside"] / row["refined"]
    mark = "!" if size["too_few"] else ""
    return f"{size['median']:.2f} ({size['low']:.2f} to {size['high']:.2f}), {inside:.0%}{mark}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
