"""Makes an engine of a checkpoint that another program wrote."""

import argparse
import sys
from pathlib import Path

from inspector.core.errors import ConfigError
from learning.importing import ImportRequest, import_checkpoint
from learning.methods.registry import imported_methods, importer_class
from learning.normals import MAX_PICTURES
from tools._argument_types import KEEP_SIMILAR, frame_size, out_file
from tools._cli import guarded
from tools._fit_report import report
from tools._method_options import (
    add_method_options,
    make_method_parser,
    method_options,
    named_method,
)
from tools._new_file import add_overwrite_option, refuse_existing
from tools._progress import Bars
from tools._reading_options import add_reading_options, chosen_reading
from tools._region_options import add_foreground_option
from tools._rule_options import add_rule_options, add_suspects_option, chosen_rule


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = _parser(argv).parse_args(argv)
    if arguments.out.suffix != ".onnx":
        raise ConfigError(f"--out {arguments.out} must end in .onnx")
    refuse_existing(arguments.out, overwrite=arguments.overwrite)
    importer = importer_class(arguments.method)
    options = method_options(importer.option_fields(), arguments)
    with Bars() as bars:
        result = import_checkpoint(
            importer.from_options(options),
            _request(arguments),
            bars.advance,
            name=arguments.name,
            sigma=arguments.sigma,
            top_fraction=arguments.top_fraction,
            rule=chosen_rule(arguments),
            suspects=arguments.suspects,
            foreground=arguments.foreground,
        )
    report(result)
    return 0


def _request(arguments: argparse.Namespace) -> ImportRequest:
    return ImportRequest(
        file=arguments.file,
        backbone=arguments.backbone,
        normal=arguments.normal,
        out=arguments.out,
        weights=arguments.weights,
        input_hw=arguments.size,
        resize=arguments.resize,
        max_pictures=arguments.max_pictures,
        threads=arguments.threads,
        reading=chosen_reading(arguments),
        keep_similar=arguments.keep_similar,
    )


def _parser(argv: list[str] | None) -> argparse.ArgumentParser:
    """Parser with the options of the method that argv names."""
    parser = make_method_parser("import-checkpoint", __doc__, imported_methods())
    add = parser.add_argument
    add("file", type=Path, metavar="FILE.pth", help="the checkpoint, as its program wrote it")
    add("--backbone", required=True, help="name or ONNX file of the backbone that it was made with")
    add(
        "--weights",
        type=Path,
        help="weights of the named backbone, as torch saves them; its file is made beside --out",
    )
    add(
        "--normal",
        type=Path,
        required=True,
        help="folder of good pictures that choose the thresholds",
    )
    add("--out", type=out_file, required=True, help="engine file to write")
    add(
        "--size",
        type=frame_size,
        metavar="WxH",
        help="width x height of the input in px (default: as published, or what the file needs)",
    )
    add(
        "--resize",
        type=_pixels,
        metavar="PX",
        help="side that pictures were resized to before the input was cropped from their middle "
        "(default: as published with the method)",
    )
    add("--name", help="name of the engine (default: name of the file)")
    add("--max-pictures", type=int, default=MAX_PICTURES, help="(default: %(default)s)")
    add("--keep-similar", action="store_true", help=KEEP_SIMILAR)
    add_suspects_option(parser)
    add("--sigma", type=float, help="smoothing of the map, px (default: as published)")
    add(
        "--top-fraction",
        type=float,
        help="share of the map whose mean is the score (default: the method's)",
    )
    add_foreground_option(parser)
    add("--threads", type=int, default=0, help="threads of the runtime; 0: it chooses")
    add_reading_options(parser)
    add_overwrite_option(parser)
    add_rule_options(parser)
    name = named_method(argv)
    if name in imported_methods():
        fields = importer_class(name).option_fields()
        add_method_options(parser, f"options of {name}", fields)
    return parser


def _pixels(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of pixels")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
