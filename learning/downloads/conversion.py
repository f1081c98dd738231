"""Writes a data set of another layout in the layout of MVTec AD."""

import os
from pathlib import Path

import cv2
import numpy as np
from loguru import logger

from inspector.core.errors import DataError, SinkError
from inspector.core.files import write_whole
from learning.datasets.layouts import load
from learning.datasets.mask_files import read_mask_file
from learning.datasets.types import GOOD, TEST, TRAIN, ClassData


def convert(root: Path, layout: str, folder: Path) -> None:
    """Moves the pictures of all classes from root to folder/CLASS/train/good and test/KIND, as the
    split of the data set says, and writes their masks with the values 0 and 255.

    Problems of the data set become warnings. Raises DataError if the data set or a mask cannot be
    read, or if two pictures would get the same name; SinkError if the disk fails.
    """
    for data in load(root, layout):
        for problem in data.problems:
            logger.warning("{}: {}", data.name, problem)
        _convert_class(data, folder / data.name)


def _convert_class(data: ClassData, folder: Path) -> None:
    for sample in data.samples:
        kind = sample.kind.replace("/", "-")
        part = TRAIN if sample.split == TRAIN else TEST
        for number, mask in enumerate(sample.masks, start=1):
            end = "_mask" if len(sample.masks) == 1 else f"_mask_{number}"
            drawn = (read_mask_file(mask).values > 0).any(axis=2)
            _, content = cv2.imencode(".png", drawn * np.uint8(255))
            place = folder / "ground_truth" / kind / f"{sample.path.stem}{end}.png"
            write_whole(place, content.tobytes(), "mask ", sync=False)
        _move(sample.path, folder / part / (kind if sample.defective else GOOD) / sample.path.name)


def _move(source: Path, target: Path) -> None:
    if target.exists():
        raise DataError(f"{source} and another picture would both become {target}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(source, target)
    except OSError as exc:
        raise SinkError(f"{target} cannot be written: {exc.strerror}") from exc
