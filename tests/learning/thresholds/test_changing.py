"""What an engine file stores about its good pictures, and thresholds chosen from it."""

import dataclasses
import json

import numpy as np
import pytest
from engine_parts import fit_parts, part, parts

from engines.backends.onnx import OnnxEngine
from engines.roi import draw_mask
from engines.spec import EngineSpec, Roi, ThresholdRule
from engines.spec_file import read_spec
from inspector.core.errors import ConfigError, SpecError
from learning.backbones.zoo import DEFAULT, resolve
from learning.fitting import fit_engine
from learning.job import FitOptions
from learning.methods.registry import make_method
from learning.thresholds.changing import (
    picture_hash,
    read_left_out,
    record,
    score_with_engine,
    set_by_hand,
)
from learning.thresholds.choosing import choose_thresholds
from learning.thresholds.folds import LeftOut, Scheme, split_folds
from learning.thresholds.rules import Rule

NEW_FIELDS = ("parameters", "scheme", "alarms", "promise", "block_frames", "blocks")


def older(spec: EngineSpec) -> EngineSpec:
    """The spec as the first version of the program wrote it."""
    raw = json.loads(spec.to_json())
    del raw["left_out"]
    for key in NEW_FIELDS:
        del raw["threshold_rule"][key]
    return EngineSpec.from_json(json.dumps(raw))


def test_a_spec_without_the_later_fields_still_opens_and_explains_itself(engine_file):
    spec = older(read_spec(engine_file))
    assert spec.left_out is None
    assert spec.image_threshold == read_spec(engine_file).image_threshold
    assert spec.threshold_rule.blocks is None
    assert "8 good pictures, 8 folds" in spec.threshold_rule.sentences()[0]
    assert EngineSpec.from_json(spec.to_json()) == spec


def test_the_record_survives_json_to_the_last_bit():
    random = np.random.default_rng(0)
    values = random.random((3, 200)).astype(np.float32) * np.float32(1e-3)
    left_out = LeftOut(*values, folds=10, ordered=True)
    bank = random.integers(0, 255, (200, 4, 4, 3)).astype(np.uint8)
    stored = record(left_out, bank)
    again = read_left_out(type(stored)(**json.loads(json.dumps(dataclasses.asdict(stored)))))
    for name in ("scores", "peaks", "levels"):
        assert np.array_equal(getattr(again, name), getattr(left_out, name))
    assert (again.folds, again.scheme, again.ordered) == (10, "k-fold", True)
    assert len(set(stored.bank)) == 200
    assert len(json.dumps(dataclasses.asdict(stored))) < 13_000


@pytest.mark.parametrize("change", [{"scores": []}, {"levels": [0.1]}])
def test_a_record_whose_lengths_differ_is_refused(engine_file, change):
    raw = json.loads(read_spec(engine_file).to_json())
    raw["left_out"] |= change
    with pytest.raises(SpecError, match="left_out must hold as many scores"):
        EngineSpec.from_json(json.dumps(raw))


@pytest.mark.parametrize(
    "rule",
    [
        Rule(),
        Rule("mean_sigma", {"k": 2.0}),
        Rule("percentile", {"q": 90.0}),
        Rule("conformal", {"promise": 1 / 3}),
        Rule("conformal", {"rate": 0.25}),
    ],
)
def test_choosing_again_gives_what_fitting_would_have_chosen(engine_file, tmp_path, rule):
    chosen_at_fitting = fit_parts(tmp_path / "e.onnx", rule=rule).spec
    left_out = read_spec(engine_file).left_out
    assert left_out is not None
    changed = choose_thresholds(
        read_left_out(left_out), rule, note=chosen_at_fitting.threshold_rule.note
    )
    assert changed.image == chosen_at_fitting.image_threshold
    assert changed.pixel == chosen_at_fitting.pixel_threshold
    assert changed.display_range == pytest.approx(chosen_at_fitting.display_range)
    for name in ("rule", "parameters", "false_alarm_rate", "promise", "alarms", "interval"):
        assert getattr(changed.rule, name) == getattr(chosen_at_fitting.threshold_rule, name)


