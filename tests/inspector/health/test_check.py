"""Checking frames against the limits of the good pictures, and finding a frozen source."""

import dataclasses
import functools
import itertools
import re
from typing import Any

import cv2
import numpy as np
import pytest

from engines.backends.fake import fake_spec
from engines.picture_statistics import FIGURES, MATCHES
from engines.spec import EngineSpec
from inspector.core.stage_items import HEALTHY, Fault
from inspector.core.types import Cause, Frame
from inspector.health.check import HealthCheck
from inspector.health.conditions import MEANINGS
from inspector.health.drift import FRAMES
from inspector.health.options import HealthOptions
from learning.picture_limits import summarise_pictures
from tests.engines.test_picture_statistics import board, texture

SECOND = 1_000_000_000


def make_spec(pictures: list[np.ndarray]) -> EngineSpec:
    good = summarise_pictures(pictures)
    return dataclasses.replace(fake_spec(), good_pictures=good.statistics, reference_view=good.view)


def textures() -> list[np.ndarray]:
    levels = np.random.default_rng(0).normal(110, 4, 20)
    return [texture(seed, level) for seed, level in enumerate(levels)]


@functools.cache
def texture_spec() -> EngineSpec:
    return make_spec(textures())


def boards() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    noise = (rng.normal(0, 3, (128, 192, 3)) for _ in range(12))
    return [np.clip(board() + part, 0, 255).astype(np.uint8) for part in noise]


def frame(pixels: np.ndarray, number: int = 0, seconds: float = 0.0) -> Frame:
    return Frame(number, "cam", pixels, int(seconds * SECOND), None, "")


def start(spec: EngineSpec, *, live: bool = False, **options: Any) -> tuple[HealthCheck, list[str]]:
    """A check, and a list that gets the condition of every symptom."""
    names: list[str] = []
    health = HealthCheck(
        spec,
        HealthOptions(**options),
        live=live,
        report=lambda _, symptoms: names.extend(s.condition for s in symptoms),
    )
    return health, names


def check(spec: EngineSpec, pixels: np.ndarray, **options: str) -> Fault | None:
    return HealthCheck(spec, HealthOptions(**options), live=False)(frame(pixels), pixels).fault


