"""Engines of published banks of RAD, small ones."""

from pathlib import Path

import numpy as np
import torch
from checkpoint_parts import SIDE, bank_of, encoder, folder_of_good, good
from replace_options import replace_options

from engines.resize import to_input
from engines.spec import ResizeRule
from learning.backbones.features import FeatureExtractor
from tools.import_checkpoint import main

PICTURES = 6
LEFT_PER_SIDE = 0.0625


def backbone_normals_and_bank(place: Path) -> Path:
    """A backbone, a folder of normal pictures and a bank of others."""
    folder_of_good(place / "normal")
    encoder(place / "encoder.onnx")
    torch.save(bank(place), place / "bank.pth")
    return place


def features(place: Path, pixels: np.ndarray) -> dict[str, np.ndarray]:
    with FeatureExtractor(place / "encoder.onnx", layers=None, threads=1) as extractor:
        return extractor.extract(pixels)


def bank(place: Path) -> dict:
    rule = ResizeRule((SIDE, SIDE), (LEFT_PER_SIDE, LEFT_PER_SIDE, 0.9375, 0.9375))
    pixels = np.stack([to_input(good(100 + seed), rule)[0] for seed in range(PICTURES)])
    return bank_of(features(place, pixels))


def imported(place: Path, out: Path, *more: str, file: Path | None = None) -> int:
    common = ["--method", "rad", "--normal", str(place / "normal"), "--threads", "1"]
    backbone = ["--backbone", str(place / "encoder.onnx"), "--out", str(out)]
    argv = [str(file or place / "bank.pth"), *common, *backbone]
    return main(replace_options(argv, more))
