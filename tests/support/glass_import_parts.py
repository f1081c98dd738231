"""Engines of published checkpoints of GLASS, small ones."""

from pathlib import Path

import numpy as np
import torch
from replace_options import replace_options

from learning.backbones.features import FeatureExtractor
from learning.backbones.zoo import DEFAULT, resolve
from tools.import_checkpoint import main

DIMS, HIDDEN, SIDE = 24, 10, 64


def saved(place: Path, content) -> Path:
    torch.save(content, place / "ckpt_best_7.pth")
    return place / "ckpt_best_7.pth"


def imported(file: Path, normal: Path, out: Path, *more: str, backbone: str = DEFAULT) -> int:
    common = ["--method", "glass", "--normal", str(normal), "--out", str(out), "--threads", "1"]
    argv = [str(file), *common, "--backbone", backbone, "--size", f"{SIDE}x{SIDE}"]
    return main(replace_options(argv, more))


def features(pixels: np.ndarray) -> list[np.ndarray]:
    with FeatureExtractor(resolve(DEFAULT), layers=("stride8", "stride16"), threads=1) as extractor:
        return list(extractor.extract(pixels).values())
