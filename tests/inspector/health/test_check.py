"""Checking frames against the limits of the good pictures, and finding a frozen source."""

import dataclasses
import io
import re
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from loguru import logger

from engines.backends.fake import fake_spec
from engines.spec import EngineSpec
from inspector.core.stage_items import Fault
from inspector.core.types import Cause, Frame
from inspector.health.check import HealthCheck
from inspector.health.options import HealthOptions
from learning.picture_limits import summarise_pictures
from tests.engines.test_picture_statistics import board, texture

SECOND = 1_000_000_000


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    text = io.StringIO()
    number = logger.add(text, format="{message}")
    yield text
    logger.remove(number)


def make_spec(pictures: list[np.ndarray]) -> EngineSpec:
    good = summarise_pictures(pictures)
    return dataclasses.replace(fake_spec(), good_pictures=good.statistics, reference_view=good.view)


def textures() -> list[np.ndarray]:
    levels = np.random.default_rng(0).normal(110, 4, 20)
    return [texture(seed, level) for seed, level in enumerate(levels)]


def boards() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    noise = (rng.normal(0, 3, (128, 192, 3)) for _ in range(12))
    return [np.clip(board() + part, 0, 255).astype(np.uint8) for part in noise]


def frame(pixels: np.ndarray, number: int = 0, seconds: float = 0.0) -> Frame:
    return Frame(number, "cam", pixels, int(seconds * SECOND), None, "")


def check(spec: EngineSpec, pixels: np.ndarray, **options: str) -> Fault | None:
    return HealthCheck(spec, HealthOptions(**options), live=False)(frame(pixels), pixels)


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


def test_warn_judges_the_frame_and_ignore_does_not_measure(logged):
    spec, black = make_spec(textures()), np.zeros((64, 96, 3), np.uint8)
    assert check(spec, black, outside="warn") is None
    assert "darker" in logged.getvalue()
    lines = logged.getvalue()
    assert check(spec, black, outside="ignore") is None
    assert logged.getvalue() == lines


def test_the_log_gets_one_line_at_the_begin_and_one_at_the_end(logged):
    health = HealthCheck(make_spec(textures()), HealthOptions(), live=False)
    black = np.zeros((64, 96, 3), np.uint8)
    for number, pixels in enumerate([textures()[0], black, black, black, textures()[1]]):
        health(frame(pixels, number), pixels)
    lines = logged.getvalue().strip().splitlines()
    assert len(lines) == 2
    assert "frame 1" in lines[0]
    assert "frame 4" in lines[1]


def test_an_engine_without_limits_is_a_warning():
    health = HealthCheck(fake_spec(), HealthOptions(), live=False)
    assert "has no limits" in health.warnings[0]
    assert health(frame(textures()[0]), textures()[0]) is None


def test_a_live_source_that_does_not_change_is_frozen():
    health = HealthCheck(fake_spec(), HealthOptions(frozen_s=2.0), live=True)
    first, second = textures()[:2]
    faults = [health(frame(first, i, i * 0.5), first) for i in range(6)]
    assert [fault is None for fault in faults] == [True] * 4 + [False] * 2
    assert faults[4].cause is Cause.STALE
    assert "frozen" in faults[4].error
    assert health(frame(second, 6, 3.0), second) is None
    assert health(frame(second, 7, 4.9), second) is None


def test_one_changed_pixel_is_enough():
    health = HealthCheck(fake_spec(), HealthOptions(frozen_s=1.0), live=True)
    for number in range(8):
        pixels = texture(1)
        pixels[33, 50] = number
        assert health(frame(pixels, number, number), pixels) is None


def test_a_file_may_show_the_same_picture_for_ever():
    health = HealthCheck(fake_spec(), HealthOptions(), live=False)
    pixels = texture(1)
    assert all(health(frame(pixels, i, i * 100.0), pixels) is None for i in range(3))
