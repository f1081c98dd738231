"""The bias atlas: how right the sizes of defects are, cell by cell.

python -m benchmarks.atlas [--quick] [--cells PATTERN ...] [--workers N] [--json FILE] [--out FILE]

Renders defects of known size on procedural textures, measures them, and prints for each cell
(kind / size / contrast) how many were found and refined, measured / true size, and how often the
truth is within 2u. The renderer shares no code with the product.
"""

import argparse
import fnmatch
import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.atlas.cells import Cell, list_cells, list_quick_cells
from benchmarks.atlas.table import count_low, format_table, summarise
from benchmarks.atlas.trial import CellResult, try_cell, use_one_thread, use_rendered_map


def main(argv: Sequence[str] | None = None) -> int:
    options = _parse(argv)
    cells = list_quick_cells() if options.quick else list_cells()
    cells = [cell for cell in cells if any(fnmatch.fnmatch(cell.name, p) for p in options.cells)]
    if not cells:
        print(f"no cell is named {' or '.join(options.cells)}", file=sys.stderr)
        return 2
    start = time.monotonic()
    table: dict[str, Any] = dict(summarise(run_cells(cells, options.seed, options.workers)))
    print(format_table([*table["cells"], *table["kinds"]]))
    print(
        f"\n* significantly below 95 % (exact test, Holm): {count_low(table['cells'])} in cells, "
    )
    print(f"{count_low(table['kinds'])} in kinds. {len(cells)} cells took ", end="")
    print(f"{time.monotonic() - start:.0f} s.")
    table["command"] = "python -m benchmarks.atlas " + " ".join(
        sys.argv[1:] if argv is None else argv
    )
    table["seed"] = options.seed
    if options.json:
        options.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    return 0


def run_cells(cells: Sequence[Cell], seed: int, workers: int) -> list[CellResult]:
    """The results in the order of the cells. With one worker everything runs in this process."""
    task = partial(try_cell, seed=seed, map_source=use_rendered_map)
    if workers == 1:
        use_one_thread()
        return [task(cell) for cell in cells]
    with ProcessPoolExecutor(workers, initializer=use_one_thread) as pool:
        return list(pool.map(task, cells))


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.atlas",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="a subset of the cells")
    parser.add_argument(
        "--cells", nargs="+", default=["*"], metavar="PATTERN", help="such as 'scratch/*/25%%'"
    )
    parser.add_argument("--seed", type=int, default=20, help="of the pictures (default: 20)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
