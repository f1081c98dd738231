"""The mechanism of method auto: candidates, budget and choice, with simulated trials."""

import dataclasses
import itertools
from collections.abc import Callable
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from engine_parts import part, parts

from engines.spec import ResizeRule
from inspector.core.errors import ConfigError, DataError
from learning.methods.registry import fitted_methods, make_method
from learning.normals import Normals
from learning.selection import choosing
from learning.selection.candidates import CANDIDATES, DEFAULT, Candidate, fine_side
from learning.selection.choosing import (
    EQUAL,
    LEAST_PICTURES,
    MARGIN,
    Choice,
    TrialOptions,
    choose_method,
    choose_trial,
)
from learning.selection.trials import Trial, detection

NOTHING = np.zeros(0, np.float32)
OTHERS = tuple(each for each in CANDIDATES if each != DEFAULT and not each.handicap)


def trial(candidate: Candidate, figure: float, seconds: float = 1.0) -> Trial:
    return Trial(candidate, figure, seconds, NOTHING, NOTHING)


def large_parts() -> Normals:
    """Frames that are large enough for a finer input."""
    return dataclasses.replace(parts(6), frame_hw=(480, 720))


def fine_parts(side: int) -> Normals:
    pixels = np.stack([cv2.resize(part(seed), (side * 3 // 2, side)) for seed in range(6)])
    hw = (side, side * 3 // 2)
    return dataclasses.replace(large_parts(), pixels=pixels, rule=ResizeRule(hw))


def choose(
    monkeypatch: pytest.MonkeyPatch,
    figures: Callable[[Candidate], float],
    *,
    normals: Normals,
    read: Callable[[int], Normals] | None = None,
    budget_s: float = 1e6,
    seconds: float = 1.0,
) -> Choice:
    """With trials that are not run: each takes `seconds` and has the figure that `figures` says."""
    clock = itertools.count()
    now = [0.0]

    def try_candidate(candidate: Candidate, pictures: object, **_: object) -> tuple[Trial, ...]:
        next(clock)
        now[0] += seconds
        return (trial(candidate, figures(candidate), seconds),)

    monkeypatch.setattr(choosing, "try_candidate", try_candidate)
    monkeypatch.setattr(choosing, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return choose_method(normals, read, TrialOptions(budget_s=budget_s), lambda *_: None)


def test_the_default_is_the_first_candidate_and_all_can_be_made():
    assert CANDIDATES[0] == DEFAULT
    assert DEFAULT.method == fitted_methods()[0]
    for candidate in CANDIDATES:
        make_method(candidate.method, candidate.options)
        usual = [each for each in CANDIDATES if not each.fine and each.is_like(candidate)]
        assert len(usual) == 1, "a finer input needs a trial at the usual size before"
        assert CANDIDATES.index(usual[0]) <= CANDIDATES.index(candidate)


@pytest.mark.parametrize(
    ("frame_hw", "side"),
    [
        ((64, 96), None),
        ((319, 400), None),
        ((320, 320), 320),
        ((350, 500), 320),
        ((720, 1280), 448),
        ((1280, 720), 448),
        ((4000, 4000), 512),
        ((400, 4000), None),
    ],
)
def test_a_finer_input_fits_the_frames(frame_hw, side):
    assert fine_side(frame_hw) == side


@pytest.mark.parametrize("better", [0.0, MARGIN / 2, MARGIN - 1e-6])
def test_the_default_is_used_unless_another_is_clearly_better(better):
    usual = trial(DEFAULT, 0.5, seconds=9)
    assert choose_trial([trial(OTHERS[0], 0.5 + better), usual]) is usual


def test_of_equally_good_candidates_the_fastest_is_used():
    trials = [
        trial(DEFAULT, 0.5),
        trial(OTHERS[0], 0.7, seconds=5),
        trial(OTHERS[1], 0.7 - EQUAL / 2, seconds=2),
        trial(OTHERS[2], 0.7 - 2 * EQUAL, seconds=1),
    ]
    assert choose_trial(trials) is trials[2]


def test_every_candidate_is_tried_once_if_there_is_time(monkeypatch):
    sides = []
    choice = choose(
        monkeypatch,
        lambda candidate: 0.9 if candidate == OTHERS[1] else 0.5,
        normals=large_parts(),
        read=lambda side: sides.append(side) or fine_parts(side),
    )
    rows = choice.selection.candidates
    assert all(row.score is not None for row in rows)
    assert len(rows) == len(CANDIDATES)
    assert sides == [fine_side((480, 720))]
    assert choice.trial.candidate == OTHERS[1]
    assert rows[choice.selection.chosen].score == 0.9
    assert choice.selection.reason.startswith(OTHERS[1].describe())


def test_a_finer_input_that_wins_brings_its_pictures(monkeypatch):
    choice = choose(
        monkeypatch,
        lambda candidate: 0.9 if candidate.fine else 0.5,
        normals=large_parts(),
        read=fine_parts,
    )
    assert choice.trial.candidate.fine
    assert choice.normals.rule.input_hw[0] == fine_side((480, 720))


def test_pictures_that_cannot_be_read_again_get_no_finer_input(monkeypatch):
    choice = choose(monkeypatch, lambda _: 0.5, normals=large_parts(), read=None)
    skipped = [row for row in choice.selection.candidates if row.score is None]
    assert len(skipped) == sum(candidate.fine for candidate in CANDIDATES) > 0
    assert {row.note for row in skipped} == {
        "the pictures are too small or too long for a finer input, or cannot be read again"
    }


@pytest.mark.parametrize(("budget_s", "tried"), [(0, 1), (0.5, 1), (1.5, 2), (2.5, 3)])
def test_trials_end_with_the_budget_and_name_what_they_skip(monkeypatch, budget_s, tried):
    choice = choose(monkeypatch, lambda _: 0.5, normals=parts(6), budget_s=budget_s)
    rows = choice.selection.candidates
    assert len(rows) == len(CANDIDATES)
    assert sum(row.score is not None for row in rows) == tried
    late = [row for row in rows if row.note == "no time was left"]
    fine = sum(candidate.fine for candidate in CANDIDATES)
    assert len(late) == len(CANDIDATES) - tried - fine
    assert choice.selection.budget_seconds == budget_s
    assert choice.trial.candidate == DEFAULT


def test_a_finer_input_is_not_begun_if_it_would_take_too_long(monkeypatch):
    coarse = sum(not candidate.fine for candidate in CANDIDATES)
    choice = choose(
        monkeypatch,
        lambda _: 0.5,
        normals=large_parts(),
        read=lambda side: pytest.fail("read for a trial that cannot end in time"),
        budget_s=coarse + 1,
    )
    late = [row for row in choice.selection.candidates if row.note == "no time was left"]
    assert len(late) == sum(candidate.fine for candidate in CANDIDATES)


def test_the_reason_for_the_default_does_not_deny_better_figures_of_handicapped_settings(
    monkeypatch,
):
    def figures(candidate: Candidate) -> float:
        return 0.3 + candidate.handicap / 2

    choice = choose(monkeypatch, figures, normals=parts(6))
    assert choice.trial.candidate == DEFAULT
    assert "better by 1%, less their handicap" in choice.selection.reason


def test_a_candidate_that_fails_is_listed_with_its_reason(monkeypatch):
    def figures(candidate: Candidate) -> float:
        if candidate == DEFAULT:
            raise DataError("the pictures are odd")
        return 0.5

    choice = choose(monkeypatch, figures, normals=parts(6))
    assert "the pictures are odd" in {row.note for row in choice.selection.candidates}
    assert choice.trial.candidate != DEFAULT


def test_the_spec_tells_all_candidates_apart():
    shown = [candidate.describe() for candidate in CANDIDATES]
    assert len(set(shown)) == len(shown)
    assert [each for each in shown if "input finer" in each] == [
        candidate.describe() for candidate in CANDIDATES if candidate.fine
    ]


def test_too_few_pictures_are_fitted_with_the_default():
    assert choose_method(parts(LEAST_PICTURES - 1), None, TrialOptions(), pytest.fail) is None


def test_if_all_candidates_fail_the_reason_is_the_error(monkeypatch):
    def figures(_: Candidate) -> float:
        raise ConfigError("no backbone")

    with pytest.raises(DataError, match="no method works on these pictures: no backbone"):
        choose(monkeypatch, figures, normals=parts(6))


@pytest.mark.parametrize("budget_s", [-1.0, float("nan"), float("inf")])
def test_a_budget_that_is_no_time_is_refused(budget_s):
    with pytest.raises(ConfigError, match="budget must be finite and at least 0 s"):
        TrialOptions(budget_s=budget_s)


def test_the_figure_is_the_share_found_at_thresholds_that_fail_few_good_pictures():
    normal = np.arange(10, dtype=np.float32)
    kinds = np.array(["hole", "hole", "hole", "crack"])
    defect = np.array([8.5, 9.5, 0, 9.5], np.float32)
    # Thresholds 9 and 8: holes 1/3 and 2/3, cracks 1 and 1.
    assert detection(normal, defect, kinds) == pytest.approx((2 / 3 + 5 / 6) / 2)
    assert detection(normal[:2], np.full(4, 0.5, np.float32), kinds) == 0
