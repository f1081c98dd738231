"""Good pictures that stand out: what ask, keep and drop do to model, thresholds and promise."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from engine_parts import part, parts
from loguru import logger

import learning
from engines.backends.onnx import OnnxEngine
from engines.spec import EngineSpec
from inspector.core.errors import ConfigError
from learning.normals import Normals
from learning.thresholds.changing import refit_thresholds
from learning.thresholds.rules import Rule, default_rule, least_promise, promise_of_rank

COUNT, ODD = 24, 5


def with_odd_picture() -> Normals:
    """COUNT parts; the one with number ODD is inverted."""
    normals = parts(COUNT)
    pixels = normals.pixels.copy()
    pixels[ODD] = 255 - pixels[ODD]
    return dataclasses.replace(normals, pixels=pixels)


def fit(out: Path, **options: object) -> EngineSpec:
    return learning.fit(with_odd_picture(), "rad", out, threads=1, **options).spec


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("engines")


@pytest.fixture(scope="module")
def specs(folder) -> dict[str, EngineSpec]:
    """Policy -> spec of the engine."""
    return {each: fit(folder / f"{each}.onnx", suspects=each) for each in ("ask", "keep", "drop")}


def test_every_policy_names_the_picture_and_says_what_is_done(specs):
    for policy, spec in specs.items():
        assert spec.trained_on["suspects"] == [f"{ODD}.png"]
        assert spec.trained_on["suspects_policy"] == policy
        assert "1 good picture stands out; " in spec.threshold_rule.note
    notes = {policy: spec.threshold_rule.note for policy, spec in specs.items()}
    assert "it is not known whether such pictures are good product" in notes["ask"]
    assert "the user says that such pictures are good product" in notes["keep"]
    assert "the user says that such pictures are not good product" in notes["drop"]


def test_ask_fails_the_picture_and_does_not_raise_the_threshold(specs):
    spec = specs["ask"]
    scores = np.array(spec.left_out.scores)
    assert (spec.threshold_rule.rule, len(scores)) == ("robust", COUNT)
    assert spec.trained_on["count"] == COUNT
    assert np.argmax(scores) == ODD
    assert np.delete(scores, ODD).max() < spec.image_threshold < scores[ODD] / 2
    assert spec.threshold_rule.alarms == 1


def test_ask_counts_the_picture_in_rate_and_promise(specs):
    rule = specs["ask"].threshold_rule
    assert rule.false_alarm_rate == 2 / (COUNT + 1)
    assert rule.promise == pytest.approx(promise_of_rank(COUNT, COUNT - 1, 0.97))


def test_keep_puts_the_threshold_above_the_picture(specs):
    spec = specs["keep"]
    assert spec.threshold_rule.rule == "conformal"
    assert spec.trained_on["count"] == COUNT
    assert spec.image_threshold > max(spec.left_out.scores)
    assert spec.threshold_rule.alarms == 0
    assert spec.threshold_rule.promise >= least_promise(COUNT)


def test_drop_uses_the_picture_for_nothing_and_the_promise_is_careful(specs, folder):
    spec = specs["drop"]
    assert spec.trained_on["count"] == len(spec.left_out.scores) == COUNT - 1
    assert spec.parameters["bank_pictures"] == COUNT - 1
    assert spec.image_threshold < specs["keep"].image_threshold / 2
    assert spec.threshold_rule.promise > least_promise(COUNT - 1)
    assert "about pictures like the others only" in " ".join(spec.threshold_rule.sentences())
    _, scores = OnnxEngine(folder / "drop.onnx").infer(np.stack([255 - part(ODD)]))
    assert scores[0] >= spec.image_threshold


def test_the_warning_names_the_picture_with_its_score(tmp_path):
    lines: list[str] = []
    handler = logger.add(lambda line: lines.append(str(line)), level="WARNING", format="{message}")
    fit(tmp_path / "e.onnx", scheme=learning.Scheme(folds=3))
    logger.remove(handler)
    (warning,) = (line for line in lines if "stand out" in line)
    assert f"{ODD}.png" in warning
    assert "use the option suspects with keep, otherwise drop" in warning


def test_a_rule_of_the_user_is_used_with_every_policy(tmp_path):
    spec = fit(tmp_path / "e.onnx", suspects="keep", rule=Rule("robust"))
    assert spec.threshold_rule.rule == "robust"
    assert spec.image_threshold < max(spec.left_out.scores)


@pytest.mark.parametrize("policy", ["ask", "keep", "drop"])
def test_choosing_again_follows_the_word_of_the_user(specs, folder, policy):
    path = folder / f"{policy}.onnx"
    again = refit_thresholds(path, specs[policy], default_rule(policy))
    assert again.image_threshold == specs[policy].image_threshold
    for name in ("rule", "false_alarm_rate", "promise", "alarms"):
        assert getattr(again.threshold_rule, name) == getattr(specs[policy].threshold_rule, name)
    assert "1 good picture stands out; " in again.threshold_rule.note
    assert again.rates == specs[policy].rates
    assert again.power == specs[policy].power


def test_an_unknown_policy_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="suspects must be one of ask, keep, drop, not 'maybe'"):
        fit(tmp_path / "e.onnx", suspects="maybe")
