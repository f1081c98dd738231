"""Summarises the examples of cells: ratios of measured to true size, and coverage of 2u."""

import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.atlas.statistics import holm, p_below
from benchmarks.atlas.trial import NAMES, CellResult, Sample

Row = dict[str, Any]
"""A line of the table, ready for JSON. Ratios are measured / true, shares are 0 to 1."""

COVERAGE_FACTOR = 2.0


def summarise(results: Sequence[CellResult]) -> dict[str, list[Row]]:
    """Rows for each cell, and pooled for each kind (main cells only) and for all main cells."""
    main = [result for result in results if not result.cell.factor]
    kinds = list(dict.fromkeys(result.cell.kind for result in main))
    pooled = [(kind, [r for r in main if r.cell.kind == kind]) for kind in kinds]
    pooled += [("all", main)] if main else []
    cells = [_summarise_group(r.cell.name, [r]) | _describe(r) for r in results]
    table = {
        "kinds": [_summarise_group(name, group) for name, group in pooled],
        "cells": cells,
    }
    for rows in table.values():
        _mark_low_coverage(rows)
    return table


def _describe(result: CellResult) -> Row:
    cell = result.cell
    return {"kind": cell.kind, "size": cell.size, "contrast": cell.contrast, "factor": cell.factor}


def _summarise_group(name: str, group: Sequence[CellResult]) -> Row:
    examples = [example for result in group for example in result.examples]
    samples = [sample for example in examples for sample in example.samples]
    refined = [sample for sample in samples if sample.refined]
    on_map = [sample for sample in samples if not sample.refined]
    cpu_ms = sum(result.cpu_ms for result in group)
    row: Row = {
        "name": name,
        "examples": len(examples),
        "found": sum(example.rows > 0 for example in examples),
        "refined": sum(any(s.refined for s in example.samples) for example in examples),
        "whole": sum(example.whole for example in examples),
        "false_alarms": sum(result.false_alarms for result in group),
        "cpu_ms_per_refined": round(cpu_ms / len(refined), 2) if refined else None,
        "samples": len(refined),
        "map_samples": len(on_map),
        "map_at_least_true": _share(
            [m >= t for s in on_map for m, t in zip(s.measured, s.true, strict=True)]
        ),
    }
    for index, size in enumerate(NAMES):
        row[size] = _summarise_size(refined, index)
    return row


def _summarise_size(samples: Sequence[Sample], index: int) -> Row:
    """Figures of refined rows for one of area, length, width."""
    if not samples:
        return {"inside": 0, "p": 1.0}
    true = np.array([sample.true[index] for sample in samples])
    measured = np.array([sample.measured[index] for sample in samples])
    u = np.array([sample.u[index] for sample in samples])
    ratio = measured / true
    inside = int((np.abs(measured - true) <= COVERAGE_FACTOR * u).sum())
    rms = float(np.sqrt(np.mean((ratio - 1) ** 2)))
    relative = COVERAGE_FACTOR * float(np.median(u / true))
    return {
        "median": round(float(np.median(ratio)), 4),
        "low": round(float(np.quantile(ratio, 0.05)), 4),
        "high": round(float(np.quantile(ratio, 0.95)), 4),
        "rms": round(rms, 4),
        "inside": inside,
        "coverage": round(inside / len(samples), 4),
        "p": p_below(inside, len(samples)),
        "expanded_u": round(relative, 4),
        "u_over_rms": round(relative / rms, 2) if rms else None,
    }


def _share(values: Sequence[bool]) -> float | None:
    return round(statistics.fmean(values), 3) if values else None


def _mark_low_coverage(rows: list[Row]) -> None:
    """Sets `low_coverage` where the share inside 2u is significantly below 95 %."""
    places = [(row, size) for row in rows for size in NAMES]
    rejected = holm([row[size]["p"] for row, size in places])
    for (row, size), low in zip(places, rejected, strict=True):
        row[size]["low_coverage"] = low


def count_low(rows: Sequence[Row]) -> int:
    return sum(row[size]["low_coverage"] for row in rows for size in NAMES)


HEADER = (
    *("cell", "examples", "found", "refined", "whole"),
    *(f"{name} {figure}" for name in NAMES for figure in ("ratio", "inside 2u", "U", "U/rms")),
    "CPU-ms",
)


def as_texts(row: Row) -> tuple[str, ...]:
    """The texts of a line under HEADER. An asterisk marks a coverage significantly too low."""
    texts = [row["name"]] + [str(row[key]) for key in ("examples", "found", "refined", "whole")]
    for name in NAMES:
        size = row[name]
        if "median" not in size:
            texts += ["-"] * 4
            continue
        mark = " *" if size["low_coverage"] else ""
        texts.append(f"{size['median']:.2f} ({size['low']:.2f} to {size['high']:.2f})")
        texts.append(f"{100 * size['coverage']:.0f} %{mark}")
        texts.append(f"{100 * size['expanded_u']:.0f} %")
        texts.append("-" if size["u_over_rms"] is None else f"{size['u_over_rms']:.1f}")
    cpu = row["cpu_ms_per_refined"]
    texts.append("-" if cpu is None else f"{cpu:.1f}")
    return tuple(texts)


def format_table(rows: Sequence[Row]) -> str:
    """Columns of equal width, for a terminal."""
    lines = [HEADER, *(as_texts(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            text.ljust(width) if index == 0 else text.rjust(width)
            for index, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
