"""Tests what a new threshold would change. They need no web library."""

import pytest

from inspector.store.history import ScoredFrame
from inspector.web.what_if import apply_threshold, count_by_score


def scored(
    score: float | None, verdict: str, rule: str = "score", frame_id: int = 0
) -> ScoredFrame:
    return ScoredFrame("r1", frame_id, score, 1.0, 2.0, verdict, None, rule)


def counts(frames: list[ScoredFrame], threshold: float) -> tuple[int, ...]:
    result = apply_threshold(frames, threshold)
    turned = (result.turn_fail, result.turn_pass, result.unknown)
    return (*map(len, turned), result.same, result.errors, result.without_effect)


def test_a_score_that_reaches_the_threshold_fails() -> None:
    frames = [scored(0.5, "PASS"), scored(0.8, "PASS"), scored(1.0, "FAIL"), scored(2.0, "FAIL")]
    assert counts(frames, 1.0) == (0, 0, 0, 4, 0, 0)
    assert counts(frames, 0.8) == (1, 0, 0, 3, 0, 0)
    assert counts(frames, 0.1) == (2, 0, 0, 2, 0, 0)
    assert counts(frames, 1.5) == (0, 1, 0, 3, 0, 0)
    assert counts(frames, 2.0) == (0, 1, 0, 3, 0, 0)
    assert counts(frames, 2.1) == (0, 2, 0, 2, 0, 0)


def test_error_frames_are_left_out() -> None:
    assert counts([scored(None, "ERROR"), scored(3.0, "ERROR")], 1.0) == (0, 0, 0, 0, 2, 0)


def test_the_threshold_has_no_effect_where_sizes_decide() -> None:
    frames = [scored(0.5, "FAIL", "defects"), scored(3.0, "PASS", "defects")]
    assert counts(frames, 1.0) == (0, 0, 0, 0, 0, 2)


@pytest.mark.parametrize(
    ("score", "verdict", "threshold", "expected"),
    [
        (0.5, "PASS", 0.4, (1, 0, 0, 0, 0, 0)),
        (0.5, "FAIL", 0.4, (0, 0, 0, 1, 0, 0)),
        (0.5, "FAIL", 0.9, (0, 0, 0, 1, 0, 0)),  # its sizes fail it, as before
        (1.5, "FAIL", 1.8, (0, 0, 1, 0, 0, 0)),  # its sizes may fail it
        (1.5, "FAIL", 1.2, (0, 0, 0, 1, 0, 0)),
    ],
)
def test_with_the_rule_either_only_some_verdicts_are_known(
    score: float, verdict: str, threshold: float, expected: tuple[int, ...]
) -> None:
    assert counts([scored(score, verdict, "either")], threshold) == expected


def test_scores_are_counted_between_equal_edges() -> None:
    frames = [scored(0.0, "PASS"), scored(1.0, "PASS"), scored(4.0, "FAIL"), scored(9.0, "ERROR")]
    assert count_by_score(frames, 4) == ([0.0, 1.0, 2.0, 3.0, 4.0], [1, 1, 0, 0], [0, 0, 0, 1])
    assert count_by_score([scored(2.0, "PASS")], 2)[1:] == ([1, 0], [0, 0])
    assert count_by_score([scored(None, "ERROR")], 2) == ([], [], [])
