"""Prints what a backbone file contains."""

from pathlib import Path

from learning.backbones.zoo import BackboneInfo


def print_backbone(path: Path, info: BackboneInfo) -> None:
    """path: of the file that was written."""
    sides = "any" if info.input_hw is None else "{1}x{0}".format(*info.input_hw)
    print(f"{path}: {info.name}, {path.stat().st_size / 1e6:.1f} MB, sha256 {info.sha256}")
    print(f"  size {sides}, multiples of {info.size_multiple}; {info.licence}; {info.origin}")
    for feature in info.outputs:
        grid = "whole picture" if feature.stride is None else f"stride {feature.stride}"
        print(f"  {feature.name}: {feature.channels} channels, {grid}")
