"""Memory of the metrics does not grow with the number of pictures."""

import tracemalloc
from pathlib import Path

import numpy as np
from plate_dataset import spec

from evaluation.class_counts import ClassCounts
from evaluation.class_metrics import ClassMetrics
from evaluation.inference import ScoredPicture
from evaluation.provenance import MEMORY_BYTES, Settings
from evaluation.truth_masks import TruthMask
from learning.datasets.types import Sample
from learning.metrics.pixels import LIMIT

HW = (512, 512)
PICTURES = 12
"""Together they have more pixels than the counts keep distinct scores."""


def score_picture(sample: Sample, random: np.random.Generator) -> ScoredPicture:
    anomaly_map = random.random(HW, dtype=np.float32)
    mask = np.zeros(HW, bool)
    mask[100:130, 200:240] = sample.defective
    truth = TruthMask(mask, int(sample.defective), 0, 0)
    return ScoredPicture(sample, anomaly_map, float(anomaly_map.max()), truth, False, 1.0, 1.0)


def test_metrics_take_no_more_memory_than_the_result_states():
    assert PICTURES * HW[0] * HW[1] > LIMIT
    kinds = [("good", PICTURES), ("hole", 1), ("speck", 1)]
    masks = (Path("mask.png"),)
    tests = [
        Sample(f"{kind}/{index}", Path("x.png"), kind, "test", () if kind == "good" else masks)
        for kind, count in kinds
        for index in range(count)
    ]
    random = np.random.default_rng(0)
    tracemalloc.start()
    try:
        counts = ClassCounts(spec(map_hw=HW), tests, Settings(resamples=200))
        for sample in tests:
            counts.add(score_picture(sample, random))
        metrics = ClassMetrics(counts)
        metrics.kinds()
        metrics.curves()
        metrics.resampled()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MEMORY_BYTES
    assert 0 < metrics.figures.pixel_auroc.error < 1e-4, "scores were grouped, and error says so"
