"""Measures throughput, CPU time, latency and memory of complete runs.

python -m benchmarks.pipeline [--frames N] compares them with a plain loop and with the floor. The
floor is the CPU time of all stages, measured one by one, divided by the number of cores. No
pipeline of these stages can be faster.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.clips import FOLDER, clip, engine

SIZES = {"720p": (720, 1280), "1080p": (1080, 1920)}
ENGINES = {"256x256": "256x256", "256x448": None}


def run_child(arguments: list[str]) -> str:
    """Runs a Python process and returns the last line that it printed."""
    done = subprocess.run([sys.executable, *arguments], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(arguments[:2])} ended with exit code {done.returncode}")
    return done.stdout.strip().rsplit("\n", 1)[-1]


def inspect(source: Path, engine_path: Path, *settings: str) -> dict[str, Any]:
    """Runs the program and returns figures of its summary."""
    out = FOLDER / "run"
    shutil.rmtree(out, ignore_errors=True)
    arguments = ["run_inspector.py", "--source", str(source), "--engine", str(engine_path)]
    arguments += ["--output", str(out), "--set", "log.path=null", "--set", "log.level=WARNING"]
    for setting in settings:
        arguments += ["--set", setting]
    run_child(arguments)
    summary = json.loads((out / "summary.json").read_text())
    return {
        "throughput_per_s": summary["throughput_per_s"],
        "cpu_ms_per_frame": summary["cpu_ms_per_frame"],
        "latency_p50_ms": summary["latency_ms"]["p50"],
        "latency_p99_ms": summary["latency_ms"]["p99"],
        "peak_mb": round(summary["peak_memory_mb"]),
        "failed": summary["failed"],
        "frames": summary["inspected"],
    }


def main(frames: int = 300, repeats: int = 3) -> list[dict[str, Any]]:
    cores = len(os.sched_getaffinity(0))
    rows: list[dict[str, Any]] = []
    print(f"{cores} cores, {frames} frames, median of {repeats} runs")
    print(
        f"{'clip':5} {'engine':8} {'defects':>7} {'per s':>7} {'CPU ms':>7} {'p50':>6} {'p99':>6} "
        f"{'MB':>5} {'floor ms':>8} {'floor/s':>8} {'of floor':>8} {'loop/s':>7} {'to loop':>7}"
    )
    for size, hw in SIZES.items():
        for name, option in ENGINES.items():
            engine_path = engine(option, hw)
            for share in (0.0, 0.05):
                source = clip(hw, frames, share)
                row = measure_case(source, engine_path, cores, repeats)
                row |= {"clip": size, "engine": name, "defect_share": share}
                rows.append(row)
                print(
                    f"{size:5} {name:8} {share:7.2f} {row['throughput_per_s']:7.1f} "
                    f"{row['cpu_ms_per_frame']:7.1f} {row['latency_p50_ms']:6.0f} "
                    f"{row['latency_p99_ms']:6.0f} {row['peak_mb']:5d} {row['floor_ms']:8.1f} "
                    f"{row['floor_per_s']:8.1f} {row['of_floor']:8.2f} {row['loop_per_s']:7.1f} "
                    f"{row['to_loop']:7.2f}",
                    flush=True,
                )
    return rows


def measure_case(source: Path, engine_path: Path, cores: int, repeats: int) -> dict[str, Any]:
    """Medians. Run, floor and loop alternate, so that other programs slow them equally."""
    runs, floors, loops = [], [], []
    files = (str(source), str(engine_path))
    for _ in range(repeats):
        runs.append(inspect(source, engine_path))
        floors.append(json.loads(run_child(["-m", "benchmarks.stages", *files])))
        out = str(FOLDER / "loop.mp4")
        loops.append(json.loads(run_child(["-m", "benchmarks.plain_loop", *files, out])))
    row = median_row(runs, "throughput_per_s")
    floor_ms = sorted(sum(f.values()) for f in floors)[len(floors) // 2]
    loop = median_row(loops, "throughput_per_s")
    floor_per_s = 1e3 * cores / floor_ms
    return row | {
        "floor_ms": round(floor_ms, 2),
        "floor_per_s": round(floor_per_s, 1),
        "of_floor": round(row["throughput_per_s"] / floor_per_s, 3),
        "stages_ms": floors[len(floors) // 2],
        "loop_per_s": loop["throughput_per_s"],
        "loop_cpu_ms": loop["cpu_ms_per_frame"],
        "loop_peak_mb": loop["peak_mb"],
        "to_loop": round(row["throughput_per_s"] / loop["throughput_per_s"], 2),
    }


def median_row(rows: list[dict[str, Any]], key: str) -> dict[str, Any]:
    return sorted(rows, key=lambda row: row[key])[len(rows) // 2]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print(json.dumps({"pipeline": main(options.frames, options.repeats)}))
