"""Exports a pretrained feature extractor as a backbone file."""

import sys
from pathlib import Path

from inspector.command_line import CommandParser
from learning.backbones.export import export_backbone
from learning.backbones.zoo import BACKBONES
from tools._argument_types import frame_size, out_file
from tools._backbone_report import print_backbone
from tools._cli import guarded, program
from tools._new_file import add_overwrite_option, refuse_existing


@guarded
def main(argv: list[str] | None = None) -> int:
    parser = CommandParser(prog=program("export-backbone"), description=__doc__)
    parser.add_argument("name", help="one of " + ", ".join(BACKBONES))
    parser.add_argument(
        "--weights", type=Path, help="file with a torch state dict (default: download)"
    )
    parser.add_argument(
        "--size",
        type=frame_size,
        metavar="WxH",
        help="width x height of the input in px; only for DINO backbones",
    )
    parser.add_argument(
        "--out", type=out_file, required=True, metavar="BACKBONE.onnx", help="file to write"
    )
    add_overwrite_option(parser)
    args = parser.parse_args(argv)
    refuse_existing(args.out, overwrite=args.overwrite)
    info = export_backbone(args.name, args.out, weights_file=args.weights, input_hw=args.size)
    print_backbone(args.out, info)
    return 0


if __name__ == "__main__":
    sys.exit(main())
