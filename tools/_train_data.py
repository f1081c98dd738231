"""Pictures for a training: good ones, which of them are held out, and labelled ones for tests."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from engines.resize import crop_box, to_input
from engines.spec import ResizeRule
from inspector.core.arrays import Mask
from inspector.core.errors import ConfigError, DataError
from learning.datasets.layouts import load
from learning.datasets.masks import read_mask
from learning.datasets.pictures import read_picture
from learning.datasets.types import ClassData, Sample
from learning.methods.glass.training.validation import Labelled, hold_out
from learning.normals import Normals, from_pictures
from tools._normals import normals_of

SHARE: Final = 0.2
FEW: Final = 10
"""Held-out pictures that thresholds need; taken where they are at most a third of all."""

TEST_SET: Final = "the test set (paper protocol)"


@dataclass(frozen=True, slots=True)
class TrainingData:
    """held: (n,) bool, which normals are not trained on. tests: samples of the class that are for
    testing; none of a stream."""

    normals: Normals
    held: Mask
    tests: tuple[Sample, ...]


def training_data(arguments: argparse.Namespace) -> TrainingData:
    """Of --data: the folder of a class, or whatever tools.fit takes as a stream."""
    if not Path(arguments.data).is_dir():
        normals = normals_of(arguments.data, arguments)
        return TrainingData(normals, _held(normals, arguments), ())
    one = _class(arguments)
    validation = [sample for sample in one.validation() if not sample.defective]
    named = [(sample.name, sample.path) for sample in (*one.normals(), *validation)]
    if not named:
        raise DataError(f"{arguments.data} has no good pictures to train on")
    normals = from_pictures(
        one.name, named, input_hw=arguments.size, max_pictures=arguments.max_pictures
    )
    kept = {sample.name for sample in validation} & set(normals.names)
    if not kept:
        return TrainingData(normals, _held(normals, arguments), one.tests())
    held = np.array([name in kept for name in normals.names])
    return TrainingData(normals, held, one.tests())


def _class(arguments: argparse.Namespace) -> ClassData:
    found = load(Path(arguments.data), arguments.dataset)
    if len(found) != 1:
        raise ConfigError(
            f"--data {arguments.data} holds {len(found)} classes: give the folder of one"
        )
    return found[0]


def _held(normals: Normals, arguments: argparse.Namespace) -> Mask:
    count = len(normals.names)
    share = arguments.hold_out
    if share is None:
        share = max(SHARE, min(FEW / count, 1 / 3))
    elif not 0 < share < 1:
        raise ConfigError(f"--hold-out must lie between 0 and 1, not {share:g}")
    held = np.zeros(count, bool)
    held[hold_out(count, share, ordered=normals.ordered, seed=arguments.seed)[1]] = True
    return held


def test_set(samples: tuple[Sample, ...], rule: ResizeRule) -> Labelled:
    """Raises DataError where there are no labelled pictures or one cannot be read."""
    if not any(s.defective for s in samples) or all(s.defective for s in samples):
        raise DataError("--paper-protocol needs good and defective test pictures")
    drawn = all(sample.masks for sample in samples if sample.defective)
    pixels, masks = [], []
    for sample in samples:
        image = read_picture(sample.path)
        if image is None:
            raise DataError(f"test picture {sample.path} cannot be read")
        pixels.append(to_input(image, rule)[0])
        if drawn:
            masks.append(_resized(read_mask(sample, (image.shape[0], image.shape[1])), rule))
    defective = np.array([sample.defective for sample in samples])
    return Labelled(np.stack(pixels), defective, np.stack(masks) if drawn else None, TEST_SET)


def _resized(mask: Mask, rule: ResizeRule) -> Mask:
    x0, y0, x1, y1 = crop_box(rule, (mask.shape[0], mask.shape[1]))
    seen = mask[y0:y1, x0:x1].astype(np.uint8)
    size = (rule.input_hw[1], rule.input_hw[0])
    return np.asarray(cv2.resize(seen, size, interpolation=cv2.INTER_NEAREST_EXACT) > 0)
