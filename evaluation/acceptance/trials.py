"""Draws defects on held-out good pictures and judges them, each picture once per kind and size."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from calibration.plane import Calibration
from engines.pictures import decode_picture
from engines.roi import draw_mask
from engines.spec import EngineSpec
from evaluation.acceptance.design import Sizes
from evaluation.acceptance.drawing import DrawingGround, DrawnDefect, draw_sized
from evaluation.acceptance.judging import JudgedPicture, JudgePicture
from inspector.core.arrays import Image, Mask
from inspector.core.reading import Reading
from inspector.core.types import Verdict
from learning.normals import spread
from learning.simulation.plans import KINDS

DONORS: Final = 4
"""Good pictures that displaced pieces are cut out of."""

NOT_DRAWN: Final = "NOT DRAWN"
"""In place of a verdict: no defect of this size lies completely on the product."""


@dataclass(frozen=True, slots=True)
class DefectTrial:
    """One defect on one picture.

    size: mm or px. size_px: the same in px. change: largest difference from the good picture in
    grey levels of 0 to 255. x, y: centre of the defect, px. verdict: PASS, FAIL, ERROR or
    NOT_DRAWN; without a defect, the last five fields are None.
    """

    picture: str
    kind: str
    size: float
    verdict: str
    size_px: float | None = None
    change: float | None = None
    x: float | None = None
    y: float | None = None
    score: float | None = None

    @property
    def detected(self) -> float:
        """1 found, 0 not found, NaN not tried. ERROR is not found."""
        if self.verdict == NOT_DRAWN:
            return np.nan
        return float(self.verdict == Verdict.FAIL.value)


@dataclass(frozen=True, slots=True)
class Example:
    """A trial that the report shows. pair: see evaluation.report.defect_tiles.draw_pair."""

    trial: DefectTrial
    pair: Image


Sketch = Callable[[Image, DrawnDefect], Image]
"""(good picture, RGB; drawn defect) -> picture for the report."""


@dataclass(slots=True)
class Examples:
    """The smallest found defect and the largest missed one of every kind."""

    sketch: Sketch
    smallest: dict[str, Example] = field(default_factory=dict)
    largest: dict[str, Example] = field(default_factory=dict)

    def add(self, trial: DefectTrial, good: Image, drawn: DrawnDefect) -> None:
        if trial.detected:
            known = self.smallest.get(trial.kind)
            if known is None or trial.size < known.trial.size:
                self.smallest[trial.kind] = Example(trial, self.sketch(good, drawn))
        else:
            known = self.largest.get(trial.kind)
            if known is None or trial.size > known.trial.size:
                self.largest[trial.kind] = Example(trial, self.sketch(good, drawn))


@dataclass(frozen=True, slots=True)
class TrialPictures:
    """The good pictures that defects are drawn on: names and files."""

    names: tuple[str, ...]
    paths: tuple[Path, ...]
    reading: Reading

    def read(self, index: int) -> Image:
        """(H, W, 3) uint8 RGB."""
        image = decode_picture(self.paths[index], reading=self.reading)
        return np.ascontiguousarray(image[..., ::-1])


def inspected_part(spec: EngineSpec, frame_hw: tuple[int, int]) -> Mask | None:
    """(H, W) of a frame: where the engine looks, by its region of interest and its crop; None for
    everywhere."""
    whole = spec.resize.crop == (0.0, 0.0, 1.0, 1.0)
    if spec.roi is None and whole:
        return None
    inside = np.ones(frame_hw, bool)
    if spec.roi is not None:
        inside = draw_mask(spec.roi, frame_hw)
    left, top, right, bottom = spec.resize.crop
    cut = np.zeros(frame_hw, bool)
    (height, width) = frame_hw
    cut[
        round(top * height) : round(bottom * height), round(left * width) : round(right * width)
    ] = True
    return inside & cut


def run_trials(
    pictures: TrialPictures,
    sizes: Mapping[str, Sizes],
    judge: JudgePicture,
    *,
    inside: Callable[[tuple[int, int]], Mask | None],
    calibration: Calibration | None,
    contrast: float,
    seed: int,
    examples: Examples | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[DefectTrial]:
    """One trial for each picture, kind and size. A picture is read once.

    inside: frame size -> inspected_part. contrast: grey levels of 0 to 255, see DefectPlan. The
    trials of a picture do not depend on the other pictures, but displaced pieces come from them.
    """
    donors = {i: pictures.read(i) for i in spread(len(pictures.paths), DONORS)}
    for index, name in enumerate(pictures.names):
        good = pictures.read(index)
        others = [image for i, image in donors.items() if i != index and image.shape == good.shape]
        canvas = DrawingGround(good, others, inside(good.shape[:2]), calibration)
        done = 0
        for kind, kind_sizes in sizes.items():
            for number, size in enumerate(kind_sizes):
                seeds = (seed, index, KINDS.index(kind), number)
                drawn = draw_sized(canvas, kind, size, contrast, seeds)
                trial = DefectTrial(name, kind, size, NOT_DRAWN)
                if drawn is not None:
                    bgr = cv2.cvtColor(drawn.simulated.pixels, cv2.COLOR_RGB2BGR)
                    trial = _describe(trial, drawn, judge(np.asarray(bgr, np.uint8)))
                    if examples is not None:
                        examples.add(trial, good, drawn)
                yield trial
                done += 1
        progress(done)


def _describe(plan: DefectTrial, drawn: DrawnDefect, judgement: JudgedPicture) -> DefectTrial:
    (x, y), score = drawn.centre, judgement.score
    return DefectTrial(
        *(plan.picture, plan.kind, plan.size, judgement.verdict.value),
        size_px=round(drawn.size_px, 3),
        change=drawn.change,
        x=round(x, 1),
        y=round(y, 1),
        score=score,
    )


def detection_table(trials: Sequence[DefectTrial], kind: str) -> tuple[np.ndarray, np.ndarray]:
    """sizes (k,), rising, and (n, k): 1 found, 0 not found, NaN not tried; a row per picture."""
    chosen = [trial for trial in trials if trial.kind == kind]
    sizes = sorted({trial.size for trial in chosen})
    names = list(dict.fromkeys(trial.picture for trial in chosen))
    rows, columns = ({value: k for k, value in enumerate(values)} for values in (names, sizes))
    table = np.full((len(names), len(sizes)), np.nan)
    for trial in chosen:
        table[rows[trial.picture], columns[trial.size]] = trial.detected
    return np.array(sizes), table
