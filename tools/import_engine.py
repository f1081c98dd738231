"""Makes an engine from an ONNX file that anomalib 2.x exported."""

import argparse
import sys
from pathlib import Path

from engines.description import plain_values
from engines.spec import EngineSpec
from inspector.command_line import CommandParser
from inspector.core.errors import ConfigError
from learning.anomalib.graph import read_export
from learning.anomalib.importing import Import, import_engine
from learning.anomalib.run import find_view
from learning.distinct import keep_distinct
from learning.normals import MAX_PICTURES, from_folder
from tools._argument_types import KEEP_SIMILAR, frame_size, out_file
from tools._cli import guarded, program
from tools._fit_report import print_facts
from tools._new_file import add_overwrite_option, refuse_existing
from tools._reading_options import add_reading_options, chosen_reading
from tools._rule_options import add_rule_options, chosen_rule


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    out: Path = arguments.out
    if out.resolve() == arguments.model.resolve():
        raise ConfigError(f"--out {out} is the model itself: choose another name")
    rule = chosen_rule(arguments)
    export = read_export(arguments.model)
    refuse_existing(out, overwrite=arguments.overwrite)
    view = find_view(export, arguments.size)
    normals = from_folder(
        arguments.normal,
        input_hw=view.input_hw,
        max_pictures=arguments.max_pictures,
        crop=view.crop,
        reading=chosen_reading(arguments),
    )
    normals = keep_distinct(normals, keep_similar=arguments.keep_similar)
    job = Import(
        export=export,
        view=view,
        name=arguments.name or out.stem,
        rule=rule,
        threads=arguments.threads,
    )
    _report(out, import_engine(normals, job, out))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog=program("import-engine"),
        description=__doc__,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("model", type=Path, help="ONNX file; a file of weights beside it is read as well")
    add("--normal", type=Path, required=True, help="folder of pictures of good product")
    add("--out", type=out_file, required=True, help="engine file to write")
    add(
        "--size",
        type=frame_size,
        metavar="WxH",
        help="width x height of the input in px (default: the size of the model)",
    )
    add("--name", help="name of the engine (default: name of the file)")
    add(
        "--max-pictures",
        type=int,
        default=MAX_PICTURES,
        help="most pictures to use (default: %(default)s)",
    )
    add("--keep-similar", action="store_true", help=KEEP_SIMILAR)
    add("--threads", type=int, default=0, help="threads of the runtime; 0: it chooses")
    add_reading_options(parser)
    add_overwrite_option(parser)
    add_rule_options(parser)
    return parser


def _report(out: Path, spec: EngineSpec) -> None:
    parameters, normals = spec.parameters, spec.trained_on
    size, frame = spec.resize.input_hw, spec.frame_hw
    shown = {key: value for key, value in parameters.items() if key != "model_bytes"}
    lines = {
        "engine": f"{out}, {out.stat().st_size / 1e6:.1f} MB",
        "anomalib": plain_values(shown),
        "pictures": f"{normals['count']}, {normals['unreadable']} unreadable, "
        f"{normals['empty']} empty, {normals['copies']} copies, "
        f"{normals['unused']} not used, {len(normals['suspects'])} standing out",
        "input": f"{size[1]}x{size[0]} px (width x height) for frames of {frame[1]}x{frame[0]}, "
        f"crop {', '.join(f'{side:.3g}' for side in spec.resize.crop)}, "
        + ("one picture at a time" if spec.max_batch == 1 else "any number of pictures"),
    }
    print_facts(spec, lines)


if __name__ == "__main__":
    sys.exit(main())
