"""Measures how long a command shows "pass" after the inspector is killed or stopped.

python -m benchmarks.reject_time [--count 20] [--expiry-ms 200] runs the program with a paced source
of 25 frames per s and a command that writes each signal with its time. A kill is SIGKILL; its
time counts from the signal. A stall is SIGSTOP, and its time counts from the end of the last PASS:
expiry_ms after the capture of the newest frame that was judged before.
"""

import argparse
import contextlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from inspector.outputs.json_log import read_records

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from machine_parts import append_signal, read_signals
from run_process import paced, start
from waiting import wait_for

FPS = 25
LONGEST_S = 0.3
"""Longest time from the first pass to the signal."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reject_time", description=__doc__)
    parser.add_argument(
        "--count", type=int, default=20, help="kills, and stalls (default: %(default)s)"
    )
    parser.add_argument(
        "--expiry-ms", type=float, default=200.0, help="of a PASS (default: %(default)s)"
    )
    options = parser.parse_args()
    choose = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        killed = [
            time_kill(place / f"k{number}", options.expiry_ms, choose.uniform(0, LONGEST_S))
            for number in range(options.count)
        ]
        stalled = time_stalls(place / "s", options.expiry_ms, options.count, choose)
    rows = {"kill": summarize(killed), "stall, after the deadline": summarize(stalled)}
    print(f"{'to reject, ms':<26} {'count':>6} {'median':>8} {'worst':>8}")
    for name, row in rows.items():
        print(f"{name:<26} {row['count']:>6} {row['median_ms']:>8} {row['worst_ms']:>8}")
    print(json.dumps({"reject_time": {"expiry_ms": options.expiry_ms, "fps": FPS} | rows}))


def time_kill(folder: Path, expiry_ms: float, delay_s: float) -> float:
    """ms from SIGKILL to the command with reject."""
    with inspecting(folder, expiry_ms) as process:
        time.sleep(delay_s)
        wait_for(lambda: shows(folder, "pass"))
        start_ns = time.time_ns()
        process.kill()
        return (wait_for_reject(folder) - start_ns) / 1e6


def time_stalls(folder: Path, expiry_ms: float, count: int, choose: random.Random) -> list[float]:
    """ms from each deadline to the command with reject. The same process continues each time."""
    stalls: list[tuple[int, int]] = []
    with inspecting(folder, expiry_ms) as process:
        for _ in range(count):
            wait_for(lambda: shows(folder, "pass"))
            time.sleep(choose.uniform(0, LONGEST_S))
            wait_for(lambda: shows(folder, "pass"))
            stop_ns = time.monotonic_ns()
            process.send_signal(signal.SIGSTOP)
            reject_ns = wait_for_reject(folder) - time.time_ns() + time.monotonic_ns()
            stalls.append((stop_ns, reject_ns))
            process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait()
    records = read_records(folder / "out" / "inspections.jsonl")
    verdicts = [record for record in records if record["type"] == "verdict"]
    times = []
    for stop_ns, reject_ns in stalls:
        newest = max(r["captured_ns"] for r in verdicts if r["judged_ns"] <= stop_ns)
        times.append((reject_ns - newest) / 1e6 - expiry_ms)
    return times


@contextlib.contextmanager
def inspecting(folder: Path, expiry_ms: float) -> Iterator["subprocess.Popen[str]"]:
    """A run whose command shows pass."""
    folder.mkdir()
    command = append_signal(folder / "signals")
    outputs = [{"kind": "command", "expiry_ms": expiry_ms, "command": command}]
    arguments = [*paced(FPS), "--no-video", "--set", f"outputs={json.dumps(outputs)}"]
    process = start(folder / "out", *arguments, "--set", "verdict.image_threshold=9")
    try:
        wait_for(lambda: shows(folder, "pass"), 60)
        yield process
    finally:
        process.kill()
        process.communicate()


def shows(folder: Path, word: str) -> bool:
    return read_signals(folder / "signals")[-1:] == [word]


def wait_for_reject(folder: Path) -> int:
    """The time of the command with the newest signal, when it is reject: ns since 1970."""
    wait_for(lambda: shows(folder, "reject"))
    newest = (folder / "signals").read_text().splitlines()[-1]
    return int(newest.split()[1])


def summarize(times_ms: list[float]) -> dict[str, float]:
    return {
        "count": len(times_ms),
        "median_ms": round(float(np.median(times_ms)), 1),
        "worst_ms": round(max(times_ms), 1),
    }


if __name__ == "__main__":
    main()
