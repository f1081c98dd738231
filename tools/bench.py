"""Times an engine on every runtime that is here: `python -m tools.bench ENGINE.onnx --all`."""

import argparse
import dataclasses
import json
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import onnx

from engines.backends.choosing import CPUS, GPUS, NAMED_ONLY
from engines.cost import Cost, count
from engines.opening import BACKENDS, DEVICES, TAKES_HINT
from engines.spec_file import read_engine
from inspector.core.errors import ConfigError, EngineError, SpecError
from inspector.core.files import write_whole
from tools._argument_types import out_file
from tools._bench_turns import Absent, Candidate, Measured, Timing, in_turns
from tools._cli import guarded, program

UNCHECKED: Final = " (unchecked: no golden pictures)"


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    models = {path: read_engine(path)[1] for path in arguments.engines}
    candidates = list(_candidates(arguments))
    if not candidates:
        devices = " or ".join(arguments.device)
        raise ConfigError(f"backend {arguments.backend} does not run on device {devices}")
    costs = {path: cost for path, model in models.items() if (cost := _cost(path, model))}
    del models
    print(f"{_processor()}, {os.cpu_count()} cores seen; load {_load()}")
    measured, absent = in_turns(candidates, arguments.batch, arguments.seconds, costs)
    print("\n".join((*(_lines(measured) if measured else ()), *_reasons(absent))))
    if arguments.json is not None:
        text = json.dumps(_plain(measured, absent), indent=2) + "\n"
        write_whole(arguments.json, text.encode())
        print(f"written to {arguments.json}")
    if not measured:
        raise EngineError("no runtime here can run the engine")
    return 0


def _cost(path: Path, model: onnx.ModelProto) -> Cost | None:
    try:
        cost = count(model)
    except (EngineError, SpecError) as exc:
        print(f"{path.stem}: {exc}")
        return None
    parts = ", ".join(f"{flops / 1e9:.4g} in {name}" for name, flops in cost.flops.items())
    print(f"{path.stem}: GFLOP a picture: {parts}; constants {cost.constant_bytes / 1e6:.4g} MB")
    return cost


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program("bench"),
        description="Time engines on the runtimes that are here, in turns, each in a process of "
        "its own. Ratios are to the first row; where others use the machine, trust only those.",
    )
    add = parser.add_argument
    add("engines", type=Path, nargs="+", help="engine files, such as one per precision")
    add(
        "--all",
        action="store_true",
        help="also what auto passes over: " + ", ".join(NAMED_ONLY) + " and the throughput hint",
    )
    add("--backend", choices=[name for name in BACKENDS if name != "fake"], help="only this one")
    add("--device", choices=DEVICES, action="append", help="only this one; can be repeated")
    add("--threads", type=_count, default=1, help="of one inference; 0: the runtime's (1)")
    add("--batch", type=_batches, default=(1,), help="sizes, such as 1,8 (1)")
    add("--seconds", type=_seconds, default=5.0, help="for each row (%(default)s)")
    add("--json", type=out_file, help="file for the figures")
    return parser


def _candidates(arguments: argparse.Namespace) -> Iterator[Candidate]:
    """CPUs first: onnxruntime there is what the ratios are to."""
    for engine in arguments.engines:
        for choice in (*CPUS, *GPUS):
            if choice.backend not in BACKENDS or choice.backend == "fake":
                continue
            if arguments.backend not in (None, choice.backend):
                continue
            if arguments.device and choice.device not in arguments.device:
                continue
            if choice.device in NAMED_ONLY and not (arguments.all or arguments.device):
                continue
            hints = ["latency"]
            if arguments.all and choice.backend in TAKES_HINT:
                hints.append("throughput")
            for hint in hints:
                yield Candidate(engine, choice.backend, choice.device, hint, arguments.threads)


def _lines(measured: Sequence[Measured]) -> Iterator[str]:
    width = max(len(one.candidate.label) for one in measured)
    head = f"{'':{width}} {'batch':>5} {'p50 ms':>8} {'p99 ms':>8} {'least ms':>8} {'CPU ms':>8}"
    on_gpu = any(one.card is not None for one in measured)
    gpu = f" {'GPU ms':>8} {'of limit':>8} {'GPU MB':>8}" if on_gpu else ""
    yield (
        f"{head} {'pictures/s':>10} {'GFLOP/s':>8} {'ratio (quartiles)':>18}{gpu} "
        f"{'first frame ms':>17} {'peak MB':>8}  precision  running on"
    )
    for one in measured:
        soonest, latest = min(one.first_frame_ms), max(one.first_frame_ms)
        for timing in one.timings:
            low, middle, high = timing.ratio
            gpu = "".join(f" {text:>8}" for text in _on_gpu(one, timing)) if on_gpu else ""
            yield (
                f"{one.candidate.label:{width}} {timing.batch:>5} {timing.p50_ms:>8.2f} "
                f"{timing.p99_ms:>8.2f} {timing.least_ms:>8.2f} {timing.cpu_ms:>8.2f} "
                f"{timing.pictures_per_s:>10.1f} {_text(timing.gflop_per_s, '.0f'):>8} "
                f"{f'{middle:.2f} ({low:.2f}-{high:.2f})':>18}{gpu} "
                f"{f'{soonest:.0f} to {latest:.0f}':>17} {_text(one.peak_mb, '.0f'):>8}  "
                f"{one.precision:9}  {one.running_on}{'' if one.checked else UNCHECKED}"
            )


def _reasons(absent: Sequence[Absent]) -> Iterator[str]:
    """A line for each runtime and reason, with the engines that it holds for."""
    engines: dict[tuple[str, str], list[str]] = {}
    for one in absent:
        names = engines.setdefault((one.candidate.runtime, one.reason), [])
        names.append(one.candidate.engine.stem)
    for (runtime, reason), names in engines.items():
        yield f"not run: {', '.join(names)}: {runtime}: {reason}"


def _on_gpu(one: Measured, timing: Timing) -> tuple[str, str, str]:
    """Time by the GPU's clock, the share that the card's limits account for, and its memory."""
    share = None
    if timing.gpu_ms is not None and timing.least_gpu_ms is not None:
        share = timing.least_gpu_ms / timing.gpu_ms
    return _text(timing.gpu_ms, ".3f"), _text(share, ".1%"), _text(one.gpu_mb, ".0f")


def _text(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _plain(measured: Sequence[Measured], absent: Sequence[Absent]) -> dict[str, Any]:
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": _load(),
        "measured": [_values(one) for one in measured],
        "not_run": [_values(one) for one in absent],
    }


def _values(one: Measured | Absent) -> dict[str, Any]:
    values = dataclasses.asdict(one)
    candidate = values.pop("candidate")
    return candidate | {"engine": str(one.candidate.engine)} | values


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _load() -> str:
    """Processes that wanted a core in the last minute, for a reader to judge the figures by."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) > 256:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 256")
    return int(text)


def _batches(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(part.isdecimal() and 1 <= int(part) <= 1024 for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not sizes from 1 to 1024, such as 1,8")
    return tuple(map(int, parts))


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from exc
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError(f"{text} must lie between 0 and 3600")
    return value


if __name__ == "__main__":
    sys.exit(main())
