"""Tests of the search for the shift that breaks an engine first."""

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from plate_dataset import HW, spec, write_class_folder, write_fake_engine

from engines.resize import to_input
from engines.spec import ResizeRule
from evaluation.results import Rate
from inspector.core.errors import DataError
from inspector.core.stage_items import Fault
from inspector.core.types import Cause
from inspector.processing.preprocess import Preprocess
from learning.datasets.layouts import load
from learning.metrics.intervals import clopper_pearson
from studies.shift import robustness, shifted_pictures
from studies.shift.robustness import (
    FALSE_ALARMS,
    MISSES,
    Robustness,
    ShiftResult,
    study_robustness,
)
from studies.shift.robustness_texts import conclusions, table_lines, write_robustness
from studies.shift.shifted_pictures import Level, RobustnessOptions, to_input_scale
from studies.shift.shifts import SHIFTS

OPTIONS = RobustnessOptions(backend="fake")


def study(folder: Path, options: RobustnessOptions = OPTIONS, **changes: object) -> Robustness:
    engine = write_fake_engine(folder.parent / "engine.onnx", **changes)
    (data,) = load(folder, None)
    return study_robustness(engine, data, options, lambda *step: None)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Robustness:
    """The fake engine measures darkness: dark pictures fail, bright defects pass."""
    folder = tmp_path_factory.mktemp("robust") / "plate"
    return study(write_class_folder(folder, good=12, defective=4))


def by_name(result: Robustness, name: str) -> ShiftResult:
    return next(shift for shift in result.shifts if shift.name == name)


def test_every_shift_is_studied_up_to_the_strength_that_breaks_it(result: Robustness) -> None:
    assert [shift.name for shift in result.shifts] == list(SHIFTS)
    assert (result.good, result.defective) == (12, 8)
    assert (result.clean.false_alarms.count, result.clean.misses.count) == (0, 4)
    assert (result.allowed_alarms, result.allowed_misses) == (1, 4 + 1)
    for shift in result.shifts:
        strengths = [level.strength for level in shift.levels]
        assert strengths == list(robustness.STRENGTHS[: len(strengths)])
        exceeds = [level.false_alarms.count > 1 or level.misses.count > 5 for level in shift.levels]
        assert exceeds[:-1] == [False] * (len(exceeds) - 1)
        assert exceeds[-1] == (shift.breaks_at is not None)
        if shift.breaks_at is not None:
            assert shift.breaks_at == strengths[-1]


def test_an_engine_that_measures_darkness_breaks_by_darkness(result: Robustness) -> None:
    for name in ("exposure", "brightness", "vignetting"):
        assert by_name(result, name).cause == FALSE_ALARMS
    for name in ("saturation", "translation"):
        assert by_name(result, name).breaks_at is None
    broken = {s.name: s.breaks_at for s in result.shifts if s.breaks_at is not None}
    assert broken[result.first] == min(broken.values())


def test_misses_break_an_engine_too(tmp_path: Path) -> None:
    """Contrast is lost: holes get as bright as the plate."""
    folder = write_class_folder(tmp_path / "plate", good=12, defective=4)
    options = dataclasses.replace(OPTIONS, false_alarms=1.0, misses=0.0)
    result = study(folder, options, image_threshold=0.52)
    causes = {shift.cause for shift in result.shifts if shift.cause is not None}
    assert causes == {MISSES}


def test_clean_pictures_that_fail_already_are_no_shift(tmp_path: Path) -> None:
    folder = write_class_folder(tmp_path / "plate", good=12, defective=4)
    result = study(folder, image_threshold=0.05)
    assert result.clean.false_alarms.count == 12
    assert result.allowed_alarms == 13
    assert "Without a shift: 12 false alarms in 12 pictures." in "\n".join(conclusions(result))
    assert not any(shift.cause == FALSE_ALARMS for shift in result.shifts)


def test_the_same_seed_gives_the_same_result(tmp_path: Path, result: Robustness) -> None:
    again = study(write_class_folder(tmp_path / "plate", good=12, defective=4))
    assert again.shifts == result.shifts
    assert again.first == result.first


def test_pictures_limit_the_work_and_good_ones_are_needed(tmp_path: Path) -> None:
    folder = write_class_folder(tmp_path / "plate", good=12, defective=4)
    few = study(folder, dataclasses.replace(OPTIONS, pictures=3))
    assert (few.good, few.defective) == (3, 3)
    other = write_class_folder(tmp_path / "b" / "plate", good=0)
    with pytest.raises(DataError, match="no good test pictures"):
        study(other)


def level(strength: float, alarms: int, of: int, refused: int = 0) -> Level:
    rates = [Rate(n, of, n / of, clopper_pearson(n, of)) for n in (alarms, 0, refused)]
    return Level(strength, SHIFTS["defocus"].amount(strength), *rates)