def test_the_record_names_the_pictures_that_the_engine_holds(engine_file):
    left_out = read_spec(engine_file).left_out
    assert left_out is not None
    assert left_out.bank == tuple(picture_hash(part(seed)) for seed in range(8))
    assert picture_hash(part(8)) not in left_out.bank


@pytest.mark.parametrize(
    ("held_out", "names"), [(0.25, None), (("1.png", "5.png"), ["1.png", "5.png"])]
)
def test_pictures_held_out_are_scored_by_the_shipped_model_and_are_not_in_it(
    tmp_path, held_out, names
):
    spec = fit_parts(tmp_path / "e.onnx", scheme=Scheme(held_out=held_out)).spec
    left_out, rule = spec.left_out, spec.threshold_rule
    assert left_out is not None
    assert (rule.scheme, rule.normals, rule.false_alarm_rate) == ("held-out", 2, 1 / 3)
    assert spec.parameters["bank_pictures"] == spec.trained_on["count"] == len(left_out.bank) == 6
    assert spec.trained_on["held_out"] == 2
    outside = [seed for seed in range(8) if picture_hash(part(seed)) not in left_out.bank]
    assert len(outside) == 2
    assert names is None or [f"{seed}.png" for seed in outside] == names
    _, scores = OnnxEngine(tmp_path / "e.onnx").infer(np.stack([part(seed) for seed in outside]))
    assert left_out.scores == pytest.approx(scores, abs=1e-5)


def test_the_requested_number_of_folds_is_used(tmp_path):
    spec = fit_parts(tmp_path / "e.onnx", scheme=Scheme(folds=3)).spec
    assert spec.threshold_rule.folds == 3
    assert spec.threshold_rule.scheme == "3-fold"
    assert spec.trained_on["count"] == 8


def test_a_suspect_that_is_held_out_is_named_and_dropped_only_from_the_scores(tmp_path):
    normals = parts(30)
    pixels = normals.pixels.copy()
    pixels[5] = 255 - pixels[5]
    normals = dataclasses.replace(normals, pixels=pixels)
    recipe = FitOptions(
        "parts",
        make_method("rad", {}),
        resolve(DEFAULT),
        scheme=Scheme(held_out=tuple(f"{seed}.png" for seed in range(12))),
        suspects="drop",
        threads=1,
    )
    spec = fit_engine(normals, recipe, tmp_path / "e.onnx", lambda *_: None).spec
    assert spec.trained_on["suspects"] == ["5.png"]
    assert (spec.trained_on["count"], spec.trained_on["held_out"]) == (18, 11)
    assert spec.threshold_rule.normals == 11
    assert "1 good picture stands out; the user says that" in spec.threshold_rule.note


@pytest.mark.parametrize(
    ("scheme", "message"),
    [
        (lambda: Scheme(folds=1), "folds must be at least 2, not 1"),
        (lambda: Scheme(held_out=1.0), "held_out must lie between 0 and 1"),
        (lambda: Scheme(held_out=float("nan")), "held_out must lie between 0 and 1"),
        (lambda: Scheme(folds=3, held_out=0.5), "folds or held_out, not both"),
        (lambda: Scheme(held_out=0.05), "cannot hold out 0 of 8 good pictures"),
        (lambda: Scheme(held_out=0.95), "two must remain to fit"),
        (lambda: Scheme(held_out=("9.png",)), r"cannot hold out 9\.png: it is not among"),
        (lambda: Scheme(folds=9), "9 folds need as many good pictures, not 8"),
    ],
)
def test_a_scheme_that_leaves_nothing_is_refused(tmp_path, scheme, message):
    with pytest.raises(ConfigError, match=message):
        fit_parts(tmp_path / "e.onnx", scheme=scheme())
    assert list(tmp_path.iterdir()) == []


