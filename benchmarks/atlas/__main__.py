"""The bias atlas: how right the sizes of defects are, cell by cell.

python -m benchmarks.atlas [--quick] [--cells PATTERN ...] [--workers N] [--out FILE] [--json FILE]
python -m benchmarks.atlas --cost [--json FILE]

Renders defects of known size on procedural textures and measures them. For each cell (kind / size
/ contrast) it prints how many were found and refined, measured / true size, and how often the truth
is within 2u. --cost measures CPU time and throughput with and without defects.

To measure another version of the product with this atlas, copy the folder benchmarks/atlas into a
checkout of that version, and run the same command in that checkout.
"""

import argparse
import fnmatch
import json
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.atlas.cells import Cell, list_cells, list_quick_cells
from benchmarks.atlas.cost import measure_cost
from benchmarks.atlas.engine_map import EngineMaps
from benchmarks.atlas.page import compare, format_page
from benchmarks.atlas.table import count_low, format_table, summarise
from benchmarks.atlas.trial import CellResult, try_cell, use_one_thread, use_rendered_map
from inspector.core.files import write_whole


def main(argv: Sequence[str] | None = None) -> int:
    options = _parse(argv)
    head = {
        "command": _describe(options),
        "seed": options.seed,
        "map": options.map,
    }
    if options.cost:
        _write_json(options.json, head | measure_cost(options.seed))
        return 0
    cells = list_quick_cells() if options.quick else list_cells()
    cells = [cell for cell in cells if any(fnmatch.fnmatch(cell.name, p) for p in options.cells)]
    if not cells:
        print(f"no cell is named {' or '.join(options.cells)}", file=sys.stderr)
        return 2
    table = head | _measure_cells(cells, options, head)
    print(format_table([*table["cells"], *table["kinds"]]))
    print(
        f"\n* significantly below 95 % (exact test, Holm): {count_low(table['cells'])} in cells, "
        f"{count_low(table['kinds'])} in kinds"
    )
    if options.out:
        write_whole(options.out, format_page(table).encode())
    if options.compare:
        lines = compare(json.loads(options.compare.read_text(encoding="utf-8")), table)
        print("\n".join(lines or ["no figure changed by more than the margin"]))
    return 0


def _measure_cells(
    cells: Sequence[Cell], options: argparse.Namespace, head: dict[str, Any]
) -> dict[str, Any]:
    start = time.monotonic()
    results: list[CellResult] = []
    for result in _run_cells(cells, options):
        results.append(result)
        passed = time.monotonic() - start
        print(f"{len(results)} of {len(cells)} cells, {passed:.0f} s", file=sys.stderr)
        # A run that is stopped keeps its finished cells.
        _write_json(options.json, head | summarise(results))
    return dict(summarise(results))


def _run_cells(cells: Sequence[Cell], options: argparse.Namespace) -> Iterator[CellResult]:
    """The results in the order of the cells. With one worker everything runs in this process."""
    map_source = use_rendered_map if options.map == "rendered" else EngineMaps()
    task = partial(try_cell, seed=options.seed, map_source=map_source)
    if options.workers == 1:
        use_one_thread()
        yield from map(task, cells)
        return
    with ProcessPoolExecutor(options.workers, initializer=use_one_thread) as pool:
        yield from pool.map(task, cells)


def _write_json(path: Path | None, table: dict[str, Any]) -> None:
    if path is not None:
        write_whole(path, (json.dumps(table, indent=1) + "\n").encode())


def _describe(options: argparse.Namespace) -> str:
    """The command that repeats the figures, without the names of files."""
    words = ["python", "-m", "benchmarks.atlas"]
    words += [f"--{name}" for name in ("cost", "quick") if getattr(options, name)]
    words += ["--map", options.map] if options.map != "rendered" else []
    words += ["--cells", *options.cells] if options.cells != ["*"] else []
    return shlex.join(words)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.atlas",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="the medium size, two contrasts")
    parser.add_argument("--cost", action="store_true", help="CPU time and throughput instead")
    parser.add_argument(
        "--map",
        choices=("rendered", "engine"),
        default="rendered",
        help="regions from the blurred masks, or from a RAD engine (default: rendered)",
    )
    parser.add_argument(
        "--cells", nargs="+", default=["*"], metavar="PATTERN", help="such as 'scratch/*/25%%'"
    )
    parser.add_argument("--seed", type=int, default=20, help="of the pictures (default: 20)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the page here")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    parser.add_argument(
        "--compare", type=Path, metavar="OLD.json", help="print what changed since this --json"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
