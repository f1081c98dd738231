"""Runs the benchmarks, each in a separate process, and writes all figures to one file.

python -m benchmarks [NAME ...] writes artifacts/bench/figures.json. Run it on an idle machine,
because other programs change the figures.
"""

import argparse
import json
import subprocess
import sys
from typing import Any

from benchmarks.clips import FOLDER
from inspector.core.files import write_whole

NAMES = (
    *("channel", "decode", "damage", "output", "pipeline"),
    *("measuring", "live", "gauge", "calibration", "memory", "outbox", "imports", "tracking"),
    *("parts", "codes", "cameras", "bank_search", "video_settings"),
    "evidence",
    "fleet",
    "explanations",
    "desk_kills",
    "store",
    "routine_checks",
    "reject_time",
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"from {', '.join(NAMES)} (default: all)"
    )
    names = parser.parse_args().names or NAMES
    if unknown := set(names) - set(NAMES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(NAMES)}")
    figures: dict[str, Any] = {}
    failed = []
    for name in names:
        print(f"\n== {name}", flush=True)
        process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.{name}"], stdout=subprocess.PIPE, text=True
        )
        last = ""
        assert process.stdout is not None
        for line in process.stdout:
            if last:
                print(last, end="", flush=True)
            last = line
        if process.wait() != 0:
            failed.append(name)
            continue
        figures |= json.loads(last)
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "figures.json"
    write_whole(path, (json.dumps(figures, indent=2) + "\n").encode())
    print(f"\nfigures in {path}" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
