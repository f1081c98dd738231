"""Measures what the outputs of a machine cost.

python -m benchmarks.machine_cost [--pairs 5] [--seconds 40] inspects the three cameras of
`benchmarks.machine` in turn without and with all outputs. No connection breaks. CPU time is that of
the program alone, without its receivers and without the supervisor of the relay.
"""

import argparse
import contextlib
import json
import shutil
from functools import partial
from typing import Any, Final

from benchmarks.clips import FOLDER
from benchmarks.desk_cameras import Cameras
from benchmarks.gige_camera import gige_camera
from benchmarks.line_figures import measure_line, median_ratio, median_row
from benchmarks.machine import STATIONS, make_config
from benchmarks.machine_receivers import Receivers, reading

PLAIN: Final = "plain"
OUTPUTS: Final = "outputs"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.machine_cost", description=__doc__)
    parser.add_argument("--pairs", type=int, default=5, help="(default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=40.0, help="(default: %(default)s)")
    options = parser.parse_args()
    rows: dict[str, list[dict[str, float]]] = {PLAIN: [], OUTPUTS: []}
    for number in range(options.pairs):
        # The order changes, because a machine slows down and speeds up.
        for kind in rows if number % 2 else reversed(rows):
            rows[kind].append(measure(options.seconds, outputs=kind == OUTPUTS))
            print(f"{kind:<9}{rows[kind][-1]}", flush=True)
    figures: dict[str, Any] = {kind: median_row(values) for kind, values in rows.items()}
    for name in ("cpu_ms", "p50_ms", "p99_ms"):
        figures[OUTPUTS][f"{name}_ratio"] = median_ratio(rows[OUTPUTS], rows[PLAIN], name)
    for kind, row in figures.items():
        print(f"{kind:<9}" + "  ".join(f"{name} {value}" for name, value in row.items()))
    print(json.dumps({"machine_cost": {"pairs": options.pairs, "rows": figures}}))


def measure(seconds: float, *, outputs: bool) -> dict[str, float]:
    folder = (FOLDER / "machine_cost").absolute()
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.ExitStack() as stack:
        gige = stack.enter_context(gige_camera())
        cameras = stack.enter_context(Cameras(seconds + 120, cut_s=seconds + 120))
        if not outputs:
            return measure_line(folder, make_config(folder, cameras, gige, None), seconds).row()
        receivers = stack.enter_context(contextlib.closing(Receivers(folder, kill_s=None)))
        values = make_config(folder, cameras, gige, receivers)
        return measure_line(folder, values, seconds, partial(reading, receivers, STATIONS)).row()


if __name__ == "__main__":
    main()
