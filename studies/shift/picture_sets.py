"""Writes shifted copies of a class to disk, in the MVTec layout.

The clean copy has the pictures of the data set at a short side of at most 256 px. The shifted
copies are made of it. Each copy has a file with the parameters of every picture.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import cv2
import numpy as np

from engines.pictures import decode_picture
from engines.resize import to_input
from engines.spec import ResizeRule
from inspector.core.arrays import Image, Mask
from inspector.core.errors import DataError
from inspector.core.files import write_whole
from learning.datasets.masks import MaskReader
from learning.datasets.types import GOOD, TEST, ClassData, Sample
from studies.shift.drawing import Parameters
from studies.shift.shifts import CLEAN, SHIFTS, parts_of, shift_picture, strength_of

SIDE: Final = 256
"""Short side of the pictures of a study, px."""

FORMAT: Final = 1
PARAMETERS: Final = "parameters.json"
_FAST: Final = [cv2.IMWRITE_PNG_COMPRESSION, 1]


@dataclass(frozen=True, slots=True)
class Condition:
    """How pictures were shifted. Clean pictures have CLEAN as transform and severity."""

    transform: str = CLEAN
    severity: str = CLEAN

    @property
    def name(self) -> str:
        """Of its folder, such as rotation-mild."""
        return CLEAN if self.transform == CLEAN else f"{self.transform}-{self.severity}"

    def describe(self) -> dict[str, Any]:
        """What the pictures depend on, besides the seed and the data set."""
        strength = strength_of(self.severity)
        amounts = {part: SHIFTS[part].amount(strength) for part in parts_of(self.transform)}
        return {"transform": self.transform, "severity": self.severity, "amounts": amounts}


CLEAN_CONDITION: Final = Condition()


@dataclass(frozen=True, slots=True)
class _Copy:
    """One picture of a copy. parameters: of the shift. movement: see Shifted."""

    sample: Sample
    image: Image
    mask: Mask | None
    parameters: dict[str, Parameters]
    movement: float


def hash_request(request: dict[str, Any]) -> str:
    """sha256 of plain values."""
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


def write_clean(folder: Path, data: ClassData, split_sha256: str) -> ClassData:
    """Writes the clean copy of a class, and returns it. folder: of this copy of this class.

    data: with the parts of the study. A picture whose mask cannot be used gets none. Raises
    DataError for a picture that cannot be read.
    """
    request = hash_request({"split": split_sha256, "side": SIDE, "format": FORMAT})
    if (earlier := _read_copy(folder, data, request)) is not None:
        return earlier
    masks = MaskReader(data.samples)
    problems: list[str] = []
    copies = (_reduce(sample, masks, problems) for sample in data.samples)
    return _write_copy(folder, data, copies, request, CLEAN_CONDITION, 0, problems)


def write_shifted(folder: Path, clean: ClassData, condition: Condition, seed: int) -> ClassData:
    """Writes a shifted copy of the clean copy of a class, and returns it."""
    request = hash_request(
        {"clean": _read_request(clean), "seed": seed, "format": FORMAT} | condition.describe()
    )
    if (earlier := _read_copy(folder, clean, request)) is not None:
        return earlier
    strength = strength_of(condition.severity)
    masks = MaskReader(clean.samples, "any")

    def shifted() -> Iterator[_Copy]:
        for sample in clean.samples:
            image = decode_picture(sample.path)
            mask = masks.read(sample, image.shape[:2]) if sample.masks else None
            result = shift_picture(
                image, mask, condition.transform, strength, seed=seed, name=sample.name
            )
            yield _Copy(sample, result.image, result.mask, result.parameters, result.movement)

    return _write_copy(folder, clean, shifted(), request, condition, seed, [])


def _reduce(sample: Sample, masks: MaskReader, problems: list[str]) -> _Copy:
    image = decode_picture(sample.path)
    hw = (image.shape[0], image.shape[1])
    mask = None
    if sample.masks:
        try:
            mask = masks.read(sample, hw)
        except DataError as exc:
            problems.append(str(exc))
    scale = min(1.0, SIDE / min(hw))
    small_hw = (round(hw[0] * scale), round(hw[1] * scale))
    rgb, _ = to_input(image, ResizeRule(small_hw))
    small = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), np.uint8)
    return _Copy(sample, small, None if mask is None else reduce_mask(mask, small_hw), {}, 1.0)


def reduce_mask(mask: Mask, hw: tuple[int, int]) -> Mask:
    """A pixel is defective if at least half of it is. If that leaves nothing of the defects, it is
    defective if any part of it is."""
    share = cv2.resize(mask.astype(np.float32), hw[::-1], interpolation=cv2.INTER_AREA)
    half = share >= 0.5
    return np.asarray(half if half.any() else share > 0, np.bool_)


def _write_copy(
    folder: Path,
    data: ClassData,
    copies: Iterator[_Copy],
    request: str,
    condition: Condition,
    seed: int,
    problems: list[str],
) -> ClassData:
    """Writes the pictures, and then the parameters, which mark the copy as complete."""
    names = _file_names(data)
    samples, pictures = [], {}
    for copy in copies:
        name = names[copy.sample.name]
        mask_path = _mask_path(folder, name)
        _write_png(folder / name, copy.image)
        if copy.mask is not None:
            _write_png(mask_path, copy.mask.astype(np.uint8) * 255)
        masks = () if copy.mask is None else (mask_path,)
        samples.append(dataclasses.replace(copy.sample, name=name, path=folder / name, masks=masks))
        pictures[name] = {
            "source": copy.sample.name,
            "mask": bool(masks),
            "movement": copy.movement,
            "parameters": copy.parameters,
        }
    content = {"format": FORMAT, "request_sha256": request, "class": data.name, "seed": seed}
    content |= {"condition": condition.describe(), "problems": problems, "pictures": pictures}
    write_whole(folder / PARAMETERS, (json.dumps(content, indent=1) + "\n").encode())
    return _with_samples(data, samples, problems)


def _read_copy(folder: Path, data: ClassData, request: str) -> ClassData | None:
    """The copy that an earlier run wrote; None if it is missing, incomplete or another one."""
    content = _read_json(folder / PARAMETERS)
    if content is None or content.get("request_sha256") != request:
        return None
    names, samples = _file_names(data), []
    for sample in data.samples:
        name = names[sample.name]
        masks = (_mask_path(folder, name),) if content["pictures"][name]["mask"] else ()
        if not all(os.path.isfile(path) for path in (folder / name, *masks)):
            return None
        samples.append(dataclasses.replace(sample, name=name, path=folder / name, masks=masks))
    return _with_samples(data, samples, content["problems"])


def _with_samples(data: ClassData, samples: list[Sample], problems: list[str]) -> ClassData:
    ordered = tuple(sorted(samples, key=lambda sample: sample.name))
    return dataclasses.replace(data, samples=ordered, layout="mvtec", problems=tuple(problems))


def _read_request(clean: ClassData) -> str:
    sample = clean.samples[0]
    folder = sample.path.parents[len(PurePosixPath(sample.name).parts) - 1]
    content = _read_json(folder / PARAMETERS)
    if content is None:
        raise DataError(f"{folder / PARAMETERS} is missing: run the study again")
    return str(content["request_sha256"])


def _read_json(path: Path) -> dict[str, Any] | None:
    """None for a file that is missing or damaged: what it describes is made again."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _file_names(data: ClassData) -> dict[str, str]:
    """Name of a sample -> name of its copy, such as test/scratch/001.png. Two pictures with the
    same stem in a folder get numbers."""
    names: dict[str, str] = {}
    used: set[str] = set()
    for sample in sorted(data.samples, key=lambda sample: sample.name):
        in_train = not sample.defective and sample.split != TEST
        folder = f"train/{GOOD}" if in_train else f"test/{sample.kind}"
        stem, number = PurePosixPath(sample.name).stem, 1
        name = f"{folder}/{stem}.png"
        while name in used:
            number += 1
            name = f"{folder}/{stem}-{number}.png"
        used.add(name)
        names[sample.name] = name
    return names


def _mask_path(folder: Path, name: str) -> Path:
    path = PurePosixPath(name)
    return folder / "ground_truth" / path.parent.name / f"{path.stem}_mask.png"


def _write_png(path: Path, image: Any) -> None:
    _, encoded = cv2.imencode(".png", image, _FAST)
    write_whole(path, encoded.tobytes(), "picture ", sync=False)
