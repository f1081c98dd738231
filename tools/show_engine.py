"""Prints what an engine file says about itself."""

import dataclasses
import json
import sys
from pathlib import Path

import onnx

from engines.cost import count_cost
from engines.description import describe_engine
from engines.spec_file import file_hash, read_engine
from inspector.command_line import CommandParser
from inspector.core.errors import EngineError, SpecError
from tools._cli import guarded, program


@guarded
def main(argv: list[str] | None = None) -> int:
    parser = CommandParser(prog=program("show-engine"), description=__doc__)
    parser.add_argument("engine", type=Path, help="engine file")
    parser.add_argument(
        "--json", action="store_true", help="print the complete spec, with golden pictures"
    )
    arguments = parser.parse_args(argv)
    spec, model = read_engine(arguments.engine)
    if arguments.json:
        print(json.dumps(dataclasses.asdict(spec), indent=2, sort_keys=True))
        return 0
    print(f"{arguments.engine}, {arguments.engine.stat().st_size / 1e6:.1f} MB")
    print(f"sha256 {file_hash(arguments.engine)}")
    for name, text in (describe_engine(spec) | {"work": _work(model)}).items():
        print(f"{name:18} {text}")
    return 0


def _work(model: onnx.ModelProto) -> str:
    try:
        cost = count_cost(model)
    except (EngineError, SpecError) as exc:
        return f"unknown: {exc}"
    return f"{cost.gflop:.4g} GFLOP a picture, constants {cost.constant_bytes / 1e6:.4g} MB"


if __name__ == "__main__":
    sys.exit(main())