def test_the_end_of_a_stream_is_held_out_and_pictures_are_drawn():
    names = tuple(map(str, range(20)))
    scheme = Scheme(held_out=0.2)
    assert list(np.flatnonzero(scheme.mark_held_out(names, ordered=True, seed=0))) == [
        16,
        17,
        18,
        19,
    ]
    drawn = scheme.mark_held_out(names, ordered=False, seed=0)
    assert np.count_nonzero(drawn) == 4
    assert not np.array_equal(drawn, scheme.mark_held_out(names, ordered=False, seed=1))


def test_a_number_of_folds_is_kept_for_streams_too():
    assert [len(part) for part in split_folds(7, ordered=True, seed=0, folds=3)] == [3, 2, 2]


def test_f1_max_cannot_be_fitted_from_normal_pictures_alone(tmp_path):
    with pytest.raises(ConfigError, match="f1_max needs defective pictures"):
        fit_parts(tmp_path / "e.onnx", rule=Rule("f1_max"))


def test_other_rules_take_no_anomalous_pictures(engine_file):
    stored = read_spec(engine_file).left_out
    assert stored is not None
    left_out = read_left_out(stored)
    with pytest.raises(ConfigError, match="robust takes no defective pictures"):
        choose_thresholds(left_out, anomalous=left_out)


def test_new_pictures_are_measured_only_inside_the_region(tmp_path):
    left = Roi((64, 96), inspect=(((0.0, 0.0), (50.0, 0.0), (50.0, 64.0), (0.0, 64.0)),))
    fit_parts(tmp_path / "e.onnx", roi=left)
    engine = OnnxEngine(tmp_path / "e.onnx")
    pictures = [part(seed) for seed in range(100, 111)]
    measured = score_with_engine(engine, iter(pictures))
    maps, scores = engine.infer(np.stack(pictures))
    inside = maps[:, draw_mask(left, (64, 96))]
    assert measured.scores == pytest.approx(scores, abs=1e-6)
    assert measured.peaks == pytest.approx(inside.max(axis=1), abs=1e-6)
    assert measured.levels == pytest.approx(np.median(inside, axis=1), abs=1e-6)
    assert measured.scheme == "new pictures"


def test_a_threshold_set_by_hand_says_so_and_counts_the_normals_it_fails(engine_file):
    spec = read_spec(engine_file)
    assert spec.left_out is not None
    middle = float(np.median(spec.left_out.scores))
    rule = set_by_hand(spec, image=middle, pixel=None).threshold_rule
    assert (rule.rule, rule.parameters, rule.alarms) == ("set by hand", {"image": middle}, 4)
    assert rule.false_alarm_rate is None
    assert "pixel threshold kept from: robust" in rule.note


def test_the_colour_scale_follows_a_pixel_threshold_set_by_hand(engine_file):
    spec = read_spec(engine_file)
    changed = set_by_hand(spec, image=None, pixel=0.4)
    low, high = changed.display_range
    assert low == spec.display_range[0]
    assert (0.4 - low) / (high - low) == pytest.approx(0.5)
    assert changed.image_threshold == spec.image_threshold
    assert set_by_hand(spec, image=0.3, pixel=None).display_range == spec.display_range


def test_a_file_without_a_record_can_be_set_by_hand(engine_file):
    rule = set_by_hand(older(read_spec(engine_file)), image=0.3, pixel=0.4).threshold_rule
    assert (rule.normals, rule.alarms, rule.interval) == (0, None, (0.0, 1.0))
    assert rule.sentences()[0] == "set by hand image=0.3 pixel=0.4"


@pytest.mark.parametrize(
    ("promise", "limit"),
    [(0.0298, "2.98% (less than 1 in 33)"), (0.01, "1.00% (1 in 100)"), (0.8, "80.00%")],
)
def test_a_promise_is_written_as_one_in_n_and_never_too_small(promise, limit):
    rule = ThresholdRule("conformal", 0.01, 99, 10, (0, 0.04), promise=promise)
    assert rule.sentences()[-2:] == (
        "average rate: at most 1.00% of new good pictures fail, averaged over many engines made in "
        "this way",
        f"limit with 95 % confidence: at most {limit} of new good pictures fail with this engine "
        "in the long run",
    )
