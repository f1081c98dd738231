"""What a routine check of a folder costs the line that inspects at the same time.

python -m benchmarks.routine_checks [--pairs 3] [--seconds 15] runs a line with a synthetic camera
of 10 frames per s and an engine of the method rad. It alternates between the line alone and the
line while one check follows the other.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from inspector.outputs.json_log import read_log

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from flow_rig import bad_picture, good_picture, write_pictures
from line_rig import LineRig, write_line

from inspector.store.checks import find_check_results
from tools.fit import main as fit

PICTURES = 20
CAMERA = {
    "uri": "synthetic",
    "frame_size": "256x192",
    "fps": 10,
    "synthetic": {"paced": True, "frames": None, "defect_rate": 0},
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.routine_checks", description=__doc__
    )
    parser.add_argument("--pairs", type=int, default=3, help="(default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=15.0, help="(default: %(default)s)")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        rows, pictures_per_s = measure(Path(name), arguments.pairs, arguments.seconds)
    print("             frames  dropped  p50 ms  p99 ms")
    summary = {}
    for label, group in (("alone", rows[::2]), ("with checks", rows[1::2])):
        medians = {key: statistics.median(row[key] for row in group) for key in group[0]}
        print("{:12} {frames:6.0f} {dropped:8.0f} {p50:7.1f} {p99:7.1f}".format(label, **medians))
        summary[label] = medians
    summary["pictures_per_s"] = round(pictures_per_s, 2)
    print(json.dumps({"routine_checks": summary}))


def measure(folder: Path, pairs: int, seconds: float) -> tuple[list[dict[str, float]], float]:
    """Figures of each phase, alone and with checks by turns, and the pictures of checks per s."""
    good = write_pictures(folder / "good", [good_picture(seed) for seed in range(12)])
    samples = write_pictures(folder / "samples", [bad_picture(seed) for seed in range(PICTURES)])
    engine = folder / "engine.onnx"
    fit(["--method", "rad", "--normal", str(good), "--size", "192x256", "--out", str(engine)])
    check = {"name": "daily", "kind": "folder", "folder": str(samples)}
    config = write_line(
        folder,
        source=CAMERA,
        engine={"path": str(engine), "threads": 1},
        health={"outside": "ignore"},
        store={"enabled": True},
        checks=[check],
        verdict={},
    )
    phases: list[tuple[int, int]] = []
    with LineRig(config) as rig:
        rig.wait_for_frames(20)
        for number in range(2 * pairs):
            begin, end = time.monotonic_ns(), time.monotonic() + seconds
            while time.monotonic() < end:
                state = rig.line.state().checks[0]
                if number % 2 and state.state == "idle":
                    rig.ask("check", name="daily")
                time.sleep(0.1)
            phases.append((begin, time.monotonic_ns()))
        results = find_check_results(rig.line.store.store)
    (log,) = folder.glob("runs/*/inspections.jsonl")
    records = read_log(log)[1]
    rate = PICTURES * len(results) / (pairs * seconds)
    return [describe(records, *phase) for phase in phases], rate


def describe(records: list[dict[str, Any]], begin_ns: int, end_ns: int) -> dict[str, float]:
    rows = [r for r in records if begin_ns <= r["captured_ns"] < end_ns]
    ids = [r["frame_id"] for r in rows]
    p50, p99 = np.percentile([r["timings_ms"]["latency"] for r in rows], (50, 99))
    return {
        "frames": len(rows),
        "dropped": ids[-1] - ids[0] + 1 - len(ids),
        "p50": round(float(p50), 1),
        "p99": round(float(p99), 1),
    }


if __name__ == "__main__":
    main()
