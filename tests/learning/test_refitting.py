"""A refitted engine equals one that was fitted from all pictures at once."""

import dataclasses
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from engine_parts import HW, part, parts

from engines.engine_changes import REFIT, accept_candidate
from engines.spec import EngineSpec
from engines.spec_fields import Foreground
from engines.spec_file import file_hash, read_engine, read_spec, write_engine
from inspector.core.errors import ConfigError, DataError, SpecError
from learning.backbones.zoo import DEFAULT, resolve
from learning.finishing import make_engine
from learning.fit_record import fit_record_path, read_fit_record
from learning.fitting import fit_engine
from learning.job import FitOptions, MakeOptions
from learning.methods.rad.method import Rad
from learning.methods.registry import make_method
from learning.refitting import Candidate, RefitOptions, refit_engine
from learning.stored_pictures import pictures_folder
from learning.thresholds.changing import set_by_hand
from learning.thresholds.folds import Scheme
from learning.thresholds.rules import Rule

NOT_COMPARED = ("created_utc", "parity", "power", "rates", "trained_on")


def fit(out: Path, count: int, method: str = "rad", **changes: Any) -> Path:
    """Fits the first `count` parts."""
    made = make_method(method, changes.pop("options", {}))
    changes = {"teachable": True} | changes
    options = FitOptions("parts", made, resolve(DEFAULT), threads=1, **changes)
    normals = dataclasses.replace(parts(count), bit_depth=8)
    fit_engine(normals, options, out, lambda *_: None)
    return out


def write(folder: Path, seed: int, *, spot: bool = False) -> Path:
    """A picture file of the part."""
    path = folder / f"{seed}.png"
    folder.mkdir(exist_ok=True)
    assert cv2.imwrite(str(path), cv2.cvtColor(part(seed, spot=spot), cv2.COLOR_RGB2BGR))
    return path


def refit(engine: Path, *pictures: Path, **changes: Any) -> Candidate:
    missed = changes.pop("missed", ())
    options = RefitOptions(threads=1, **changes)
    return refit_engine(engine, pictures, lambda *_: None, missed=missed, options=options)


