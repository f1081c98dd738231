"""Memory does not grow with the number of pictures."""

import tracemalloc
from pathlib import Path

import numpy as np
from scenes import spec

from evaluation.facts import MEMORY_BYTES
from evaluation.figures import findings
from evaluation.gathering import Gathering
from evaluation.given import Settings
from evaluation.judging import Judged
from evaluation.truth import Truth
from learning.datasets.types import Sample
from learning.metrics.pixels import LIMIT

HW = (512, 512)
PICTURES = 12
"""More pixels than distinct scores are kept."""


def judged(sample: Sample, random: np.random.Generator) -> Judged:
    anomaly_map = random.random(HW, dtype=np.float32)
    mask = np.zeros(HW, bool)
    mask[100:130, 200:240] = sample.defective
    truth = Truth(mask, int(sample.defective), 0, 0)
    image = np.zeros((1, 1, 3), np.uint8)
    return Judged(sample, image, anomaly_map, float(anomaly_map.max()), truth, False, 1.0, 1.0)


def test_evaluating_takes_no_more_memory_than_its_result_says():
    assert PICTURES * HW[0] * HW[1] > LIMIT
    names = [("good", PICTURES), ("hole", 1), ("speck", 1)]
    mask = (Path("mask.png"),)
    tests = [
        Sample(f"{kind}/{index}", Path("x.png"), kind, "test", () if kind == "good" else mask)
        for kind, count in names
        for index in range(count)
    ]
    random = np.random.default_rng(0)
    tracemalloc.start()
    try:
        gathered = Gathering(spec(map_hw=HW), tests, Settings(resamples=200))
        for sample in tests:
            gathered.add(judged(sample, random))
        found = findings(gathered)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MEMORY_BYTES
    assert 0 < found.figures.pixel_auroc.error < 1e-4, "more scores than are kept, and told so"
