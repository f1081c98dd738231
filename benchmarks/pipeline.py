"""Compares complete runs with a plain loop, with other programs and with an earlier version.

python -m benchmarks.pipeline [--quick] [--before DIR] inspects clips of 720p and 1080p with 0, 5
and 100 % of frames with defects, in float32 and in int8, with the annotated video at full size, at
half size and without it. All programs get the same clip and the same engine in the same run, in
turns. --before names another checkout of this project, whose program runs too. --quick takes under
5 minutes. The floor is the CPU time of all stages, measured one by one, divided by the number of
cores; no pipeline of these stages can be faster. `make peers` installs the other programs.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.clips import FOLDER, clip, engine, int8_engine

ROOT: Final = Path(__file__).parents[1]
SIZES: Final = {"720p": (720, 1280), "1080p": (1080, 1920)}
SHARES: Final = (0.0, 0.05, 1.0)
SCALES: Final = {1.0: "full", 0.5: "half", 0.0: "off"}
"""Size of each half of the annotated video relative to the frame -> its name in the table."""
INPUT: Final = "256x256"
PEERS: Final = {
    "supervision": ("benchmarks.supervision_video", ".venv-supervision"),
    "anomalib": ("benchmarks.anomalib_openvino", ".venv-anomalib"),
}
"""Program -> its module, and the environment that `make peers` makes for it."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    size: str
    share: float
    precision: str
    scale: float

    @property
    def settings(self) -> list[str]:
        if not self.scale:
            return ["output.video.enabled=false"]
        return [f"output.video.scale={self.scale}"]


def run_child(arguments: Sequence[str], *, python: str = sys.executable, tree: Path = ROOT) -> str:
    """Runs a Python process and returns the last line that it printed. tree: the checkout whose
    modules it imports."""
    environment = os.environ | {"PYTHONPATH": str(tree)}
    done = subprocess.run([python, *arguments], stdout=subprocess.PIPE, text=True, env=environment)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(arguments[:2])} ended with exit code {done.returncode}")
    return done.stdout.strip().rsplit("\n", 1)[-1]


def inspect(source: Path, engine_path: Path, *settings: str, tree: Path = ROOT) -> Row:
    """Runs the program of the checkout `tree` and returns figures of its summary."""
    out = FOLDER / "run"
    shutil.rmtree(out, ignore_errors=True)
    arguments = [str(tree / "run_inspector.py"), "--source", str(source)]
    arguments += ["--engine", str(engine_path), "--output", str(out)]
    arguments += ["--config", str(tree / "config.yaml")]  # its keys are those of this version
    for setting in ("log.path=null", "log.level=WARNING", *settings):
        arguments += ["--set", setting]
    run_child(arguments, tree=tree)
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


def all_cases() -> Iterator[Case]:
    for size in SIZES:
        for precision in ("float32", "int8"):
            for share in SHARES:
                for scale in SCALES:
                    yield Case(size, share, precision, scale)


def quick_cases() -> Iterator[Case]:
    """Everything at 720p with 5 % of defects, and one change of it at a time."""
    for precision in ("float32", "int8"):
        for scale in SCALES:
            yield Case("720p", 0.05, precision, scale)
    yield Case("720p", 0.0, "float32", 0.5)
    yield Case("720p", 1.0, "float32", 0.5)
    yield Case("1080p", 0.05, "float32", 1.0)
    yield Case("1080p", 0.05, "int8", 0.5)


def main(options: argparse.Namespace) -> list[Row]:
    cases = list(quick_cases() if options.quick else all_cases())
    engines = {"float32": engine(INPUT)}
    if (converted := int8_engine(engines["float32"])) is not None:
        engines["int8"] = converted
    else:
        print("int8: not run, because this version cannot make such an engine")
    pythons = {name: python for name in PEERS if (python := peer_python(name)) is not None}
    for name in PEERS.keys() - pythons.keys():
        print(f"{name}: not run, because `make peers` did not install it")
    # Clips are made before anything is measured.
    clips = {(c.size, c.share): _clip(c, options.frames) for c in cases}
    cores = len(os.sched_getaffinity(0))
    print(f"{cores} cores, {options.frames} frames, medians of {options.repeats} runs in turns")
    print(
        f"{'clip':5} {'defects':>7} {'engine':7} {'video':5} {'program':11} {'per s':>6} "
        f"{'CPU ms':>7} {'p50':>5} {'p99':>5} {'MB':>5} {'failed':>6} {'speed':>6} {'CPU':>5}"
    )
    rows: list[Row] = []
    for case in cases:
        if case.precision in engines:
            files = clips[case.size, case.share], engines[case.precision]
            rows += measure_case(case, files, pythons, options)
    print("speed: frames/s of `now` as a multiple; CPU: CPU ms of `now` as a share")
    print_aims(rows)
    return rows


