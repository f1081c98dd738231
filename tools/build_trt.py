"""Builds the TensorRT plan of an engine file."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from engines.backends.trt.build import MAX_BATCH, build_plan
from engines.backends.trt.driver import Cuda, Gpu
from engines.backends.trt.plan import default_folder
from inspector.command_line import CommandParser
from inspector.core.errors import EngineError
from tools._argument_types import out_folder
from tools._cli import guarded, program

LARGEST_BATCH: Final = 1024
LARGEST_WORKSPACE: Final = 1 << 20
"""MB."""


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    built = build_plan(
        arguments.engine,
        arguments.targets or _this_gpu(),
        folder=arguments.out,
        max_batch=arguments.max_batch,
        workspace_mb=arguments.workspace,
    )
    path, record = built.plan.path, built.plan.record
    how = f"built in {record.seconds:.1f} s" if built.fresh else f"built at {record.built_utc}"
    least, _, most = record.options.batches
    print(f"{path}: {how}, {path.stat().st_size / 1e6:.1f} MB, {record.layers} layers")
    purpose = record.purpose
    print(f"  {purpose.tensorrt}, {purpose.precision}, batches of {least} to {most}")
    if purpose.gpu is None:
        print(f"  for any GPU of {', '.join(purpose.targets)}")
    else:
        print(f"  for {purpose.gpu} ({purpose.targets[0]}), driver {purpose.driver}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog=program("build-trt"),
        description="Build the TensorRT plan of an engine file, as backend trt does when it "
        "opens the engine for the first time.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("engine", type=Path, metavar="ENGINE.onnx", help="engine file")
    where = parser.add_mutually_exclusive_group().add_argument
    where("--this-gpu", action="store_true", help="for the first GPU of this machine (the default)")
    where(
        "--targets",
        type=_targets,
        metavar="SM86,SM89",
        help="for all GPUs of these compute capabilities; needs TensorRT RTX and no GPU",
    )
    add(
        "--out",
        type=out_folder,
        default=default_folder(),
        metavar="FOLDER",
        help="folder for the plan; a run looks for plans in engine.plan_dir (default: %(default)s)",
    )
    batch, megabytes = _up_to(LARGEST_BATCH), _up_to(LARGEST_WORKSPACE)
    add(
        "--max-batch",
        type=batch,
        default=MAX_BATCH,
        metavar="N",
        help="largest batch (default: %(default)s)",
    )
    add(
        "--workspace",
        type=megabytes,
        metavar="MB",
        help="most GPU memory for intermediate results, in MB",
    )
    return parser


def _targets(text: str) -> tuple[str, ...]:
    return tuple(name.strip().upper() for name in text.split(","))


def _up_to(most: int) -> Callable[[str], int]:
    def count(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {most}")
        return int(text)

    return count


def _this_gpu() -> Gpu:
    try:
        cuda = Cuda()
    except EngineError as exc:
        raise EngineError(
            f"{exc}; to build without a GPU, name its type, such as --targets SM86"
        ) from exc
    try:
        return cuda.gpu
    finally:
        cuda.close()


if __name__ == "__main__":
    sys.exit(main())
