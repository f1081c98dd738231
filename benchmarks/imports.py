"""Measures how long the import of each public name takes: python -m benchmarks.imports"""

import json
import statistics
import subprocess
import sys
from typing import Final

STATEMENTS: Final = (
    "import numpy",
    "import inspector",
    "import engines",
    "from inspector import DefectSizeAnalyzer",
    "from inspector import DefectMetrics",
    "from inspector import inspect",
    "from inspector import run_pipeline",
    "from inspector import load_config",
    "from engines import open_engine",
    "from engines import Prediction",
)
"""numpy is there for comparison, because all imports but those of the bare packages need it."""

REPEATS: Final = 5


def time_import(statement: str) -> float:
    """Median time of a statement in a fresh process."""
    program = (
        f"import time; start = time.perf_counter()\n{statement}\nprint(time.perf_counter() - start)"
    )
    command = [sys.executable, "-c", program]
    return statistics.median(
        float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        for _ in range(REPEATS)
    )


def main() -> None:
    figures = {statement: round(time_import(statement), 3) for statement in STATEMENTS}
    for statement, value in figures.items():
        print(f"{statement:45} {value:.3f} s")
    print(json.dumps({"import seconds": figures}))


if __name__ == "__main__":
    main()
