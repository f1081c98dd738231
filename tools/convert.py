"""Makes a half-precision engine file from a float32 engine file."""

import argparse
import sys
from pathlib import Path

from engines.parity import TOLERANCES
from engines.spec_file import read_spec
from inspector.command_line import CommandParser
from inspector.core.errors import ConfigError
from inspector.engine_check import make_ruler
from inspector.measure.options import MeasureOptions
from learning.converting import Conversion, convert_to_half
from tools._argument_types import out_file
from tools._cli import guarded, program
from tools._new_file import add_overwrite_option, refuse_existing


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    source, out = arguments.engine, arguments.out
    if out.resolve() == source.resolve():
        raise ConfigError(
            "--out names the engine itself, which is needed unchanged: choose another file"
        )
    refuse_existing(out, overwrite=arguments.overwrite)
    spec = read_spec(source)
    measuring = make_ruler(spec, None, MeasureOptions(), pixel_threshold=spec.pixel_threshold)
    converted = convert_to_half(source, out, measuring, threads=arguments.threads)
    _print_report(converted, source, out)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog=program("convert"),
        description="Make a second engine file that computes its backbone and stores its bank in "
        "half precision. It is checked against the reference of the first file and keeps its "
        "thresholds.",
        allow_abbrev=False,
    )
    parser.add_argument("engine", type=Path, help="engine file")
    parser.add_argument(
        "--precision", choices=("fp16",), default="fp16", help="(default: %(default)s)"
    )
    parser.add_argument("--out", type=out_file, required=True, metavar="E16.onnx")
    parser.add_argument(
        "--threads", type=int, default=0, help="threads of the runtime; 0: it chooses"
    )
    add_overwrite_option(parser)
    return parser


def _print_report(converted: Conversion, source: Path, out: Path) -> None:
    before, after = (path.stat().st_size / 1e6 for path in (source, out))
    golden, altered, ms = converted.findings, converted.parity, converted.ms
    limits = TOLERANCES[golden.precision]
    print(f"{out}: {after:.1f} MB instead of {before:.1f}")
    shares = ", ".join(
        f"{key} {v:.2g} (allowed: {limits[key]:g})" for key, v in golden.differences.items()
    )
    print(
        f"{'golden pictures':16} {golden.pictures}, same verdicts; relative differences: {shares}"
    )
    print(
        f"{'altered pictures':16} {altered.pictures}, {altered.decision_flips} verdicts differ "
        f"from float32; map within {altered.map_max_abs:.3g}, score within "
        f"{altered.score_max_abs:.3g} (allowed: {altered.tolerance:.3g})"
    )
    print(
        f"{'on this CPU':16} {ms[1]:.1f} ms a picture instead of {ms[0]:.1f} "
        f"({ms[1] / ms[0]:.2f} times); half precision is faster on GPUs"
    )


if __name__ == "__main__":
    sys.exit(main())
