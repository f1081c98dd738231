"""Prints the bias atlas: measured against true sizes for every kind of defect.

python -m benchmarks.atlas --out docs/atlas.md writes the page (about half an hour on two cores).
--quick measures a part of it in about three minutes. --json FILE keeps the table; --compare FILE
names the cells that lost or gained against an earlier table. To measure the code of another
checkout, copy this folder there.
"""

import argparse
import dataclasses
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cv2

from benchmarks.atlas.measuring import measure_cell
from benchmarks.atlas.page import write_page
from benchmarks.atlas.scenes import COLUMNS, ROWS, Cell
from benchmarks.atlas.shapes import KINDS
from benchmarks.atlas.statistics import compare, flag_coverage, pool, summarise
from benchmarks.atlas.textures import TEXTURES

SEED = 4100
SIZES_MM = (1.6, 4.0, 10.0)
CONTRASTS = (0.03, 0.06, 0.12, 0.3, 0.6)
MIDDLE = (4.0, 0.3)
FACTOR_KINDS = ("disc", "square", "scratch", "crack")
FACTORS: dict[str, tuple[Any, ...]] = {
    "blur_px": (0.7, 1.5, 2.5, 4.0),
    "tilt": (0.0, 15.0, 30.0),
    "texture": tuple(TEXTURES),
    "coding": ("none", "jpeg 90", "jpeg 70", "jpeg 50", "h264 18", "h264 28"),
}
EXAMPLES, QUICK_EXAMPLES = 42, 12


def main() -> int:
    arguments = _parse()
    cells = plan_cells(arguments.quick)
    if arguments.kinds:
        cells = [(factor, cell) for factor, cell in cells if cell.kind in arguments.kinds]
    examples = QUICK_EXAMPLES if arguments.quick else EXAMPLES
    start = time.monotonic()
    jobs = [(cell, factor, examples, arguments.seed) for factor, cell in cells]
    with ProcessPoolExecutor(
        arguments.workers, initializer=cv2.setNumThreads, initargs=(1,)
    ) as pool_:
        rows = list(pool_.map(_measure, jobs, chunksize=2))
    flag_coverage(rows)
    minutes = (time.monotonic() - start) / 60
    _print(rows, minutes)
    if arguments.out is not None:
        machine = f"{os.cpu_count()} cores ({platform.machine()})"
        command = " ".join(("python -m benchmarks.atlas", *sys.argv[1:]))
        arguments.out.write_text(write_page(rows, command, minutes, machine), encoding="utf-8")
    if arguments.compare is not None:
        before = json.loads(arguments.compare.read_text(encoding="utf-8"))
        print("\n".join(compare(before, rows)) or "no cell lost or gained")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows), encoding="utf-8")
    print(json.dumps({"atlas": pool([row for row in rows if not row["factor"]])}))
    return 0


def plan_cells(quick: bool) -> list[tuple[str, Cell]]:
    """(factor, cell). The factor is empty for the main cells."""
    sizes, contrasts = ((4.0,), (0.12, 0.3)) if quick else (SIZES_MM, CONTRASTS)
    cells = [
        ("", Cell(kind, size, contrast))
        for kind in KINDS
        for size in (sizes if kind != "across" else sizes[:1])
        for contrast in contrasts
    ]
    if quick:
        return cells
    return cells + [
        (factor, dataclasses.replace(Cell(kind, *MIDDLE), **{factor: value}))
        for factor, values in FACTORS.items()
        for kind in FACTOR_KINDS
        for value in values
    ]


def _measure(job: tuple[Cell, str, int, int]) -> dict[str, Any]:
    cell, factor, examples, seed = job
    per_frame = 3 if cell.kind == "across" else COLUMNS * ROWS
    return summarise(measure_cell(cell, -(-examples // per_frame), seed)) | {"factor": factor}


def _print(rows: Sequence[dict[str, Any]], minutes: float) -> None:
    print(f"{len(rows)} cells in {minutes:.1f} min; share of refined sizes within 2u")
    print(
        f"{'kind':12}{'examples':>9}{'refined':>9}{'rows':>7}{'area':>7}{'length':>8}{'width':>7}",
        end="",
    )
    print(f"{'CPU-ms':>8}")
    for kind, each in pool([row for row in rows if not row["factor"]]).items():
        print(
            f"{kind:12}{each['examples']:>9}{each['refined']:>9.0%}{each['right_rows']:>7.0%}",
            end="",
        )
        print(
            f"{each['area']:>7.0%}{each['length']:>8.0%}{each['width']:>7.0%}{each['cpu_ms']:>8.1f}"
        )
    short = [
        row for row in rows if any(row[name]["too_few"] for name in ("area", "length", "width"))
    ]
    print(f"cells with a coverage significantly below 95 %: {len(short)} of {len(rows)}")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.atlas", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a part of it, in three minutes")
    parser.add_argument("--kinds", nargs="*", choices=list(KINDS), help="only these kinds")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, help="page to write, such as docs/atlas.md")
    parser.add_argument("--json", type=Path, help="file for the table")
    parser.add_argument("--compare", type=Path, help="table of an earlier run")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