def invented(
    result: Robustness,
    *levels: Level,
    broken: bool = True,
    certain: bool = False,
    at: float | None = None,
) -> Robustness:
    last = levels[-1].strength
    noticed = next((e.strength for e in levels if (e.refused.share or 0) >= 0.5), None)
    noticed = noticed if at is None else at
    shift = ShiftResult(
        *("defocus", "px", "disc with a radius of", levels),
        *(last if broken else None, FALSE_ALARMS if broken else None, certain, noticed),
    )
    first = "defocus" if broken else None
    return dataclasses.replace(result, shifts=(shift,), first=first)


def test_sentences_name_the_first_shift_its_strength_and_interval(result: Robustness) -> None:
    sentences = list(conclusions(invented(result, level(0.5, 0, 12), level(1.0, 4, 12))))
    assert sentences[0] == (
        "The first shift that breaks this engine is defocus: disc with a radius of 1 px "
        "(strength 1). There, 4 of 12 good pictures fail (33.3 %, 95 % interval 9.9 % to 65.1 %). "
        "The limit is 1."
    )
    assert "interval includes the limit" in sentences[1]
    assert any("nobody is warned" in sentence for sentence in sentences)
    seen = list(conclusions(invented(result, level(0.5, 0, 12, 9), level(1.0, 4, 12, 12))))
    assert any("from strength 0.5 on" in sentence for sentence in seen)
    clean = dataclasses.replace(result, clean=level(0.0, 1, 12, 6))
    always = list(conclusions(invented(clean, level(0.5, 0, 12, 9), level(1.0, 4, 12, 12), at=0.0)))
    assert "A run refuses at least half of the pictures also without a shift." in always
    assert "Without a shift: 1 false alarm in 12 pictures. With a shift, 1 may occur." in always
    assert any("Without a shift a run refuses 6 of 12 pictures" in each for each in always)
    safe = list(conclusions(invented(result, level(6.0, 0, 12), broken=False)))
    assert safe[0] == "No shift breaks this engine, up to twice the strength of severe."


def test_the_table_has_the_weakest_shift_first(result: Robustness) -> None:
    lines = table_lines(result)
    assert len(lines) == 1 + len(SHIFTS)
    assert lines[0].startswith("shift ")
    strengths = [by_name(result, line.split()[0]).breaks_at for line in lines[1:]]
    numbers = [99 if strength is None else strength for strength in strengths]
    assert numbers == sorted(numbers)


def test_files_hold_every_level(tmp_path: Path, result: Robustness) -> None:
    write_robustness(tmp_path, result)
    content = json.loads((tmp_path / "robustness.json").read_text())
    assert content["first"] == result.first
    assert content["format"] == 1
    with (tmp_path / "robustness.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(1 + len(shift.levels) for shift in result.shifts)
    assert rows[0]["strength"] == "0.0"
    assert all(row["false_alarms_of"] == "12" for row in rows)


@pytest.mark.parametrize(
    ("hw", "crop", "expected"),
    [
        ((640, 960), (0.0, 0.0, 1.0, 1.0), HW),
        ((640, 960), (0.25, 0.25, 0.75, 0.75), (128, 192)),
        ((32, 48), (0.0, 0.0, 1.0, 1.0), (32, 48)),
    ],
)
def test_pictures_are_shifted_at_the_scale_of_the_input(
    hw: tuple[int, int], crop: tuple[float, ...], expected: tuple[int, int]
) -> None:
    image = np.zeros((*hw, 3), np.uint8)
    assert to_input_scale(image, spec(resize=ResizeRule(HW, crop))).shape[:2] == expected


def test_pictures_at_the_scale_of_the_input_look_to_the_engine_as_before() -> None:
    """Else the engine would see a change of sharpness where there is no shift."""
    random = np.random.default_rng(0)
    image = random.integers(0, 255, (200, 310, 3)).astype(np.uint8)
    rule = ResizeRule(HW)
    scaled = to_input_scale(image, spec(resize=rule))
    assert (to_input(scaled, rule)[0] == to_input(image, rule)[0]).all()


def test_a_run_that_refuses_clean_pictures_does_not_notice_a_shift(
    tmp_path: Path, monkeypatch
) -> None:
    class Refusing(Preprocess):
        def __call__(self, frame):
            fault = Fault("not like the good pictures", Cause.HEALTH)
            return dataclasses.replace(super().__call__(frame), fault=fault)

    monkeypatch.setattr(shifted_pictures, "Preprocess", Refusing)
    refused = study(write_class_folder(tmp_path / "plate"), RobustnessOptions(backend="fake"))
    assert {shift.noticed_at for shift in refused.shifts} == {0.0}
    assert all(line.rstrip().endswith("no shift") for line in table_lines(refused)[1:])
