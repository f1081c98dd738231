"""Times engines on the installed runtimes."""

import argparse
import dataclasses
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx

from engines.backends.choosing import NAMED_ONLY
from engines.cost import Cost, count_cost
from engines.opening import BACKENDS, DEVICES
from engines.spec_file import read_engine
from evaluation.runtime_timing import (
    MeasuredCandidate,
    UnavailableCandidate,
    list_candidates,
    time_runtimes,
)
from evaluation.terminal_tables import runtime_lines, unavailable_lines
from inspector.command_line import CommandParser
from inspector.core.errors import ConfigError, EngineError, SpecError
from inspector.core.files import write_whole
from tools._argument_types import out_file
from tools._cli import guarded, program


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    models = {path: read_engine(path)[1] for path in arguments.engines}
    candidates = list_candidates(
        arguments.engines,
        backend=arguments.backend,
        devices=arguments.device,
        throughput=arguments.all,
        threads=arguments.threads,
        plan_dir=arguments.plan_dir,
    )
    if not candidates:
        devices = " or ".join(arguments.device)
        raise ConfigError(f"backend {arguments.backend} does not run on device {devices}")
    costs = {path: cost for path, model in models.items() if (cost := _count_cost(path, model))}
    del models
    print(f"{_processor()}, {os.cpu_count()} cores; load {_load()}")
    measured, unavailable = time_runtimes(candidates, arguments.batch, arguments.seconds, costs)
    print("\n".join((*runtime_lines(measured), *unavailable_lines(unavailable))))
    if arguments.json is not None:
        text = json.dumps(_summary(measured, unavailable), indent=2) + "\n"
        write_whole(arguments.json, text.encode())
        print(f"written to {arguments.json}")
    if not measured:
        raise EngineError("no installed runtime can run the engine")
    return 0


def _count_cost(path: Path, model: onnx.ModelProto) -> Cost | None:
    try:
        cost = count_cost(model)
    except (EngineError, SpecError) as exc:
        print(f"{path.stem}: {exc}")
        return None
    parts = ", ".join(f"{flops / 1e9:.4g} in {name}" for name, flops in cost.flops.items())
    print(f"{path.stem}: GFLOP a picture: {parts}; constants {cost.constant_bytes / 1e6:.4g} MB")
    return cost


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog=program("bench"),
        description="Time engines on the installed runtimes. Each runtime has a separate process, "
        "and they are timed alternately. The time ratio is the median time divided by that of the "
        "first row, with its quartiles. If other programs use the machine, only the ratios are "
        "reliable.",
    )
    add = parser.add_argument
    add("engines", type=Path, nargs="+", help="engine files, such as one per precision")
    add(
        "--all",
        action="store_true",
        help="also time what auto never uses: "
        + ", ".join(NAMED_ONLY)
        + " and the throughput hint",
    )
    add(
        "--backend", choices=[name for name in BACKENDS if name != "fake"], help="only this backend"
    )
    add("--device", choices=DEVICES, action="append", help="only this device; can be repeated")
    add(
        "--threads",
        type=_count,
        default=1,
        help="threads of one inference; 0: the runtime chooses (default: %(default)s)",
    )
    add("--batch", type=_batches, default=(1,), help="batch sizes, such as 1,8 (default: 1)")
    add("--seconds", type=_seconds, default=5.0, help="time for each row (default: %(default)s)")
    add(
        "--plan-dir",
        metavar="FOLDER",
        help="folder of TensorRT plans (default: in the user's cache)",
    )
    add("--json", type=out_file, help="JSON file to write")
    return parser


def _summary(
    measured: Sequence[MeasuredCandidate], unavailable: Sequence[UnavailableCandidate]
) -> dict[str, Any]:
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": _load(),
        "measured": [_values(each) for each in measured],
        "not_run": [_values(each) for each in unavailable],
    }


def _values(row: MeasuredCandidate | UnavailableCandidate) -> dict[str, Any]:
    values = dataclasses.asdict(row)
    candidate = values.pop("candidate")
    return candidate | {"engine": str(row.candidate.engine)} | values


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _load() -> str:
    """Mean number of running and waiting processes in the last minute."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) > 256:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 256")
    return int(text)


def _batches(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(part.isdecimal() and 1 <= int(part) <= 1024 for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} must be sizes from 1 to 1024, such as 1,8")
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
