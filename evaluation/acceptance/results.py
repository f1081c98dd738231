"""The results of an acceptance test, computed from its trials and its good pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluation.acceptance.held_out import GoodPicture, LeftOutPicture
from evaluation.acceptance.reliable_size import FEWEST, TOO_FEW, ReliableSize, find_reliable_size
from evaluation.acceptance.trials import NOT_DRAWN, DefectTrial, detection_table
from evaluation.class_metrics import make_rate
from evaluation.results import Rate
from inspector.core.types import Verdict

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class SizeResult:
    """The defects of one kind and size, each on another picture.

    drawn: how many. detected: verdict FAIL. errors: verdict ERROR. slip: verdict PASS, of those
    that were drawn. used: whether the size counts for a90/95, see analyse_kind.
    """

    size: float
    drawn: int
    detected: int
    errors: int
    slip: Rate
    used: bool


@dataclass(frozen=True, slots=True)
class KindAcceptance:
    """a90_95: None in its size if no size is shown. smallest_found, largest_missed: sizes of single
    defects; None if there is none."""

    kind: str
    sizes: tuple[SizeResult, ...]
    a90_95: ReliableSize
    smallest_found: float | None
    largest_missed: float | None


@dataclass(frozen=True, slots=True)
class GoodResult:
    """false_rejection: good pictures that FAIL. errors: good pictures that are ERROR. Both are of
    all good pictures that were judged."""

    false_rejection: Rate
    errors: Rate


@dataclass(frozen=True, slots=True)
class EngineRecord:
    """The engine file. running_on: runtime and device."""

    file: str
    name: str
    sha256: str
    graph_hash: str
    method: str
    image_threshold: float
    pixel_threshold: float
    threshold_rule: str
    input_hw: tuple[int, int]
    running_on: str


@dataclass(frozen=True, slots=True)
class CalibrationRecord:
    """sha256: of its values, see Calibration.sha256."""

    file: str
    sha256: str
    how: str


@dataclass(frozen=True, slots=True)
class AcceptanceDesign:
    """unit: of all sizes, "mm" or "px" of a frame. contrast: grey levels of 0 to 255, planned.
    pictures: good pictures that defects were drawn on."""

    unit: str
    contrast: float
    seed: int
    pictures: int


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Everything that acceptance.json holds. program: name and version. data_sha256: hash over the
    hashes of the good pictures. trials_sha256: hash of trials.csv."""

    program: str
    made_utc: str
    engine: EngineRecord
    folder: str
    data_sha256: str
    calibration: CalibrationRecord | None
    design: AcceptanceDesign
    good: GoodResult
    kinds: tuple[KindAcceptance, ...]
    pictures: tuple[GoodPicture, ...]
    left_out: tuple[LeftOutPicture, ...]
    warnings: tuple[str, ...]
    trials_sha256: str
    format: int = FORMAT


def analyse_good(pictures: Sequence[GoodPicture]) -> GoodResult:
    verdicts = [picture.verdict for picture in pictures]
    return GoodResult(
        make_rate(verdicts.count(Verdict.FAIL.value), len(verdicts)),
        make_rate(verdicts.count(Verdict.ERROR.value), len(verdicts)),
    )


def analyse_trials(trials: Sequence[DefectTrial]) -> tuple[KindAcceptance, ...]:
    """One result for each kind, in the order of the trials."""
    return tuple(analyse_kind(trials, kind) for kind in dict.fromkeys(t.kind for t in trials))


def analyse_kind(trials: Sequence[DefectTrial], kind: str) -> KindAcceptance:
    """Sizes that fit on fewer than FEWEST pictures do not count for a90/95 if others fit on more:
    a large defect must fit on the product."""
    sizes, table = detection_table(trials, kind)
    drawn = np.isfinite(table).sum(axis=0)
    used = drawn >= min(FEWEST, max(int(drawn.max(initial=0)), 1))
    if used.any():
        reliable = find_reliable_size(sizes[used], table[:, used])
    else:
        reliable = ReliableSize(None, TOO_FEW, "no defect of these sizes fits on the product")
    shown = [trial for trial in trials if trial.kind == kind and trial.verdict != NOT_DRAWN]
    detected = [trial.size for trial in shown if trial.detected]
    missed = [trial.size for trial in shown if not trial.detected]
    return KindAcceptance(
        kind,
        tuple(
            _size_result(float(size), [t for t in shown if t.size == size], bool(counts))
            for size, counts in zip(sizes, used, strict=True)
        ),
        reliable,
        min(detected, default=None),
        max(missed, default=None),
    )


def _size_result(size: float, trials: Sequence[DefectTrial], used: bool) -> SizeResult:
    verdicts = [trial.verdict for trial in trials]
    passed, failed, errors = (
        verdicts.count(verdict.value) for verdict in (Verdict.PASS, Verdict.FAIL, Verdict.ERROR)
    )
    return SizeResult(size, len(trials), failed, errors, make_rate(passed, len(trials)), used)
