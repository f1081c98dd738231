"""Makes an engine file in a lower precision from a float32 engine file."""

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from engines.parity import TOLERANCES, ParityResult, Ruler
from engines.spec import EngineSpec
from engines.spec_file import read_spec
from inspector.command_line import CommandParser
from inspector.core.errors import ConfigError
from inspector.engine_check import make_ruler
from inspector.measure.options import MeasureOptions
from learning.converting import convert_to_half
from learning.datasets.pictures import list_pictures
from learning.quantising.converting import convert_to_int8
from learning.quantising.verdicts import BAND
from learning.refitting import RefitOptions
from tools._argument_types import out_file
from tools._cli import guarded, program
from tools._new_file import add_overwrite_option, refuse_existing
from tools._progress import Bars

Lines = Iterable[tuple[str, str]]
"""Name and text of each line of the report."""


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    source, out = arguments.engine, arguments.out
    if out.resolve() == source.resolve():
        raise ConfigError(
            "--out names the engine itself, which is needed unchanged: choose another file"
        )
    refuse_existing(out, overwrite=arguments.overwrite)
    lines = PRECISIONS[arguments.precision](arguments)
    before, after = (path.stat().st_size / 1e6 for path in (source, out))
    print(f"{out}: {after:.1f} MB instead of {before:.1f}")
    for name, text in lines:
        print(f"{name:16} {text}")
    return 0


def _make_ruler(spec: EngineSpec) -> Ruler:
    return make_ruler(spec, None, MeasureOptions(), pixel_threshold=spec.pixel_threshold)


def _convert_to_half(arguments: argparse.Namespace) -> Lines:
    if arguments.normal or arguments.backbone:
        raise ConfigError("--normal and --backbone are for int8 only: leave them out")
    ruler = _make_ruler(read_spec(arguments.engine))
    done = convert_to_half(arguments.engine, arguments.out, ruler, threads=arguments.threads)
    altered = done.parity
    return (
        _describe_golden(done.findings),
        (
            "altered pictures",
            f"{altered.pictures}, {altered.decision_flips} verdicts differ from float32; map "
            f"within {altered.map_max_abs:.3g}, score within {altered.score_max_abs:.3g} "
            f"(allowed: {altered.tolerance:.3g})",
        ),
        ("on this CPU", f"{_describe_times(*done.ms)}; half precision is faster on GPUs"),
    )


def _convert_to_int8(arguments: argparse.Namespace) -> Lines:
    pictures = [path for folder in arguments.normal for path in list_pictures(folder)]
    options = RefitOptions(full=True, backbone=arguments.backbone, threads=arguments.threads)
    with Bars() as bars:
        done = convert_to_int8(
            arguments.engine, pictures, arguments.out, _make_ruler, bars.advance, options=options
        )
    spec, before, how = done.spec, done.before, done.quantisation
    return (
        (
            "int8",
            f"{how.nodes} of {how.nodes + len(how.float_layers)} layers of the backbone; float32: "
            f"{', '.join(how.float_layers) or 'none'}, distances, map and score",
        ),
        ("image threshold", f"{spec.image_threshold:.4f} instead of {before.image_threshold:.4f}"),
        ("pixel threshold", f"{spec.pixel_threshold:.4f} instead of {before.pixel_threshold:.4f}"),
        ("band", f"{BAND:.0%} of the image threshold ({how.band:.4f}), on both sides"),
        *(
            (
                each.name,
                f"{each.pictures}, {each.near} verdicts differ from float32 inside the band, "
                f"{each.beyond} outside; scores are {each.drift:.3f} times those of float32",
            )
            for each in done.verdicts
        ),
        _describe_golden(done.findings, "reference"),
        ("on this CPU", f"{_describe_times(*done.ms)}; int8 gains most on CPUs with VNNI"),
    )


def _describe_golden(golden: ParityResult, name: str = "golden pictures") -> tuple[str, str]:
    limits = TOLERANCES[golden.precision]
    shares = ", ".join(
        f"{key} {v:.2g} (allowed: {limits[key]:g})" for key, v in golden.differences.items()
    )
    return (
        name,
        f"{golden.pictures}, same verdicts; relative differences: {shares}",
    )


def _describe_times(before: float, after: float) -> str:
    return f"{after:.1f} ms a picture instead of {before:.1f} ({after / before:.2f} times)"


PRECISIONS: Final[dict[str, Callable[[argparse.Namespace], Lines]]] = {
    "fp16": _convert_to_half,
    "int8": _convert_to_int8,
}
"""Name -> function that writes --out and returns the lines of the report."""


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog=program("convert"),
        description="Make a second engine file in a lower precision. fp16 computes the backbone "
        "and stores the bank in half precision, for GPUs; it keeps the thresholds. int8 computes "
        "the backbone with whole numbers of 8 bits, for CPUs; its bank and its thresholds are "
        "found again from the good pictures of the engine. The copy is checked against the "
        "original.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("engine", type=Path, help="engine file; for int8 with its fit record beside it")
    add("--precision", choices=tuple(PRECISIONS), default="fp16", help="(default: %(default)s)")
    add("--out", type=out_file, required=True, metavar="COPY.onnx")
    add(
        "--normal",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="DIR",
        help="int8: folders with the good pictures that the engine was fitted on; not needed if it "
        "was fitted with --teachable",
    )
    add("--backbone", type=Path, help="int8: ONNX file of the backbone, if it is not built in")
    add("--threads", type=int, default=0, help="threads of the runtime; 0: it chooses")
    add_overwrite_option(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
