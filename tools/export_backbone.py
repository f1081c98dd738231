"""Exports a pretrained feature extractor as a backbone file."""

import argparse
import re
import sys
from pathlib import Path

from inspector.core.errors import ConfigError
from learning.backbones.export import export_backbone
from learning.backbones.zoo import BACKBONES
from tools._argument_types import out_file
from tools._cli import guarded, program


@guarded
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog=program("export-backbone"), description=__doc__)
    parser.add_argument("name", help=", ".join(BACKBONES))
    parser.add_argument("--weights", type=Path, help="state dict of torch instead of a download")
    parser.add_argument("--size", metavar="HxW", help="input size, for the DINO backbones")
    parser.add_argument("--out", type=out_file, required=True, metavar="BACKBONE.onnx")
    args = parser.parse_args(argv)
    size = None if args.size is None else parse_size(args.size)
    info = export_backbone(args.name, args.out, weights_file=args.weights, input_hw=size)
    sides = "any" if info.input_hw is None else "{}x{}".format(*info.input_hw)
    print(f"{args.out}: {info.name}, {args.out.stat().st_size / 1e6:.1f} MB, sha256 {info.sha256}")
    print(f"  size {sides}, multiples of {info.size_multiple}; {info.licence}; {info.origin}")
    for feature in info.outputs:
        grid = "whole picture" if feature.stride is None else f"stride {feature.stride}"
        print(f"  {feature.name}: {feature.channels} channels, {grid}")
    return 0


def parse_size(text: str) -> tuple[int, int]:
    """ "256x448" -> (256, 448). Raises ConfigError."""
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if match is None:
        raise ConfigError(f"--size must be HEIGHTxWIDTH in pixels, such as 256x448, not {text!r}")
    return int(match[1]), int(match[2])


if __name__ == "__main__":
    sys.exit(main())
