"""Simulated defects are scored by models that do not know the picture they are drawn on."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from engine_parts import HW, fit_parts, parts
from example_methods import LocalContrast

from engines.roi import draw_mask
from engines.spec import Roi
from learning.augmentation import Copies
from learning.defect_scores import DefectScorer, count_defects, draw_defect
from learning.job import EngineJob, FitOptions
from learning.scoring import fit_and_score
from learning.simulation.plans import KINDS, plan_defects

NOISE = 0.008
"""Two good parts differ by more than this on average, in grey values of 0 to 1. A defect changes
only a part of a picture, so a picture with one differs from itself by less."""

LEFT = Roi(HW, inspect=(((0.0, 0.0), (50.0, 0.0), (50.0, 64.0), (0.0, 64.0)),))


@dataclass(frozen=True)
class Closest(LocalContrast):
    """The score is the mean difference from the closest picture that was fitted."""

    name: ClassVar[str] = "closest"

    def embed(self, features):
        return {"grey": features["grey"][:, 0]}

    def fit(self, embeddings, seed):
        return embeddings["grey"].copy()

    def measure(self, model, embeddings, canvas):
        pictures = embeddings["grey"]
        scores = [np.abs(model - picture).mean(axis=(1, 2)).min() for picture in pictures]
        return np.abs(pictures), np.array(scores, np.float32)


def options_of(**changes) -> FitOptions:
    return FitOptions("parts", Closest(), None, **{"simulated": 24} | changes)


def test_some_defects_leave_a_picture_close_to_itself():
    pixels = parts(8).pixels
    with EngineJob(options_of(), parts(8), lambda *_: None) as job:
        scorer = DefectScorer(job, parts(8), [np.arange(8)])
        scorer.score(np.arange(8), pixels.astype(np.float32).mean(axis=3) / 255)
    assert np.median(scorer.result().scores) < NOISE


@pytest.mark.parametrize("held_out", [(), (2, 5)])
def test_no_model_knows_the_picture_that_the_defect_is_on(held_out):
    options, normals = options_of(), parts(8)
    mask = np.isin(np.arange(8), held_out)
    with EngineJob(options, normals, lambda *_: None) as job:
        embeddings = Closest().embed(job.features(normals.pixels[~mask]))
        scored = fit_and_score(job, options, embeddings, mask, Copies())
    assert len(scored.simulated.scores) == 24
    assert scored.simulated.scores.min() > NOISE


def test_pictures_that_were_dropped_carry_no_defect_and_are_in_no_model():
    normals = parts(16)
    normals.pixels[3] = 255 - normals.pixels[3]
    options = options_of(suspects="drop")
    with EngineJob(options, normals, lambda *_: None) as job:
        scored = fit_and_score(
            job,
            options,
            Closest().embed(job.features(normals.pixels)),
            np.zeros(16, bool),
            Copies(),
        )
    assert scored.suspects == ("3.png",)
    assert len(scored.model) == 15
    assert scored.simulated.scores.max() < 0.3


def test_all_kinds_are_scored_in_px_of_the_frame():
    with EngineJob(options_of(), parts(8), lambda *_: None) as job:
        scorer = DefectScorer(job, parts(8), [np.arange(8)])
        scorer.score(np.arange(8), np.zeros((1, *HW), np.float32))
    scores = scorer.result()
    assert sorted(scores.kinds) == sorted(KINDS * 3)
    plans = plan_defects(24, 8, 0)
    assert sorted(scores.sizes_px) == pytest.approx(sorted(64 * plan.size for plan in plans))
    assert set(scores.contrasts) <= {0, 12, 24, 48, 96}


def test_the_defects_of_a_part_are_scored_with_it_only():
    with EngineJob(options_of(), parts(8), lambda *_: None) as job:
        scorer = DefectScorer(job, parts(8), [np.array([1, 4]), np.array([2])])
        scorer.score(np.array([1, 4]), np.zeros((1, *HW), np.float32))
    assert len(scorer.result().scores) == 6


def test_nothing_changes_outside_the_region():
    pixels, inside = parts(4).pixels, draw_mask(LEFT, HW)
    for plan in plan_defects(24, 4, 0):
        drawn = draw_defect(pixels, plan, inside)
        changed = (drawn != pixels[plan.picture]).any(axis=2)
        assert changed.any()
        assert not changed[~inside].any()


def test_a_region_without_room_gives_no_defect_and_no_score():
    nothing = np.zeros(HW, bool)
    assert draw_defect(parts(4).pixels, plan_defects(1, 4, 0)[0], nothing) is None
    with EngineJob(options_of(), parts(4), lambda *_: None) as job:
        job.inside = nothing
        scorer = DefectScorer(job, parts(4), [np.arange(4)])
        scorer.score(np.arange(4), np.zeros((1, *HW), np.float32))
    assert scorer.result() is None


@pytest.mark.parametrize(
    ("most", "input_hw", "count"),
    [
        (240, (64, 96), 240),
        (240, (256, 256), 240),
        (240, (512, 512), 152),
        (240, (2048, 2048), 80),
        (50, (2048, 2048), 50),
        (0, (64, 96), 0),
    ],
)
def test_large_inputs_get_fewer_defects(most, input_hw, count):
    assert count_defects(most, input_hw) == count


def test_an_engine_without_simulated_defects_has_no_power(tmp_path):
    spec = fit_parts(tmp_path / "e.onnx", simulated=0).spec
    assert spec.power is None


def test_an_engine_stores_how_many_of_its_simulated_defects_fail(engine_file, tmp_path):
    spec = fit_parts(tmp_path / "e.onnx").spec
    assert [kind.kind for kind in spec.power] != []
    for kind in spec.power:
        scores = np.array(kind.parameters["scores"], np.float32)
        failing = np.count_nonzero(scores >= np.float32(spec.image_threshold))
        assert sum(point.detected for point in kind.points) == failing
        assert sum(point.simulated for point in kind.points) == len(scores)