def covered(pixels: np.ndarray) -> np.ndarray:
    other = pixels.copy()
    other[: other.shape[0] // 2, : other.shape[1] // 2] = 0
    return other


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (np.zeros_like, "darker"),
        (lambda p: np.full_like(p, 255), "brighter"),
        (lambda p: p // 2, "darker"),
        (lambda p: cv2.GaussianBlur(p, (0, 0), 2), "less"),
        (lambda p: np.full_like(p, 110), "less contrast"),
        (lambda p: np.stack([p[..., 0], p[..., 1], p[..., 2] // 2], axis=2), "colour"),
    ],
    ids=["black", "white", "half the light", "blurred", "one colour", "tinted"],
)
def test_a_picture_unlike_the_good_ones_is_a_fault(change, word):
    fault = check(make_spec(textures()), change(texture(99, 110.0)))
    assert fault is not None
    assert fault.cause is Cause.HEALTH
    assert word in fault.error
    assert not fault.unless_failed


def test_a_good_picture_is_no_fault():
    assert check(make_spec(textures()), texture(99, 110.0)) is None


def test_a_covered_part_is_a_fault_unless_the_frame_fails():
    fault = check(make_spec(textures()), covered(texture(99, 125.0)))
    assert fault is not None
    assert "a part of it is darker" in fault.error
    assert fault.unless_failed


def test_a_part_from_elsewhere_is_a_fault_where_the_product_is_always_in_one_place():
    pixels = boards()[0]
    pixels[20:70, 30:90] = boards()[1][60:110, 100:160]
    fault = check(make_spec(boards()), pixels)
    assert fault is not None
    assert "a part of it shows something else" in fault.error
    assert fault.unless_failed


def test_a_moved_camera_is_named_with_its_shift():
    moved = np.roll(boards()[0], 20, axis=1)
    fault = check(make_spec(boards()), moved)
    assert fault is not None
    assert re.search("moved by (19|20|21) px to the right and -?0 px down", fault.error)
    assert not fault.unless_failed


@pytest.mark.parametrize("options", [{"outside": "warn"}, {"black": "warn", "blurred": "warn"}])
def test_warn_judges_the_frame(options):
    black = np.zeros((64, 96, 3), np.uint8)
    health, names = start(make_spec(textures()), **options)
    assert health(frame(black), black).fault is None
    assert names == ["black"]


@pytest.mark.parametrize("options", [{"outside": "ignore"}, {"black": "ignore"}])
def test_ignore_does_not_look_for_a_condition(options):
    black = np.zeros((64, 96, 3), np.uint8)
    health, names = start(make_spec(textures()), **options)
    assert health(frame(black), black) == HEALTHY
    assert names == []


def test_a_condition_can_be_stricter_than_the_others():
    spec, black = make_spec(textures()), np.zeros((64, 96, 3), np.uint8)
    assert check(spec, black, outside="warn", black="error") is not None


@pytest.mark.parametrize(
    ("change", "condition"),
    [
        (np.zeros_like, "black"),
        (lambda p: np.full_like(p, 255), "saturated"),
        (lambda p: cv2.GaussianBlur(p, (0, 0), 2), "blurred"),
        (lambda p: np.full_like(p, 110), "blurred"),
        (lambda p: np.stack([p[..., 0], p[..., 1], p[..., 2] // 2], axis=2), "colour"),
        (covered, "covered"),
    ],
    ids=["black", "white", "blurred", "one colour", "tinted", "covered"],
)
def test_a_sick_camera_has_one_condition(change, condition):
    health, names = start(make_spec(textures()))
    sick = change(texture(99, 110.0))
    health(frame(sick), sick)
    assert set(names) == {condition}


def outside_of(*names: str) -> EngineSpec:
    """An engine for which every picture is below the limit of these figures."""
    spec = texture_spec()
    figures = tuple(
        dataclasses.replace(f, low=999.0 if f.name in names else None, high=None)
        for f in spec.good_pictures.figures
    )
    return dataclasses.replace(
        spec, good_pictures=dataclasses.replace(spec.good_pictures, figures=figures)
    )


@pytest.mark.parametrize(
    ("below", "condition"),
    [
        (("brightness",), "black"),
        (("brightness", "contrast", "sharpness"), "black"),
        (("brightness", "darkest_cell"), "covered"),
        (("brightness", "contrast", "darkest_cell"), "black"),
        (("brightness", "darkest_cell", "brightest_cell"), "black"),
        (("contrast", "sharpness", "flattest_cell"), "blurred"),
        (("darkest_cell",), "covered"),
    ],
)
def test_the_cause_is_named_and_not_its_consequences(below, condition):
    health, names = start(outside_of(*below))
    pixels = textures()[0]
    assert health(frame(pixels), pixels).fault is not None
    assert set(names) == {condition}


def test_no_combination_of_figures_below_their_limits_is_healthy():
    pixels = textures()[0]
    low = [name for name, side in MEANINGS if side < 0 and not name.endswith("match")]
    for count in (1, 2, 3):
        for names in itertools.combinations(low, count):
            assert check(outside_of(*names), pixels) is not None


def test_a_slow_change_lasts_over_odd_frames():
    health, names = start(make_spec(textures()))
    brighter = [texture(200 + seed, 123.0) for seed in range(FRAMES + 1)]
    for number, pixels in enumerate(brighter):
        assert health(frame(pixels, number), pixels).fault is None
    assert names == ["light_drift"] * 2
    black = np.zeros((64, 96, 3), np.uint8)
    fault = health(frame(black, FRAMES + 1), black).fault
    assert fault is not None
    assert "drift" not in fault.error
    assert names[2:] == ["black", "light_drift"]


def test_every_figure_of_a_picture_has_a_meaning():
    assert {name for name, _ in MEANINGS} == {*FIGURES, *MATCHES}


def test_a_camera_that_has_moved_withholds_mm_until_it_is_back_for_ten_frames():
    health = HealthCheck(make_spec(boards()), HealthOptions(), live=False)
    good, moved = boards()[0], np.roll(boards()[0], 20, axis=1)
    for number in range(3):
        result = health(frame(moved, number), moved)
        assert result.no_mm is not None
    results = [health(frame(good, 3 + n), good) for n in range(10)]
    assert [result.no_mm is None for result in results] == [False] * 9 + [True]
    assert [result.fault is None for result in results] == [False] * 9 + [True]
    assert "the camera had moved" in results[0].fault.error


def test_an_odd_frame_withholds_mm_for_this_frame_only():
    health = HealthCheck(make_spec(boards()), HealthOptions(), live=False)
    good, moved = boards()[0], np.roll(boards()[0], 20, axis=1)
    assert health(frame(moved), moved).no_mm is not None
    assert health(frame(good, 1), good) == HEALTHY


def test_pictures_that_do_not_follow_each_other_are_checked_one_by_one():
    good, moved = boards()[0], np.roll(boards()[0], 20, axis=1)
    health = HealthCheck(make_spec(boards()), HealthOptions(), live=False, stream=False)
    for number in range(9):
        assert health(frame(moved, number), moved).fault is not None
    assert health(frame(good, 9), good) == HEALTHY


def test_a_camera_that_may_move_is_judged_without_mm():
    health = HealthCheck(make_spec(boards()), HealthOptions(moved="warn"), live=False)
    moved = np.roll(boards()[0], 20, axis=1)
    result = health(frame(moved), moved)
    assert result.fault is None
    assert result.no_mm is not None


def test_an_engine_of_an_earlier_version_is_checked_by_the_figures_that_it_has():
    """It has no figure `clipped`, and no view of product that moves."""
    spec = texture_spec()
    figures = tuple(f for f in spec.good_pictures.figures if f.name != "clipped")
    old = dataclasses.replace(
        spec,
        good_pictures=dataclasses.replace(spec.good_pictures, figures=figures),
        reference_view=None,
    )
    assert EngineSpec.from_json(old.to_json()) == old
    assert check(old, texture(99, 110.0)) is None
    assert check(old, np.zeros((64, 96, 3), np.uint8)) is not None


def test_an_engine_without_limits_is_a_warning():
    health = HealthCheck(fake_spec(), HealthOptions(), live=False)
    assert "has no limits" in health.warnings[0]
    assert health(frame(textures()[0]), textures()[0]) == HEALTHY


def test_a_live_source_that_does_not_change_is_frozen():
    health, names = start(fake_spec(), live=True, frozen_s=2.0)
    first, second = textures()[:2]
    faults = [health(frame(first, i, i * 0.5), first).fault for i in range(6)]
    assert [fault is None for fault in faults] == [True] * 4 + [False] * 2
    assert faults[4].cause is Cause.STALE
    assert "frozen" in faults[4].error
    assert names == ["frozen"] * 2
    assert health(frame(second, 6, 3.0), second) == HEALTHY
    assert health(frame(second, 7, 4.9), second) == HEALTHY


def test_one_changed_pixel_is_enough():
    health = HealthCheck(fake_spec(), HealthOptions(frozen_s=1.0), live=True)
    for number in range(8):
        pixels = texture(1)
        pixels[33, 50] = number
        assert health(frame(pixels, number, number), pixels) == HEALTHY


def test_a_file_may_show_the_same_picture_for_ever():
    health = HealthCheck(fake_spec(), HealthOptions(), live=False)
    pixels = texture(1)
    assert all(health(frame(pixels, i, i * 100.0), pixels) == HEALTHY for i in range(3))
