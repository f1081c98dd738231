"""Tests the paired figures against enumerated and simulated cases, and the matching of defects."""

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.stats import multinomial

from evaluation.replay.fails import compare_fails
from evaluation.replay.matching import compare_frame
from evaluation.replay.statistics import compare_sizes, rank_correlation


@pytest.mark.parametrize(("more", "fewer"), [(0, 0), (1, 0), (8, 0), (3, 9), (10, 10), (0, 25)])
def test_the_p_value_is_that_of_all_outcomes_that_are_as_rare(more: int, fewer: int) -> None:
    total = more + fewer
    weights = [math.comb(total, k) / 2**total for k in range(total + 1)]
    expected = sum(w for w in weights if w <= weights[more] * (1 + 1e-9))
    assert compare_fails(100, more, fewer).p == pytest.approx(expected)


def test_counts_and_shares_of_changed_verdicts() -> None:
    fails = compare_fails(200, 12, 2)
    assert fails.difference == pytest.approx(0.05)
    assert fails.interval is not None
    low, high = fails.interval
    assert 0.01 < low < 0.05 < high < 0.1
    assert fails.pass_to_fail_interval[0] < 0.06 < fails.pass_to_fail_interval[1]
    assert compare_fails(0, 0, 0).difference is None


@pytest.mark.parametrize(("p", "q"), [(0.1, 0.02), (0.3, 0.3), (0.01, 0.05)])
def test_the_interval_of_the_difference_covers_the_truth(p: float, q: float) -> None:
    """p, q: true shares of PASS to FAIL and of FAIL to PASS. The sum over all outcomes is exact."""
    frames, covered = 30, 0.0
    for more, fewer in product(range(frames + 1), repeat=2):
        if more + fewer <= frames:
            outcome = (more, fewer, frames - more - fewer)
            interval = compare_fails(frames, more, fewer).interval
            assert interval is not None
            if interval[0] <= p - q <= interval[1]:
                covered += multinomial.pmf(outcome, frames, (p, q, 1 - p - q))
    assert covered > 0.94


@pytest.mark.parametrize("per_frame", [1, 4])
def test_the_interval_of_a_size_change_covers_the_truth(per_frame: int) -> None:
    """The defects of a frame share a part of their change."""
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(40):
        frames = np.repeat(np.arange(40.0), per_frame)
        old = rng.uniform(5, 10, len(frames))
        shared = np.repeat(rng.normal(0, 1, 40), per_frame)
        new = old + 0.5 + shared + rng.normal(0, 0.3, len(frames))
        interval = compare_sizes("mm", frames, old, new).interval
        assert interval is not None
        hits += interval[0] <= 0.5 <= interval[1]
    assert hits >= 34


def test_a_single_frame_has_no_interval() -> None:
    size = compare_sizes("px", np.zeros(3), np.array([1.0, 2, 4]), np.array([2.0, 4, 8]))
    assert (size.median, size.median_share, size.interval) == (2.0, 1.0, None)
    assert (size.pairs, size.frames) == (3, 1)


def test_the_rank_correlation() -> None:
    values = np.array([0.1, 0.5, 0.2, 0.9])
    assert rank_correlation(values, np.exp(values)) == pytest.approx(1)
    assert rank_correlation(values, -values) == pytest.approx(-1)
    assert rank_correlation(values, np.ones(4)) is None
    assert rank_correlation(values[:1], values[:1]) is None


def defect(box: tuple[float, float, float, float], length: float, u: float | None) -> Any:
    return {
        "box_px": box,
        "length_px": length,
        "length_expanded_u_px": u,
        **dict.fromkeys(("length_mm", "width_mm", "area_mm2")),
        "width_px": 1.0,
        "area_px": 10.0,
        "width_expanded_u_px": u,
        "area_expanded_u_px": u,
    }


def frame(verdict: str, *defects: Any) -> Any:
    return {"frame_id": 3, "verdict": verdict, "score": 0.5, "defects": list(defects)}


A, B, FAR = (0.0, 0.0, 10.0, 10.0), (4.0, 0.0, 14.0, 10.0), (50.0, 50.0, 60.0, 60.0)


def test_defects_are_matched_once_and_by_the_largest_overlap() -> None:
    near = (1.0, 0.0, 11.0, 10.0)
    old = frame("FAIL", defect(A, 5, 1), defect(FAR, 5, 1))
    new = frame("FAIL", defect(B, 5, 1), defect(near, 5, 1))
    change = compare_frame(old, new)
    assert [(p.old["box_px"], p.new["box_px"]) for p in change.pairs] == [(A, near)]
    assert [d["box_px"] for d in change.lost] == [FAR]
    assert [d["box_px"] for d in change.added] == [B]


@pytest.mark.parametrize(
    ("length", "u", "clear"),
    [(5.0, 1.0, False), (5.9, 1.0, False), (6.1, 1.0, True), (5.1, None, True)],
)
def test_a_size_clearly_changes_beyond_its_uncertainty(
    length: float, u: float | None, clear: bool
) -> None:
    change = compare_frame(frame("PASS", defect(A, 5, u)), frame("PASS", defect(A, length, u)))
    assert change.differs is bool(change.clear_pairs) is clear


def test_a_frame_differs_by_its_verdict_or_its_defects() -> None:
    single, none = (defect(A, 5, 1),), ()
    for verdict, before, after in product(("PASS", "FAIL"), (single, none), (single, none)):
        change = compare_frame(frame("PASS", *before), frame(verdict, *after))
        assert change.differs is (verdict != "PASS" or before != after)


def test_sizes_in_mm_come_before_sizes_in_px() -> None:
    old, new = defect(A, 5, 1), defect(A, 6, 1)
    (pair,) = compare_frame(frame("PASS", old), frame("PASS", new)).pairs
    assert pair.sizes("length") == (5, 6, "px")
    assert pair.sizes("area") == (10.0, 10.0, "px2")
    old["length_mm"], old["area_mm2"] = 0.5, 1.0
    assert pair.sizes("length") == (5, 6, "px")
    new["length_mm"], new["area_mm2"] = 0.6, 2.0
    assert pair.sizes("length") == (0.5, 0.6, "mm")
    assert pair.sizes("area") == (1.0, 2.0, "mm2")
