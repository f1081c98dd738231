"""Measures how the cost of a run grows, and draws the curves into docs/scale.svg.

python -m benchmarks.scale [--frames 120] [--repeats 3] changes one thing at a time of a run of a
720p clip with the annotated video at full size: the number of cores (those of this machine, and a
prediction for more of them), the resolution, the defects per frame, the cameras of one process, and
the size of the bank.
"""

import argparse
import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any, Final

import yaml

from benchmarks.clips import FOLDER, clip, engine
from benchmarks.pipeline import INPUT, ROOT, inspect, run_child
from benchmarks.scale_chart import Curve, Panel, draw_panels
from benchmarks.scale_model import predict_rate, slowest_thread
from inspector.core.files import write_whole

SIZES: Final = ((360, 640), (720, 1280), (1080, 1920), (2160, 3840))
DEFECTS: Final = (0.0, 1.0, 4.0, 16.0)
CAMERAS: Final = (1, 2, 4)
BANKS: Final = (10, 30, 100)
"""Good pictures whose vectors are kept at each place of the bank."""
PREDICTED: Final = (4, 8)
CHART: Final = ROOT / "docs" / "scale.svg"

FULL_SIZE: Final = "output.video.scale=1.0"

Row = dict[str, float]


def main(frames: int, repeats: int) -> dict[str, Any]:
    usual = clip(SIZES[1], frames, 0.05), engine(INPUT)

    def repeat(action: Callable[[], Row]) -> Row:
        rows = [action() for _ in range(repeats)]
        return {key: median(row[key] for row in rows) for key in rows[0]}

    tables: dict[str, dict[str, Row]] = {}
    tables["cores"] = measure_cores(usual, repeat)
    sizes = {f"{h}p": clip((h, w), frames, 0.05, resized_from=SIZES[1]) for h, w in SIZES}
    tables["resolution"] = {n: repeat(lambda c=c: run(c, usual[1])) for n, c in sizes.items()}
    crowded = {f"{share:g}": clip(SIZES[1], frames, share) for share in DEFECTS}
    tables["defects"] = {n: repeat(lambda c=c: run(c, usual[1])) for n, c in crowded.items()}
    tables["cameras"] = {str(n): repeat(lambda n=n: run_cameras(*usual, n)) for n in CAMERAS}
    banks = {count: engine(INPUT, coreset=count) for count in BANKS}
    tables["bank"] = {
        str(count): repeat(lambda p=path: run(usual[0], p)) | {"engine_mb": megabytes(path)}
        for count, path in banks.items()
    }
    for name, rows in tables.items():
        print(f"\n{name}")
        for label, row in rows.items():
            print(f"{label:>14}  " + "  ".join(f"{key} {v:.4g}" for key, v in row.items()))
    write_whole(CHART, draw_panels(list(make_panels(tables))).encode())
    print(f"\nthe curves are in {CHART}")
    return tables


def run(source: Path, engine_path: Path) -> Row:
    row = inspect(source, engine_path, FULL_SIZE)
    keys = ("throughput_per_s", "cpu_ms_per_frame", "latency_p50_ms", "peak_mb")
    return {key: row[key] for key in keys}


def measure_cores(usual: tuple[Path, Path], repeat: Callable[[Callable[[], Row]], Row]) -> Any:
    """Measured and predicted frames/s. The prediction takes the stages as if each ran alone."""
    stages = json.loads(run_child(["-m", "benchmarks.stages", *map(str, usual), FULL_SIZE]))
    name, ms = slowest_thread(stages)
    print(f"CPU-ms of the stages: {stages}; the slowest thread is {name} with {ms:.1f}")
    mine, rows = sorted(os.sched_getaffinity(0)), {}
    for count in range(1, len(mine) + 1):
        with on_cores(mine[:count]):
            rows[str(count)] = repeat(lambda: run(*usual))
        rows[str(count)]["predicted_per_s"] = predict_rate(stages, count)
    for count in PREDICTED:
        rows[f"{count} predicted"] = {
            "predicted_per_s": predict_rate(stages, count),
            "predicted_4_cameras": predict_rate(stages, count, cameras=4),
        }
    return rows


@contextlib.contextmanager
def on_cores(cores: list[int]) -> Iterator[None]:
    """Child processes inherit the cores of this one."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def run_cameras(source: Path, engine_path: Path, count: int) -> Row:
    """The same clip as several sources of one process. Frames/s of all, CPU-ms per frame."""
    folder = (FOLDER / "scale").absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    names = [f"camera{number}" for number in range(count)]
    config = {
        "engine": {"path": str(engine_path.absolute())},
        "output": {"dir": str(folder / "runs"), "video": {"scale": 1.0}},
        "log": {"path": None, "level": "WARNING"},
        "sources": [{"name": n, "source": {"uri": str(source.absolute())}} for n in names],
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    run_child(["run_inspector.py", "--config", str(folder / "config.yaml")])
    summaries = [json.loads((folder / "runs" / n / "summary.json").read_text()) for n in names]
    frames = sum(summary["inspected"] for summary in summaries)
    seconds = max(summary["inspected"] / summary["throughput_per_s"] for summary in summaries)
    # The CPU time of a summary is that of the process, so the run that ends last has all of it.
    cpu_ms = max(summary["cpu_ms_per_frame"] * summary["inspected"] for summary in summaries)
    return {
        "throughput_per_s": frames / seconds,
        "cpu_ms_per_frame": cpu_ms / frames,
        "peak_mb": max(summary["peak_memory_mb"] for summary in summaries),
    }


def megabytes(path: Path) -> float:
    return path.stat().st_size / 1e6


def make_panels(tables: Mapping[str, Mapping[str, Row]]) -> Iterator[Panel]:
    cores = {label.split()[0]: row for label, row in tables["cores"].items()}
    curves = [
        Curve(name, [(float(n), row[key]) for n, row in cores.items() if key in row])
        for name, key in (("measured", "throughput_per_s"), ("predicted", "predicted_per_s"))
    ]
    yield Panel("frames/s", "cores", curves)

    def cost(points: list[tuple[float, Row]]) -> list[Curve]:
        return [Curve("CPU-ms per frame", [(x, row["cpu_ms_per_frame"]) for x, row in points])]

    pixels = [h * w / 1e6 for h, w in SIZES]
    yield Panel(
        "resolution",
        "megapixels",
        cost(list(zip(pixels, tables["resolution"].values(), strict=True))),
    )
    yield Panel("defects", "defects per frame", cost(by_number(tables["defects"])))
    yield Panel("cameras in one process", "cameras", cost(by_number(tables["cameras"])))
    rows = list(tables["bank"].values())
    yield Panel("bank", "MB of the engine file", cost([(row["engine_mb"], row) for row in rows]))


def by_number(table: Mapping[str, Row]) -> list[tuple[float, Row]]:
    return [(float(label), row) for label, row in table.items()]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--frames", type=int, default=120, help="(default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="(default: %(default)s)")
    options = parser.parse_args()
    print(json.dumps({"scale": main(options.frames, options.repeats)}))
