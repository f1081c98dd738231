"""Pictures for a training: good ones, those of them held out, and labelled test pictures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from engines.pictures import decode_picture
from engines.resize import crop_box, to_input
from engines.spec import ResizeRule
from inspector.core.arrays import Image, Mask
from inspector.core.errors import ConfigError, DataError
from inspector.core.reading import READING, Reading
from learning.datasets.kind_names import explain_no_good
from learning.datasets.layouts import load
from learning.datasets.masks import MaskReader
from learning.datasets.types import ClassData, Sample
from learning.distinct import keep_distinct
from learning.normals import Normals, Size, from_pictures

SHARE: Final = 0.2
"""Default share of the good pictures that are held out."""

FEW: Final = 10
"""Held-out pictures that thresholds need. So many are held out if they are at most a third of all.
"""

TEST_SET: Final = "the test set (paper protocol)"


@dataclass(frozen=True, slots=True)
class Labelled:
    """Pictures that checkpoints are chosen on.

    pixels: (n, H, W, 3) uint8 RGB. defective: (n,). masks: (n, H, W), None if no defects are drawn.
    origin: what the pictures are, in plain words; every figure computed on them is reported with
    it.
    """

    pixels: Image
    defective: npt.NDArray[np.bool_]
    masks: Mask | None
    origin: str

    def __post_init__(self) -> None:
        if not self.defective.any() or self.defective.all():
            raise DataError(
                f"checkpoints cannot be chosen on {self.origin}: normal and defective pictures "
                "are needed"
            )


@dataclass(frozen=True, slots=True)
class TrainingData:
    """held_out: (n,) bool, the normals that are not trained on; checkpoints and thresholds are
    chosen on them. tests: labelled pictures to choose checkpoints on instead, as papers do; None
    mostly."""

    normals: Normals
    held_out: Mask
    tests: Labelled | None = None

    @property
    def checkpoints_by(self) -> str:
        """Name of the pictures that checkpoints are chosen on, for the log."""
        return "validation" if self.tests is None else "test_set"


def data_of_normals(normals: Normals, *, hold_out: float | None, seed: int) -> TrainingData:
    """hold_out: share of the normals, None for the default. Raises ConfigError for a share that is
    not between 0 and 1, DataError for fewer than three pictures."""
    return TrainingData(normals, _mark_held_out(normals, hold_out, seed))


def data_of_class(
    folder: Path,
    layout: str | None,
    *,
    input_hw: Size,
    max_pictures: int,
    hold_out: float | None,
    seed: int,
    paper_protocol: bool,
    reading: Reading = READING,
    keep_similar: bool = False,
) -> TrainingData:
    """Reads the folder of a class. Its good validation pictures, if there are any, are held out.

    layout: name of the data set's layout, None to detect it. paper_protocol: read the test pictures
    too. keep_similar: see learning.fit. Raises DataError for a folder without good pictures, and
    ConfigError for several classes and for a paper_protocol without test pictures.
    """
    data = _only_class(folder, layout)
    validation = [sample for sample in data.validation() if not sample.defective]
    named = [(sample.name, sample.path) for sample in (*data.normals(), *validation)]
    if not named:
        raise DataError(explain_no_good(data))
    normals = keep_distinct(
        from_pictures(
            data.name, named, input_hw=input_hw, max_pictures=max_pictures, reading=reading
        ),
        keep_similar=keep_similar,
    )
    names = {sample.name for sample in validation} & set(normals.names)
    if names:
        held_out = np.array([name in names for name in normals.names])
    else:
        held_out = _mark_held_out(normals, hold_out, seed)
    if not paper_protocol:
        return TrainingData(normals, held_out)
    tests = data.tests()
    if not tests:
        raise ConfigError(f"--paper-protocol needs test pictures, and {folder} has none")
    return TrainingData(normals, held_out, read_tests(tests, normals.rule, reading))


def hold_out_indices(
    count: int, share: float, *, ordered: bool, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Indices of the pictures to train on and of those held out: at least one, at most all but two.

    ordered: frames of one stream. The last ones are held out then, because neighbouring frames are
    nearly the same. Raises DataError for fewer than three pictures.
    """
    if count < 3:
        raise DataError(f"{count} good pictures are too few: one is held out, two are trained on")
    count_held_out = min(max(1, round(share * count)), count - 2)
    order = np.arange(count) if ordered else np.random.default_rng(seed).permutation(count)
    return np.sort(order[:-count_held_out]), np.sort(order[-count_held_out:])


def read_tests(
    samples: tuple[Sample, ...], rule: ResizeRule, reading: Reading = READING
) -> Labelled:
    """Raises DataError if the samples are not both good and defective, or one cannot be read."""
    if not any(s.defective for s in samples) or all(s.defective for s in samples):
        raise DataError("--paper-protocol needs good and defective test pictures")
    drawn = all(sample.masks for sample in samples if sample.defective)
    reader = MaskReader(samples)
    pixels, masks = [], []
    for sample in samples:
        image = decode_picture(sample.path, reading=reading)
        pixels.append(to_input(image, rule)[0])
        if drawn:
            masks.append(_resize_mask(reader.read(sample, (image.shape[0], image.shape[1])), rule))
    defective = np.array([sample.defective for sample in samples])
    return Labelled(np.stack(pixels), defective, np.stack(masks) if drawn else None, TEST_SET)


def _only_class(folder: Path, layout: str | None) -> ClassData:
    classes = load(folder, layout)
    if len(classes) != 1:
        raise ConfigError(
            f"--data {folder} holds {len(classes)} classes: give the folder of one of them"
        )
    return classes[0]


def _mark_held_out(normals: Normals, share: float | None, seed: int) -> Mask:
    count = len(normals.names)
    if share is None:
        share = max(SHARE, min(FEW / count, 1 / 3))
    elif not 0 < share < 1:
        raise ConfigError(f"--hold-out must lie between 0 and 1, not {share:g}")
    held_out = np.zeros(count, bool)
    held_out[hold_out_indices(count, share, ordered=normals.ordered, seed=seed)[1]] = True
    return held_out


def _resize_mask(mask: Mask, rule: ResizeRule) -> Mask:
    x0, y0, x1, y1 = crop_box(rule, (mask.shape[0], mask.shape[1]))
    seen = mask[y0:y1, x0:x1].astype(np.uint8)
    size = (rule.input_hw[1], rule.input_hw[0])
    return np.asarray(cv2.resize(seen, size, interpolation=cv2.INTER_NEAREST_EXACT) > 0)
