"""Cells of a study with chosen scores."""

import numpy as np

from evaluation.results import METRIC_NAMES, Metrics, MetricValue, ResampledMetric
from learning.metrics.image import auroc
from studies.shift.analysis import rate
from studies.shift.cells import (
    STRATEGIES,
    Cell,
    CellKey,
    PictureScore,
    StrategyResult,
)

VALIDATION = 7
"""Good validation pictures, with the scores 0, 0.2 ... 1.2."""

UNDEFINED = MetricValue(None, "there are no masks")


def make_cell(
    phase: str,
    good: list[float],
    defective: list[float],
    *,
    class_name: str = "nut",
    method: str = "padim",
    transform: str = "clean",
    severity: str = "clean",
    fitted_on: str = "clean",
    threshold: float = 1.0,
    promised: float = 0.25,
    aupro: tuple[float, ...] = (),
) -> Cell:
    """aupro: its resampled values, whose mean is the value; empty without masks."""
    pictures = [PictureScore(f"good/{i}", "good", False, score) for i, score in enumerate(good)]
    pictures += [
        PictureScore(
            f"crack/{i}",
            "crack",
            True,
            score,
            *(("small", "centre") if i % 2 else ("large", "border")),
        )
        for i, score in enumerate(defective)
    ]
    scores = np.array([p.score for p in pictures])
    figures = dict.fromkeys(METRIC_NAMES, UNDEFINED)
    truth = np.array([p.defective for p in pictures])
    figures["image_auroc"] = MetricValue(auroc(scores, truth).value)
    if aupro:
        figures["aupro"] = MetricValue(float(np.mean(aupro)))
    alarms = rate(sum(s > threshold for s in good), len(good))
    misses = rate(sum(s <= threshold for s in defective), len(defective))
    strategies = tuple(
        StrategyResult(
            name,
            threshold,
            VALIDATION,
            false_alarms=alarms,
            misses=misses,
            promised=promised if name == "conformal" else None,
        )
        for name in STRATEGIES
    )
    return Cell(
        key=CellKey(class_name, method, phase, transform, severity, fitted_on),
        request_sha256="0" * 64,
        good=len(good),
        defective=len(defective),
        masked=len(defective) if aupro else 0,
        errors=0,
        figures=Metrics(**figures),
        strategies=strategies,
        kinds=(),
        sizes=(),
        places=(),
        roc=None,
        pictures=tuple(pictures),
        validation=tuple(
            PictureScore(f"good/v{i}", "good", False, 0.2 * i) for i in range(VALIDATION)
        ),
        resampled=(ResampledMetric("aupro", aupro),) if aupro else (),
    )


def study_cells(method: str = "padim", *, gain: float = 1.0) -> list[Cell]:
    """Clean: all right. Noise: every second defect looks good, and most good pictures fail.
    Adapted: nearly all right. gain: factor of the scores."""
    good = [0.1 * i for i in range(10)]
    wrong = [0.2 + 0.2 * i for i in range(10)]
    noise = {"transform": "noise", "severity": "mild", "method": method}
    return [
        make_cell("clean", good, [2.0 + i for i in range(10)], method=method,
                  aupro=(0.9, 0.8, 0.85)),
        make_cell("shifted", wrong, [0.5 + gain * 0.2 * i for i in range(10)], **noise,
                  aupro=(0.5, 0.4, 0.6)),
        make_cell("recalibrated", wrong, [0.5 + gain * 0.2 * i for i in range(10)], **noise,
                  threshold=1.5, aupro=(0.5, 0.4, 0.6)),
        make_cell("adapted", good, [0.85 + i for i in range(10)], **noise, fitted_on="noise",
                  aupro=(0.8, 0.8, 0.8)),
    ]  # fmt: skip