def compared(spec: EngineSpec) -> dict[str, Any]:
    values = dataclasses.asdict(spec)
    rule = values["threshold_rule"]
    rule["note"] = rule["note"].replace("; held out: drawn at random", "")
    trained = {key: value for key, value in spec.trained_on.items() if key != REFIT}
    return {name: values[name] for name in values if name not in NOT_COMPARED} | trained


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight parts, with their pictures. Tests do not change it."""
    return fit(tmp_path_factory.mktemp("engine") / "parts.onnx", 8)


@pytest.mark.parametrize(
    ("count", "changes"),
    [
        (8, {}),
        (4, {}),
        (5, {}),
        (20, {}),
        (8, {"options": {"precision": "float16"}}),
        (8, {"options": {"radius": None, "coreset": 100}}),
        (8, {"options": {"top_k": 3}}),
        (8, {"method": "patchcore"}),
        (8, {"method": "whitened"}),
        (8, {"method": "padim"}),
        (8, {"scheme": Scheme(held_out=("2.png", "5.png"))}),
        (8, {"scheme": Scheme(folds=3)}),
        (8, {"rule": Rule("mean_sigma", {"k": 2.5}), "suspects": "keep", "seed": 4, "sigma": 2.0}),
        (4, {"augment": "none"}),
    ],
    ids=str,
)
def test_the_candidate_equals_a_fit_from_scratch(tmp_path, count, changes):
    """The hash of the graph covers the bank, so every verdict is the same."""
    engine = fit(tmp_path / "parts.onnx", count, **changes)
    candidate = refit(engine, write(tmp_path / "new", count))
    scratch = read_spec(fit(tmp_path / "scratch.onnx", count + 1, **changes))
    after = candidate.result.spec
    assert candidate.added == (f"{count}.png",)
    assert after.graph_hash == scratch.graph_hash
    assert compared(after) == compared(scratch)


def test_a_full_refit_also_has_the_simulated_defects_of_a_fit(engine, tmp_path):
    after = refit(engine, write(tmp_path, 8), full=True).result.spec
    scratch = read_spec(fit(tmp_path / "scratch.onnx", 9))
    assert after.power == scratch.power
    assert after.rates == scratch.rates
    assert after.parity == scratch.parity


def test_refits_one_after_the_other_equal_one_refit_with_all(tmp_path):
    engine = fit(tmp_path / "parts.onnx", 6)
    new = [write(tmp_path / "new", seed) for seed in (6, 7)]
    all_at_once = refit(engine, *new).result.spec
    for path in new:
        accept_candidate(engine, refit(engine, path).result.path, "Ann", "good")
    assert read_spec(engine).graph_hash == all_at_once.graph_hash
    assert compared(read_spec(engine)) == compared(all_at_once)


def test_the_candidate_says_from_which_file_it_was_made(engine, tmp_path):
    spec = refit(engine, write(tmp_path, 8)).result.spec
    assert spec.trained_on[REFIT] == {
        "engine_sha256": file_hash(engine),
        "added": ["8.png"],
        "removed": [],
    }


def test_the_short_check_and_what_it_leaves_out_are_stated(engine, tmp_path):
    candidate = refit(engine, write(tmp_path, 8))
    assert candidate.result.spec.parity["pictures"] == 3
    assert candidate.result.spec.power is None
    assert "no defects were simulated" in candidate.notes[0]


def test_without_stored_pictures_the_old_ones_must_be_named(tmp_path):
    engine = fit(tmp_path / "parts.onnx", 6, teachable=False)
    assert not pictures_folder(engine).exists()
    new = write(tmp_path / "new", 6)
    with pytest.raises(DataError, match=r"6 of the 6 good pictures .* are neither stored"):
        refit(engine, new)
    old = [write(tmp_path / "old", seed) for seed in range(6)]
    candidate = refit(engine, *old, new)
    assert candidate.added == ("6.png",)
    assert len(list(pictures_folder(engine).iterdir())) == 7
    again = refit(engine, new)
    assert again.result.spec.graph_hash == candidate.result.spec.graph_hash


def test_a_missed_defect_never_enters_the_engine(engine, tmp_path):
    defect = write(tmp_path, 30, spot=True)
    with pytest.raises(DataError, match="answered as missed"):
        refit(engine, defect, missed=[defect])


def test_a_good_picture_that_turns_out_to_be_a_defect_is_removed(tmp_path):
    engine = fit(tmp_path / "parts.onnx", 7)
    candidate = refit(engine, missed=[write(tmp_path, 6)])
    assert (candidate.added, candidate.removed) == ((), ("6.png",))
    scratch = read_spec(fit(tmp_path / "scratch.onnx", 6))
    assert candidate.result.spec.graph_hash == scratch.graph_hash


def test_a_picture_that_shows_the_same_or_nothing_is_not_added(engine, tmp_path):
    dark = tmp_path / "dark.png"
    assert cv2.imwrite(str(dark), np.zeros((*HW, 3), np.uint8))
    copy = write(tmp_path, 8)
    twin = tmp_path / "twin.png"
    twin.write_bytes(copy.read_bytes())
    candidate = refit(engine, copy, twin, dark)
    assert candidate.added == ("8.png",)
    assert candidate.left_out == (("dark.png", "it shows one brightness or colour only"),)
    with pytest.raises(DataError, match=r"nothing to refit: .*dark\.png"):
        refit(engine, dark)
    with pytest.raises(DataError, match=r"nothing to refit: no new good picture$"):
        refit(engine, write(tmp_path, 3))


def test_a_picture_of_another_shape_is_refused(engine, tmp_path):
    square = tmp_path / "square.png"
    assert cv2.imwrite(str(square), np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(DataError, match=r"square\.png cannot be added: frames of 64x64"):
        refit(engine, square)


def test_a_stored_picture_that_was_changed_is_refused(tmp_path):
    engine = fit(tmp_path / "parts.onnx", 6)
    first, second = sorted(pictures_folder(engine).iterdir())[:2]
    content = second.read_bytes()
    second.write_bytes(first.read_bytes())
    with pytest.raises(DataError, match="was changed"):
        refit(engine, write(tmp_path, 6))
    second.write_bytes(content[:-5])
    with pytest.raises(DataError, match="complete PNG"):
        refit(engine, write(tmp_path, 6))


def test_thresholds_that_were_set_by_hand_are_chosen_by_the_rule_of_the_fit(engine, tmp_path):
    by_hand = tmp_path / "hand.onnx"
    spec, model = read_engine(engine)
    write_engine(by_hand, model, set_by_hand(spec, image=0.9, pixel=None))
    fit_record_path(by_hand).write_bytes(fit_record_path(engine).read_bytes())
    pictures = [write(tmp_path / "all", seed) for seed in range(9)]
    candidate = refit(by_hand, *pictures)
    assert candidate.result.spec.threshold_rule.rule == "robust"
    assert candidate.result.spec.image_threshold < 0.9
    assert any("set by hand" in note for note in candidate.notes)


def test_an_engine_without_its_record_cannot_be_refitted(engine, tmp_path):
    lonely = tmp_path / "lonely.onnx"
    lonely.write_bytes(engine.read_bytes())
    with pytest.raises(SpecError, match="fit the engine again"):
        refit(lonely, write(tmp_path, 8))


def test_another_backbone_is_refused(engine, tmp_path):
    record = fit_record_path(engine).read_text()
    other = tmp_path / "parts.onnx"
    other.write_bytes(engine.read_bytes())
    sha256 = read_fit_record(fit_record_path(engine), read_spec(engine)).features.backbone_sha256
    fit_record_path(other).write_text(record.replace(sha256, "0" * 64))
    with pytest.raises(ConfigError, match="is not the backbone"):
        refit(other, write(tmp_path, 8))


def test_engines_whose_pictures_are_not_all_known_are_refused(engine, tmp_path):
    spec, model = read_engine(engine)
    changed = {
        "foreground": dataclasses.replace(spec, foreground=Foreground("border", 0.5)),
        "defects": dataclasses.replace(
            spec, threshold_rule=dataclasses.replace(spec.threshold_rule, rule="f1_max")
        ),
    }
    for word, after in changed.items():
        path = tmp_path / f"{word}.onnx"
        write_engine(path, model, after)
        fit_record_path(path).write_bytes(fit_record_path(engine).read_bytes())
        with pytest.raises(ConfigError, match=word):
            refit(path, write(tmp_path, 8))
    imported = tmp_path / "imported.onnx"
    bank = Rad().fit({"stride8": np.ones((1, 40, 8, 12), np.float32)}, 0)
    options = MakeOptions("imported", Rad(layers=("stride8",)), resolve(DEFAULT), threads=1)
    make_engine(bank, parts(8), options, imported, lambda *_: None)
    with pytest.raises(ConfigError, match="was imported"):
        refit(imported, write(tmp_path, 8))
