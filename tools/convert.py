"""Makes an engine file of another precision: `python -m tools.convert E.onnx --out E16.onnx`."""

import argparse
import sys
from pathlib import Path

from engines.parity import TOLERANCES
from engines.spec_file import read_spec
from inspector.core.errors import ConfigError
from inspector.gate import make_ruler
from inspector.measure.options import MeasureOptions
from learning.converting import Converted, convert_to_half
from tools._argument_types import out_file
from tools._cli import guarded, program


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    source, out = arguments.engine, arguments.out
    if out.resolve() == source.resolve():
        raise ConfigError("--out names the engine itself; the float32 file is what it is made from")
    spec = read_spec(source)
    measuring = make_ruler(spec, None, MeasureOptions(), pixel_threshold=spec.pixel_threshold)
    done = convert_to_half(source, out, measuring, threads=arguments.threads)
    _tell(done, source, out)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program("convert"),
        description="Make a second engine file whose backbone is computed and whose bank is stored "
        "in half precision. It is checked against the reference of the first one and keeps its "
        "thresholds.",
        allow_abbrev=False,
    )
    parser.add_argument("engine", type=Path, help="engine file")
    parser.add_argument("--precision", choices=("fp16",), default="fp16")
    parser.add_argument("--out", type=out_file, required=True, metavar="E16.onnx")
    parser.add_argument("--threads", type=int, default=0, help="0: the runtime chooses")
    return parser


def _tell(done: Converted, source: Path, out: Path) -> None:
    before, after = (path.stat().st_size / 1e6 for path in (source, out))
    found, other, limits = done.findings, done.parity, TOLERANCES[done.findings.precision]
    print(f"{out}: {after:.1f} MB instead of {before:.1f}")
    shares = ", ".join(f"{key} {v:.2g} of {limits[key]:g}" for key, v in found.differences.items())
    print(f"{'golden pictures':16} {found.pictures}, verdicts the same; differences: {shares}")
    print(
        f"{'altered pictures':16} {other.pictures}, {other.decision_flips} verdicts differ from "
        f"float32; map within {other.map_max_abs:.3g}, score within {other.score_max_abs:.3g} "
        f"of {other.tolerance:.3g}"
    )
    print(
        f"{'on this CPU':16} {done.ms[1]:.1f} ms a picture instead of {done.ms[0]:.1f} "
        f"({done.ms[1] / done.ms[0]:.2f} times); half precision pays on GPUs"
    )


if __name__ == "__main__":
    sys.exit(main())