def _clip(case: Case, frames: int) -> Path:
    """The engine knows the web of 720p, so larger frames show the same web, enlarged."""
    drawn = SIZES["720p"]
    hw = SIZES[case.size]
    return clip(hw, frames, case.share, resized_from=None if hw == drawn else drawn)


def peer_python(name: str) -> str | None:
    """The Python of the environment of another program; None if it is not installed."""
    folder = ROOT / PEERS[name][1]
    return str(folder / "bin" / "python") if (folder / ".peer").exists() else None


def measure_case(
    case: Case,
    files: tuple[Path, Path],
    pythons: Mapping[str, str],
    options: argparse.Namespace,
) -> list[Row]:
    """files: clip and engine. One row per program. The programs run in turns, so that other work
    on the machine slows them equally."""
    rounds = [
        dict(run_programs(case, files, pythons, options.before)) for _ in range(options.repeats)
    ]
    floor = None if options.quick else measure_floor(case, files)
    rows = []
    for name in rounds[0]:
        row = {"case": vars(case), "program": name} | {
            key: median(run[name][key] for run in rounds) for key in rounds[0][name]
        }
        for key in ("throughput_per_s", "cpu_ms_per_frame"):
            row[f"{key}_now"] = median(run["now"][key] / run[name][key] for run in rounds)
        if name == "now" and floor is not None:
            row |= {"stages_ms": floor, "floor_ms": sum(floor.values())}
        rows.append(row)
        print_row(case, row)
    return rows


def run_programs(
    case: Case, files: tuple[Path, Path], pythons: Mapping[str, str], before: Path | None
) -> Iterator[tuple[str, Row]]:
    """Name and figures of each program. Those of PEERS write videos of full size only."""
    yield "now", inspect(*files, *case.settings)
    if before is not None and case.precision == "float32":
        yield "before", inspect(*files, *case.settings, tree=before)
    arguments = [*map(str, files), str(FOLDER / "loop.mp4")]
    loop = ["-m", "benchmarks.plain_loop", *arguments, str(case.scale)]
    yield "loop", json.loads(run_child(loop))
    if case.precision == "float32" and case.share == 0.05 and case.scale == 1.0:
        for name, python in pythons.items():
            module = PEERS[name][0]
            yield name, json.loads(run_child(["-m", module, *arguments], python=python))


def measure_floor(case: Case, files: tuple[Path, Path]) -> dict[str, float]:
    arguments = ["-m", "benchmarks.stages", *map(str, files), *case.settings]
    return dict(json.loads(run_child(arguments)))


def print_row(case: Case, row: Row) -> None:
    latency = " ".join(
        f"{row.get(f'latency_{key}_ms', float('nan')):5.0f}" for key in ("p50", "p99")
    )
    print(
        f"{case.size:5} {case.share:7.0%} {case.precision:7} {SCALES[case.scale]:5} "
        f"{row['program']:11} {row['throughput_per_s']:6.1f} {row['cpu_ms_per_frame']:7.2f} "
        f"{latency} {row['peak_mb']:5.0f} {row['failed']:6.0f} "
        f"{row['throughput_per_s_now']:5.2f}x {row['cpu_ms_per_frame_now']:5.2f}"
        + (f"  floor {row['floor_ms']:.1f} ms" if "floor_ms" in row else ""),
        flush=True,
    )


def print_aims(rows: Sequence[Row]) -> None:
    """The aims of 720p with int8 and half-size video: 18 CPU-ms, three times the loop, 250 MB."""
    for row in rows:
        case, name = Case(**row["case"]), row["program"]
        if (case.size, case.share, case.precision, case.scale) != ("720p", 0.05, "int8", 0.5):
            continue
        if name == "now":
            print(f"aim: at most 18 CPU-ms per frame: {row['cpu_ms_per_frame']:.1f}")
            print(f"aim: at most 250 MB: {row['peak_mb']:.0f}")
        if name == "loop":
            print(f"aim: 3 times the speed of the loop: {row['throughput_per_s_now']:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pipeline", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few cases, one run each")
    parser.add_argument("--frames", type=int, help="of each clip (default: 300; --quick: 200)")
    parser.add_argument("--repeats", type=int, help="(default: 3; --quick: 1)")
    parser.add_argument("--before", type=Path, help="another checkout of this project")
    chosen = parser.parse_args()
    chosen.frames = chosen.frames or (200 if chosen.quick else 300)
    chosen.repeats = chosen.repeats or (1 if chosen.quick else 3)
    print(json.dumps({"pipeline": main(chosen)}))
