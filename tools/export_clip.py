"""Exports a CLIP: its visual tower as a backbone file, and its text tower beside it."""

import argparse
import sys

from inspector.command_line import CommandParser
from inspector.core.errors import ConfigError
from learning.backbones.clip import export_clip, text_file_of
from learning.backbones.clip_files import CLIPS
from learning.backbones.transformer import GELU, QUICK_GELU
from learning.options import whole_number
from tools._argument_types import frame_size, out_file
from tools._backbone_report import print_backbone
from tools._cli import guarded, program
from tools._new_file import add_overwrite_option, refuse_existing


@guarded
def main(argv: list[str] | None = None) -> int:
    parser = CommandParser(prog=program("export-clip"), description=__doc__)
    parser.add_argument(
        "source",
        metavar="NAME|FOLDER|FILE",
        help=f"one of {', '.join(CLIPS)}, which is downloaded; a folder of Hugging Face or "
        "open_clip; or a file of weights with the vocabulary beside it",
    )
    parser.add_argument(
        "--size",
        type=frame_size,
        metavar="WxH",
        help="width x height of the input in px (default: as the network was trained)",
    )
    parser.add_argument(
        "--blocks",
        type=_blocks,
        help="blocks whose patches are outputs, counted from 0, separated by commas (default: the "
        "last three)",
    )
    parser.add_argument(
        "--activation",
        choices=(GELU, QUICK_GELU),
        help="of the network, for a file of weights without a configuration beside it",
    )
    parser.add_argument(
        "--out",
        type=out_file,
        required=True,
        metavar="CLIP.onnx",
        help="file to write; the text tower goes to CLIP.text.onnx",
    )
    add_overwrite_option(parser)
    args = parser.parse_args(argv)
    for path in (args.out, text_file_of(args.out)):
        refuse_existing(path, overwrite=args.overwrite)
    info, text = export_clip(
        args.source, args.out, input_hw=args.size, blocks=args.blocks, activation=args.activation
    )
    print_backbone(args.out, info)
    path = text_file_of(args.out)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, sha256 {text.sha256}")
    print(f"  texts of at most {text.context} tokens -> {text.channels} channels")
    return 0


def _blocks(text: str) -> tuple[int, ...]:
    try:
        return tuple(whole_number(part) for part in text.split(","))
    except ConfigError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc


if __name__ == "__main__":
    sys.exit(main())
