"""Tests the totals over the defects of a run."""

import statistics
from dataclasses import replace

import numpy as np
import pytest

from inspector.core.arrays import freeze
from inspector.core.types import BadFrame, Defect, Frame, Inspection, Severity, Verdict
from inspector.measure.defect_summary import MEDIAN_PRECISION, DefectSummary

SQUARE = np.array(((0, 0), (10, 0), (10, 10), (0, 10)), dtype=np.float64)
DEFECT = Defect(
    defect_id=0,
    polygons=(SQUARE,),
    holes=0,
    box_px=(0, 0, 10, 10),
    centroid_px=(5, 5),
    area_px=100.0,
    length_px=14.1,
    width_px=10.0,
    orientation_deg=45.0,
    peak_score=1.0,
    mean_score=0.5,
    severity=Severity.LOW,
    size_source="map",
    truncated=False,
    map_area_px=100.0,
    map_length_px=14.1,
    map_width_px=10.0,
)


def inspection(*defects: Defect) -> Inspection:
    image = freeze(np.zeros((100, 200, 3), np.uint8))
    frame = Frame(0, "test", image, 0, None, "now")
    verdict = Verdict.FAIL if defects else Verdict.PASS
    return Inspection(frame, verdict, 1.0, 1.0, defects=defects)


def test_figures_of_an_empty_run_are_none_instead_of_zero() -> None:
    figures = DefectSummary(calibrated=True).as_dict()
    assert figures["total"] == 0
    assert figures["frames_with_defects_percent"] is None
    assert figures["length_mm"]["mean"] is None


def test_means_medians_and_deviations_are_those_of_all_defects() -> None:
    lengths = list(np.random.default_rng(1).lognormal(1.0, 0.8, 500))
    summary = DefectSummary(calibrated=True)
    for length in lengths:
        sized = replace(DEFECT, length_mm=float(length), width_mm=1.0, area_mm2=2.0)
        summary.add(inspection(sized))
    figures = summary.as_dict()["length_mm"]
    assert figures["mean"] == pytest.approx(statistics.fmean(lengths), rel=1e-5)
    assert figures["standard_deviation"] == pytest.approx(statistics.stdev(lengths), rel=1e-5)
    assert figures["median"] == pytest.approx(statistics.median(lengths), rel=4 * MEDIAN_PRECISION)


def test_percentages_are_of_judged_frames_and_of_their_area() -> None:
    summary = DefectSummary(calibrated=False)
    summary.add(inspection(DEFECT, replace(DEFECT, severity=Severity.CRITICAL)))
    for _ in range(3):
        summary.add(inspection())
    bad = BadFrame(9, "test", "damaged", 0, None, "now")
    summary.add(Inspection(bad, Verdict.ERROR, 1.0, 1.0, error="damaged", cause=bad.cause))
    figures = summary.as_dict()
    assert figures["frames_judged"] == 4
    assert figures["frames_with_defects_percent"] == 25.0
    assert figures["area_percent"] == pytest.approx(100 * 200 / (4 * 20_000))
    assert figures["by_severity"] == {"low": 1, "medium": 0, "high": 0, "critical": 1}
    assert figures["length_px"]["largest"] == 14.1


def test_memory_does_not_grow_with_the_run() -> None:
    summary = DefectSummary(calibrated=False)
    for _ in range(2000):
        summary.add(inspection(DEFECT))
    assert summary.as_dict()["total"] == 2000
    assert all(len(h._bins) == 1 for h in summary._sizes.values())
