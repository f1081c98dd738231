"""Kills a line at random times, and checks what it leaves and that the next start works by itself.

python -m benchmarks.killed_lines [--kills 300] works in the current folder, because /tmp may be in
memory. A kill takes about 4 s.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from killed_lines import kill_lines


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.killed_lines", description=__doc__)
    parser.add_argument(
        "--kills", type=int, default=30, help="processes to kill (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=7, help="default: %(default)s")
    options = parser.parse_args()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        result = asdict(kill_lines(Path(folder), kills=options.kills, seed=options.seed))
    result["seconds"] = round(time.perf_counter() - start, 1)
    print("  ".join(f"{name} {value}" for name, value in result.items()))
    print(json.dumps({"killed_lines": result}))


if __name__ == "__main__":
    main()
