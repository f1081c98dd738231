"""The results of a study: a cell is one method on one class under one condition, in one file."""

import dataclasses
import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from evaluation.result_files import write_json
from evaluation.results import (
    ClassResult,
    Metrics,
    Rate,
    RegionGroup,
    ReportCurve,
    ResampledMetric,
)
from inspector.core.errors import DataError
from inspector.core.schema import build
from learning.metrics.intervals import clopper_pearson
from learning.thresholds.rules import Rule, supported_rate
from studies.shift.method_names import folder_name
from studies.shift.shifts import CLEAN

FORMAT: Final = 2

PLAIN, SHIFTED, RECALIBRATED, ADAPTED = "clean", "shifted", "recalibrated", "adapted"
CROSS, GLOBAL = "cross", "global"
PHASES: Final[dict[str, str]] = {
    PLAIN: "model and threshold from clean pictures, tested on clean pictures",
    SHIFTED: "model and threshold from clean pictures, tested on shifted pictures",
    RECALIBRATED: "model from clean pictures, threshold from shifted pictures",
    ADAPTED: "model and threshold from shifted pictures",
    CROSS: "model and threshold from pictures with another shift",
    GLOBAL: "one model and threshold for all classes, from clean pictures",
}
"""Name of a phase -> what was fitted and tested."""

F1_MAX, PERCENTILE, CONFORMAL = "f1_max", "percentile", "conformal"
STRATEGIES: Final[dict[str, str]] = {
    F1_MAX: "highest F1 on the validation pictures",
    PERCENTILE: "99.5th percentile of the good validation pictures",
    CONFORMAL: "promises a rate of false alarms, from the good validation pictures",
}


@dataclass(frozen=True, slots=True)
class CellKey:
    """fitted_on: the transform of the pictures that the model was fitted on."""

    class_name: str
    method: str
    phase: str
    transform: str = CLEAN
    severity: str = CLEAN
    fitted_on: str = CLEAN

    @property
    def file(self) -> str:
        """Path of its file below the folder of the study."""
        parts = [self.phase]
        if self.transform != CLEAN:
            parts += [self.transform, self.severity]
        if self.phase == CROSS:
            parts += ["fitted-on", self.fitted_on]
        return f"cells/{self.class_name}/{folder_name(self.method)}/{'-'.join(parts)}.json"


@dataclass(frozen=True, slots=True)
class StrategyResult:
    """Verdicts at a threshold that was chosen from validation pictures.

    threshold: a picture with a higher score FAILs; None if it cannot be chosen, then reason says
    why. promised: rate of false alarms that the strategy promises on average, None if it promises
    nothing. normals: good validation pictures.
    """

    name: str
    threshold: float | None
    normals: int
    reason: str | None = None
    false_alarms: Rate | None = None
    misses: Rate | None = None
    promised: float | None = None


@dataclass(frozen=True, slots=True)
class PictureScore:
    """One picture. size, place: of its largest defect region, None without a region."""

    name: str
    kind: str
    defective: bool
    score: float
    size: str | None = None
    place: str | None = None


@dataclass(frozen=True, slots=True)
class KindFigures:
    """One kind of defect against all good pictures."""

    name: str
    pictures: int
    figures: Metrics


@dataclass(frozen=True, slots=True)
class Cell:
    """kinds, sizes, places: of defects; the regions found are those at the pixel threshold of the
    model, which is never recalibrated. pictures: for testing. validation: those that choose the
    thresholds. resampled: see evaluation.results. errors: pictures without a score."""

    key: CellKey
    request_sha256: str
    good: int
    defective: int
    masked: int
    errors: int
    figures: Metrics
    strategies: tuple[StrategyResult, ...]
    kinds: tuple[KindFigures, ...]
    sizes: tuple[RegionGroup, ...]
    places: tuple[RegionGroup, ...]
    roc: ReportCurve | None
    pictures: tuple[PictureScore, ...]
    validation: tuple[PictureScore, ...]
    resampled: tuple[ResampledMetric, ...]
    format: int = FORMAT

    def strategy(self, name: str) -> StrategyResult:
        return next(each for each in self.strategies if each.name == name)


def make_cell(
    key: CellKey, request: str, tested: ClassResult, validated: Sequence[ClassResult]
) -> Cell:
    """tested: the test pictures. validated: validation pictures with the model of this cell, of one
    class or, for a model of several classes, of each."""
    pictures = _scored(tested)
    validation = tuple(picture for result in validated for picture in _scored(result))
    return Cell(
        key=key,
        request_sha256=request,
        good=tested.data.good,
        defective=tested.data.defective,
        masked=tested.data.masked,
        errors=tested.data.errors,
        figures=tested.figures,
        strategies=tuple(_apply(name, pictures, validation) for name in STRATEGIES),
        kinds=tuple(KindFigures(k.name, k.pictures, k.figures) for k in tested.kinds),
        sizes=tested.sizes,
        places=tested.places,
        roc=next((curve for curve in tested.curves if curve.name == "image_roc"), None),
        pictures=pictures,
        validation=validation,
        resampled=tested.resampled,
    )


def _scored(result: ClassResult) -> tuple[PictureScore, ...]:
    return tuple(
        PictureScore(p.name, p.kind, p.defective, p.score, p.size, p.place)
        for p in result.pictures
        if p.score is not None
    )


def _apply(
    name: str, pictures: Sequence[PictureScore], validation: Sequence[PictureScore]
) -> StrategyResult:
    good, defective = (
        np.array([p.score for p in validation if p.defective == is_defective], np.float64)
        for is_defective in (False, True)
    )
    if not len(good) or (name == F1_MAX and not len(defective)):
        what = "defective" if len(good) else "good"
        reason = f"there are no {what} validation pictures with a score"
        return StrategyResult(name, None, len(good), reason)
    threshold = Rule(name).of(good, defective if name == F1_MAX else None)
    if not math.isfinite(threshold):
        return StrategyResult(name, None, len(good), "the threshold is not finite")
    return StrategyResult(
        name,
        threshold,
        len(good),
        false_alarms=_rate([p.score > threshold for p in pictures if not p.defective]),
        misses=_rate([p.score <= threshold for p in pictures if p.defective]),
        promised=supported_rate(len(good), None) if name == CONFORMAL else None,
    )


def _rate(events: Sequence[bool]) -> Rate:
    count, total = sum(events), len(events)
    if not total:
        return Rate(0, 0, None, None)
    return Rate(count, total, count / total, clopper_pearson(count, total))


def write_cell(out: Path, cell: Cell) -> None:
    """Raises SinkError."""
    write_json(out / cell.key.file, dataclasses.asdict(cell))


def read_cell(path: Path) -> Cell:
    """Raises DataError for a file that is missing, damaged or of another format."""
    try:
        raw: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise DataError(f"cell {path} cannot be read: {exc.strerror}") from exc
    except (ValueError, RecursionError) as exc:
        raise DataError(f"cell {path} is not JSON: {exc}") from exc
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise DataError(f"cell {path} does not have format {FORMAT}")
    return build(Cell, raw, DataError, str(path))


def find_cell(out: Path, key: CellKey, request: str) -> Cell | None:
    """The cell of an earlier run with the same request; else None."""
    path = out / key.file
    if not os.path.isfile(path):
        return None
    try:
        cell = read_cell(path)
    except DataError:
        return None  # damaged, or of another format: it is computed again
    return cell if cell.request_sha256 == request else None
