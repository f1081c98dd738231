"""Measures the scaling of parallel classes: overhead, 1 and 2 workers, and a killed worker.

python -m benchmarks.fleet [--classes 4]. Each class has generated pictures and is fitted with RAD.
With Ray installed, the same is measured on a local Ray.
"""

import argparse
import importlib.util
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from inspector.fleet.jobs import Job, Task
from inspector.fleet.options import FleetOptions
from inspector.fleet.running import run_jobs


def write_classes(folder: Path, count: int) -> Path:
    for number in range(count):
        good = folder / f"class{number}" / "train" / "good"
        good.mkdir(parents=True)
        rng = np.random.default_rng(number)
        for picture in range(40):
            values = rng.normal(150, 8, (256, 256, 3)).clip(0, 255).astype(np.uint8)
            cv2.imwrite(str(good / f"{picture}.png"), values)
    return folder


def fit(
    data: Path, out: Path, *more: str, kill_after_s: float | None = None
) -> tuple[float, float]:
    """Seconds of one call of the command with its start, and CPU seconds of its processes except
    those of Ray. kill_after_s: when a worker is killed."""
    argv = ["--method", "rad", "--normal", str(data), "--out", str(out), "--no-sheet", *more]
    started, used = time.monotonic(), children_cpu_s()
    process = subprocess.Popen([sys.executable, "-m", "tools.fit", *argv], stdout=2)
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        parent = find_child(process.pid, "raylet") if "--ray" in more else process.pid
        name = "ray::_Actor" if "--ray" in more else "inspector.fleet.worker"
        os.kill(find_child(parent, name), signal.SIGKILL)
    if process.wait() != 0:
        raise SystemExit(f"fit ended with code {process.returncode}")
    seconds, cpu_s = time.monotonic() - started, children_cpu_s() - used
    shutil.rmtree(out)
    return seconds, cpu_s


def children_cpu_s() -> float:
    """CPU seconds of the processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def find_child(parent: int, command: str) -> int:
    """The first child of a process with this text in its command line."""
    argv = ["pgrep", "-P", str(parent), "-f", command]
    return int(subprocess.run(argv, capture_output=True, text=True).stdout.split()[0])


def measure_overhead(jobs: int = 2000) -> tuple[float, float]:
    """Seconds to start one worker, and milliseconds that each job costs in addition."""
    task = Task("operator:add", 1)
    planned = [Job(str(number), number) for number in range(jobs)]
    started = time.monotonic()
    run_jobs(task, planned[:1], FleetOptions(), isolated=True)
    start_s = time.monotonic() - started
    started = time.monotonic()
    run_jobs(task, planned, FleetOptions(), isolated=True)
    return start_s, 1000 * (time.monotonic() - started - start_s) / jobs


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--classes", type=int, default=4)
    count = parser.parse_args().classes
    with tempfile.TemporaryDirectory() as name:
        data, out = write_classes(Path(name, "data"), count), Path(name, "out")
        figures = {"loop": fit(data, out)}
        kinds: dict[str, tuple[str, ...]] = {"processes": ()}
        if importlib.util.find_spec("ray") is not None:
            kinds["ray"] = ("--ray",)
        for kind, more in kinds.items():
            if more:
                figures[f"{kind}, 1 worker"] = fit(data, out, *more)
            both = (*more, "--workers", "2")
            figures[f"{kind}, 2 workers"] = fit(data, out, *both)
            half_s = figures[f"{kind}, 2 workers"][0] / 2
            killed = fit(data, out, *both, kill_after_s=half_s)
            figures[f"{kind}, 2 workers, one killed"] = killed
    for label, (seconds, cpu_s) in figures.items():
        cpu = "" if label.startswith("ray") else f", {cpu_s:.1f} CPU-s"
        print(f"{label:32} {seconds:6.1f} s, {figures['loop'][0] / seconds:.2f} times as fast{cpu}")
    start_s, job_ms = measure_overhead()
    print(f"start of a worker {start_s:.2f} s, {job_ms:.2f} ms for each job")
    values = {label: seconds for label, (seconds, _) in figures.items()}
    values |= {"worker start": start_s, "each job": job_ms / 1000}
    print(json.dumps({"fleet_fit_s": {key: round(value, 4) for key, value in values.items()}}))


if __name__ == "__main__":
    main()
