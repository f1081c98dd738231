"""Summarises cells: ratios, coverage with exact tests, and what changed against earlier figures."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import stats

from benchmarks.atlas.measuring import NAMES, CellResult, Example

COVERAGE: Final = 0.95
"""Share of true values that should lie within two standard uncertainties."""

ALPHA: Final = 0.05
BIAS_MARGIN: Final = 0.02
COVERAGE_MARGIN: Final = 0.1
"""A cell loses if its median ratio is further from 1 by more than the first, or if its coverage
falls by more than the second."""


def summarise(result: CellResult) -> dict[str, Any]:
    """One row of the atlas, as plain values."""
    refined = [each for each in result.examples if each.refined]
    count = len(result.examples)
    row: dict[str, Any] = {
        **dataclasses.asdict(result.cell),
        "examples": count,
        "detected": sum(each.measured is not None for each in result.examples),
        "refined": len(refined),
        "right_rows": sum(map(_has_right_rows, result.examples)),
        "cpu_ms": round(result.cpu_ms / max(len(refined), 1), 2),
    }
    for name in NAMES:
        row[name] = _summarise_size(refined, name)
    row["from_map"] = {name: _count_inside(_from_map(result.examples), name) for name in NAMES}
    return row


def _has_right_rows(example: Example) -> bool:
    """Whether nothing is listed twice. A refined pair may be one row with both outlines."""
    return example.measured is not None and example.rows <= max(1, example.parts)


def _from_map(examples: Iterable[Example]) -> list[Example]:
    return [each for each in examples if each.measured is not None and not each.refined]


def _summarise_size(examples: Sequence[Example], name: str) -> dict[str, float | int | None]:
    if not examples:
        return dict.fromkeys(("median", "low", "high", "u", "u_over_rms")) | {"inside": 0}
    true, measured, u = (
        np.array([getattr(getattr(each, part), name) for each in examples])
        for part in ("true", "measured", "u")
    )
    ratio, relative = measured / true, 2 * u / true
    rms = float(np.sqrt(np.mean(np.clip(np.abs(ratio - 1), 0, 1) ** 2)))
    low, middle, high = np.quantile(ratio, (0.05, 0.5, 0.95))
    return {
        "median": round(float(middle), 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
        "u": round(float(np.median(relative)), 4),
        "u_over_rms": round(float(np.median(relative)) / max(rms, 1e-6), 3),
        "inside": _count_inside(examples, name),
    }


def _count_inside(examples: Iterable[Example], name: str) -> int:
    return sum(
        abs(getattr(each.measured, name) - getattr(each.true, name))
        <= 2 * getattr(each.u, name) + 1e-12
        for each in examples
    )


def flag_coverage(rows: Sequence[dict[str, Any]]) -> None:
    """Sets `too_few` of each size: whether its coverage is significantly below 95 %.

    Exact binomial test of each, corrected for their number by Holm's method (1979).
    """
    cells = [row[name] | {"n": row["refined"]} for row in rows for name in NAMES]
    chances = np.array([stats.binom.cdf(c["inside"], c["n"], COVERAGE) for c in cells])
    flags = reject_holm(chances, ALPHA).tolist()
    for row in rows:
        for name in NAMES:
            row[name]["too_few"] = flags.pop(0)


def reject_holm(chances: npt.NDArray[np.float64], alpha: float) -> npt.NDArray[np.bool_]:
    """Which null hypotheses are rejected. chances: p values."""
    order = np.argsort(chances, kind="stable")
    limits = alpha / (len(chances) - np.arange(len(chances)))
    passed = np.cumprod(chances[order] <= limits).astype(bool)
    rejected = np.zeros(len(chances), bool)
    rejected[order[passed]] = True
    return rejected


def pool(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Per kind: share of refined defects, of right rows, and the coverage of each size."""
    pooled = {}
    for kind in dict.fromkeys(row["kind"] for row in rows):
        own_rows = [row for row in rows if row["kind"] == kind]
        examples = sum(row["examples"] for row in own_rows)
        refined = sum(row["refined"] for row in own_rows)
        pooled[kind] = {
            "examples": examples,
            "refined": refined / examples,
            "right_rows": sum(row["right_rows"] for row in own_rows) / examples,
            **{
                name: sum(row[name]["inside"] for row in own_rows) / max(refined, 1)
                for name in NAMES
            },
            "cpu_ms": sum(row["cpu_ms"] * row["refined"] for row in own_rows) / max(refined, 1),
        }
    return pooled


def compare(before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]]) -> list[str]:
    """Sentences about cells that lost or gained against earlier figures of the same cells."""
    old = {_key(row): row for row in before}
    lines = []
    for row in after:
        earlier = old.get(_key(row))
        if earlier is None:
            continue
        for name in NAMES:
            was, now = earlier[name], row[name]
            if was["median"] is None or now["median"] is None:
                continue
            bias = abs(now["median"] - 1) - abs(was["median"] - 1)
            covered = now["inside"] / row["refined"] - was["inside"] / earlier["refined"]
            if abs(bias) > BIAS_MARGIN or abs(covered) > COVERAGE_MARGIN:
                word = "lost" if bias > BIAS_MARGIN or covered < -COVERAGE_MARGIN else "gained"
                lines.append(
                    f"{word}: {' '.join(map(str, _key(row)))}: {name} {was['median']} -> "
                    f"{now['median']}, inside 2u {was['inside']}/{earlier['refined']} -> "
                    f"{now['inside']}/{row['refined']}"
                )
        if row["refined"] < earlier["refined"] - COVERAGE_MARGIN * row["examples"]:
            lines.append(
                f"lost: {' '.join(map(str, _key(row)))}: refined {earlier['refined']} -> "
                f"{row['refined']} of {row['examples']}"
            )
    return lines


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    names = ("kind", "size_mm", "contrast", "blur_px", "tilt", "texture", "coding")
    return tuple(row[name] for name in names)
