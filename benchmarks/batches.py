"""Measures how much faster a file is inspected with several frames per call (engine.batch).

python -m benchmarks.batches ENGINE [--source CLIP] [--threads 2] [--batch 1,4,8] [--rounds 3]

It runs the program alternately on the CPU runtimes. A ratio is to onnxruntime with batch 1 in the
same round. All figures are medians.
"""

import argparse
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.clips import clip
from benchmarks.pipeline import inspect

RUNTIMES = (
    ("onnxruntime", ("onnx", "latency"), "onnxruntime"),
    ("OpenVINO, latency", ("openvino", "latency"), "openvino"),
    ("OpenVINO, throughput", ("openvino", "throughput"), "openvino"),
)
"""Name, (backend, hint), required module."""

Case = tuple[str, int]
"""Runtime and batch."""


def main(options: argparse.Namespace) -> None:
    source = options.source or clip((720, 1280), 150, 0.0)
    batches = [int(text) for text in options.batch.split(",")]
    cases: dict[Case, tuple[str, ...]] = {}
    for name, (backend, hint), module in RUNTIMES:
        if find_spec(module) is not None:
            for batch in sorted({1, *batches}):
                settings = {"backend": backend, "hint": hint, "threads": options.threads}
                settings["batch"] = batch
                cases[name, batch] = tuple(f"engine.{k}={v}" for k, v in settings.items())
    rounds: list[dict[Case, dict[str, Any]]] = []
    for _ in range(options.rounds):
        rounds.append({case: inspect(source, options.engine, *s) for case, s in cases.items()})
    first = next(iter(cases))
    head = f"{'runtime':21} {'batch':>5} {'per s':>6} {'ratio':>6}"
    print(f"{head} {'CPU ms':>6} {'ratio':>6} {'MB':>5}")
    for case in cases:
        row = f"{case[0]:21} {case[1]:5}"
        for key in ("throughput_per_s", "cpu_ms_per_frame"):
            value = median(each[case][key] for each in rounds)
            ratio = median(each[case][key] / each[first][key] for each in rounds)
            row += f" {value:6.1f} {ratio:6.2f}"
        print(row + f" {median(each[case]['peak_mb'] for each in rounds):5.0f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", type=Path)
    parser.add_argument("--source", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", default="1,4,8")
    parser.add_argument("--rounds", type=int, default=3)
    main(parser.parse_args())
