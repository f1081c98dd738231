"""Looks at all pictures and masks of a class before a study: counts, sizes, defects, problems."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import cv2
import numpy as np

from engines.pictures import decode_picture
from engines.resize import to_input
from engines.spec import ResizeRule
from evaluation.truth_masks import CONNECTIVITY
from inspector.core.arrays import Image
from inspector.core.errors import DataError
from learning.copies import find_exact, find_similar, mark_empty
from learning.datasets.masks import MaskReader
from learning.datasets.types import ClassData, Sample
from learning.distinct import LOSSY, map_copies, take
from learning.frame_sizes import by_aspect


@dataclass(frozen=True, slots=True)
class MaskFacts:
    """share: of the picture that the mask covers, 0 to 1. regions: separate defective areas."""

    share: float
    regions: int


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """sample: with its part of the study. hw: (height, width), None if it cannot be read. mask: of
    a defective picture, None without a readable one."""

    sample: Sample
    hw: tuple[int, int] | None
    mask: MaskFacts | None


@dataclass(frozen=True, slots=True)
class AlikePair:
    """Two pictures that are equal, or differ by noise only. identical: they are equal."""

    first: Sample
    second: Sample
    identical: bool

    @property
    def crosses(self) -> bool:
        """Whether they are in different parts, or are good and defective: then results mislead."""
        return (self.first.split, self.first.defective) != (
            self.second.split,
            self.second.defective,
        )


@dataclass(frozen=True, slots=True)
class ClassFacts:
    """pictures: in the order of the class. empty: samples that show one brightness or colour only.
    problems: a sentence each; of the data set, its pictures and its masks."""

    data: ClassData
    pictures: tuple[PictureFacts, ...]
    alike: tuple[AlikePair, ...]
    empty: tuple[Sample, ...]
    problems: tuple[str, ...]

    def kinds(self) -> tuple[str, ...]:
        """Good first, then the kinds of defect by name."""
        kinds = {sample.kind: sample.defective for sample in self.data.samples}
        return tuple(sorted(kinds, key=lambda kind: (kinds[kind], kind)))

    def of_kind(self, kind: str) -> list[PictureFacts]:
        return [each for each in self.pictures if each.sample.kind == kind]

    def sizes(self) -> Counter[tuple[int, int]]:
        """(height, width) -> number of readable pictures."""
        return Counter(each.hw for each in self.pictures if each.hw is not None)


def explore_class(data: ClassData, on_picture: Callable[[], None] = lambda: None) -> ClassFacts:
    """data: with the parts of the study. Reads every picture and every mask once more than
    MaskReader does. on_picture: called after each picture."""
    masks = MaskReader(data.samples)
    problems = [*data.problems, *masks.notes]
    facts: list[PictureFacts] = []
    readable: list[Sample] = []
    pixels = np.empty((0, 1, 1, 3), np.uint8)
    for sample in data.samples:
        hw, mask = None, None
        try:
            image = decode_picture(sample.path)
            hw = (image.shape[0], image.shape[1])
            if not readable:  # all pictures are compared in the size of the first one
                pixels = np.empty((len(data.samples), *by_aspect(hw), 3), np.uint8)
            rule = ResizeRule((pixels.shape[1], pixels.shape[2]))
            pixels[len(readable)] = to_input(image, rule)[0]
            readable.append(sample)
            mask = _read_mask(sample, masks, hw)
        except DataError as exc:
            problems.append(str(exc))
        facts.append(PictureFacts(sample, hw, mask))
        on_picture()
    alike, empty = _compare(pixels[: len(readable)], readable) if readable else ((), ())
    return ClassFacts(data, tuple(facts), alike, empty, tuple(dict.fromkeys(problems)))


def _read_mask(sample: Sample, masks: MaskReader, hw: tuple[int, int]) -> MaskFacts | None:
    """Raises DataError for a mask that cannot be used."""
    if not sample.masks:
        return None  # the problems of the data set say so
    mask = masks.read(sample, hw)
    count, _ = cv2.connectedComponents(mask.astype(np.uint8), connectivity=CONNECTIVITY)
    return MaskFacts(float(mask.mean()), count - 1)


def _compare(
    pixels: Image, samples: Sequence[Sample]
) -> tuple[tuple[AlikePair, ...], tuple[Sample, ...]]:
    """Pairs, those that mislead first, and the empty pictures. pixels: (n, H, W, 3) uint8 RGB."""
    is_empty = mark_empty(pixels)
    shown = np.flatnonzero(~is_empty)
    equal = map_copies(find_exact(take(pixels, shown)), shown)
    single = np.setdiff1d(shown, list(equal))
    similar: dict[int, int] = {}
    if len(single):
        lossy = [PurePosixPath(samples[index].name).suffix.lower() in LOSSY for index in single]
        copies = find_similar(take(pixels, single), np.array(lossy, bool))
        similar = map_copies(copies, single)
    pairs = [
        AlikePair(samples[original], samples[copy], identical)
        for copies, identical in ((equal, True), (similar, False))
        for copy, original in copies.items()
    ]
    pairs.sort(key=lambda pair: not pair.crosses)
    return tuple(pairs), tuple(s for s, empty in zip(samples, is_empty, strict=True) if empty)
