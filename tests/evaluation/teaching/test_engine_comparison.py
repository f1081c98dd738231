"""Stored pictures are judged by an engine and by its candidate."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from engine_parts import part

from engines.spec_fields import RateThresholds
from engines.spec_file import read_engine, read_spec, write_engine
from evaluation.teaching.comparison import (
    EngineComparison,
    StoredPicture,
    compare_engines,
    list_caught,
)
from evaluation.teaching.page import write_page
from evaluation.teaching.wording import describe_changes, describe_promise, plain_comparison
from inspector.core.errors import ConfigError


@pytest.fixture(scope="module")
def comparison(engine_file: Path, tmp_path_factory: pytest.TempPathFactory) -> EngineComparison:
    """The candidate has a lower threshold. Pictures: one of the engine, a new one, a spot that was
    missed, one that is no picture, and one of another shape."""
    folder = tmp_path_factory.mktemp("pictures")
    pictures = []
    for label, pixels, answer in (
        ("known", part(0), None),
        ("new", part(20), "fine"),
        ("spot", part(21, spot=True), "missed"),
        ("square", np.zeros((64, 64, 3), np.uint8), None),
    ):
        path = folder / f"{label}.png"
        assert cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        pictures.append(StoredPicture(path, label, answer))
    (folder / "text.png").write_text("no picture")
    pictures.append(StoredPicture(folder / "text.png", "text"))
    spec, model = read_engine(engine_file)
    probe = compare_engines(engine_file, engine_file, pictures, threads=1)
    new = next(each for each in probe.pictures if each.picture.label == "new")
    candidate = folder / "e.candidate.onnx"
    write_engine(candidate, model, dataclasses.replace(spec, image_threshold=0.9 * new.new))
    return compare_engines(engine_file, candidate, pictures, threads=1)


def test_verdicts_follow_the_thresholds_of_each_file(comparison):
    verdicts = {each.picture.label: comparison.verdicts(each) for each in comparison.pictures}
    assert verdicts == {"known": ("PASS", "PASS"), "new": ("PASS", "FAIL"), "spot": ("FAIL",) * 2}
    assert [each.picture.label for each in comparison.changed] == ["new"]


def test_pictures_that_the_candidate_was_fitted_on_are_not_counted(comparison):
    assert [each.fitted for each in comparison.pictures] == [True, False, False]
    fails = comparison.fails
    assert (fails.frames, fails.pass_to_fail, fails.fail_to_pass) == (2, 1, 0)


def test_pictures_that_cannot_be_judged_are_listed(comparison):
    reasons = dict(comparison.unused)
    assert set(reasons) == {"square", "text"}
    assert "frames of 64x64" in reasons["square"]
    lines = describe_changes(comparison)
    assert sum(line.startswith("not judged: ") for line in lines) == 2


def test_a_missed_defect_says_what_would_find_it(comparison):
    [(scored, text)] = list_caught(comparison)
    assert (scored.picture.label, text) == ("spot", "the candidate finds it")
    strict = dataclasses.replace(comparison.after, image_threshold=2 * scored.new, rates=None)
    [(_, text)] = list_caught(dataclasses.replace(comparison, after=strict))
    assert text.startswith(f"only an image threshold of {scored.new:.4g} or less finds it, lower")


def test_a_defect_that_is_no_longer_found_is_a_warning(comparison):
    warning = "WARNING: 1 known defect that the engine finds would PASS with the candidate"
    assert warning not in describe_changes(comparison)
    limit = 2 * comparison.missed[0].new
    strict = dataclasses.replace(comparison.after, image_threshold=limit)
    assert warning in describe_changes(dataclasses.replace(comparison, after=strict))


def test_a_missed_defect_names_the_rate_whose_threshold_finds_it(comparison):
    scored = comparison.missed[0]
    limits = 1.5 * scored.new, 0.5 * scored.new
    rates = tuple(
        RateThresholds(rate, limit, limit, 0.2, None)
        for rate, limit in zip((0.05, 0.1), limits, strict=True)
    )
    strict = dataclasses.replace(comparison.after, image_threshold=2 * scored.new, rates=rates)
    [(_, text)] = list_caught(dataclasses.replace(comparison, after=strict))
    assert text.endswith(f"; that of the rate 10% does ({limits[1]:.4g})")


def test_the_promise_says_what_so_few_pictures_can_promise(engine_file):
    sentences = describe_promise(read_spec(engine_file))
    assert sentences[-1] == (
        "8 good pictures can promise an average rate of false alarms of 11.1% at best, and with "
        "95 % confidence a limit of 31.2% at best"
    )


def test_plain_values_hold_every_picture(comparison):
    values = plain_comparison(comparison)
    assert values["judged"] == 3
    assert [each["new_verdict"] for each in values["pictures"]] == ["PASS", "FAIL", "FAIL"]
    assert values["missed"][0]["found"] == "the candidate finds it"
    assert len(values["not_judged"]) == 2


def test_the_page_shows_changed_and_missed_pictures(comparison, tmp_path):
    write_page(comparison, tmp_path / "page.html", ["<note>"])
    page = (tmp_path / "page.html").read_text()
    assert page.count("<img") == 2
    assert "&#60;note&#62;" in page
    assert "new: PASS -&#62; FAIL" in page


def test_engines_with_other_inputs_are_not_compared(engine_file, tmp_path):
    spec, model = read_engine(engine_file)
    other = dataclasses.replace(spec.resize, crop=(0.0, 0.0, 0.5, 1.0))
    write_engine(tmp_path / "e.onnx", model, dataclasses.replace(spec, resize=other))
    with pytest.raises(ConfigError, match="takes another input"):
        compare_engines(engine_file, tmp_path / "e.onnx", [], threads=1)
