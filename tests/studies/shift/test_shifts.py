"""Tests of the shifts of pictures and of their table."""

import cv2
import numpy as np
import pytest

from inspector.core.errors import ConfigError
from studies.shift.colours import from_bytes
from studies.shift.shifts import (
    CAMERA,
    CLEAN,
    GROUPS,
    KEPT_SHARE,
    SEVERITIES,
    SHIFTS,
    parts_of,
    shift_picture,
    strength_of,
    transforms,
)

HW = (128, 160)


def scene(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A smooth coloured picture with a dark square, and the mask of the square."""
    values = np.random.default_rng(seed).uniform(90, 160, (8, 10, 3)).astype(np.float32)
    image = cv2.resize(values, HW[::-1], interpolation=cv2.INTER_CUBIC)
    mask = np.zeros(HW, bool)
    mask[50:70, 60:90] = True
    image[mask] = 20
    return np.clip(image, 0, 255).astype(np.uint8), mask


def shifted(transform: str, strength: float, seed: int = 3, name: str = "a.png", **more: bool):
    image, mask = scene()
    return shift_picture(image, mask, transform, strength, seed=seed, name=name, **more)


@pytest.mark.parametrize("transform", transforms())
def test_every_transform_is_the_same_for_the_same_seed_and_name(transform: str) -> None:
    first, again = shifted(transform, 2), shifted(transform, 2)
    assert np.array_equal(first.image, again.image)
    assert first.parameters == again.parameters
    assert not np.array_equal(first.image, shifted(transform, 2, name="b.png").image)
    assert not np.array_equal(first.image, shifted(transform, 2, seed=4).image)


@pytest.mark.parametrize("transform", transforms())
def test_every_transform_changes_more_with_a_higher_severity(transform: str) -> None:
    image, _ = scene()
    changes = []
    for severity in SEVERITIES:
        result = shifted(transform, strength_of(severity), at_limit=True).image
        changes.append(np.abs(result.astype(float) - image).mean())
    assert 0 < changes[0] < changes[1] < changes[2]


@pytest.mark.parametrize("name", SHIFTS)
def test_a_shift_without_strength_changes_nearly_nothing(name: str) -> None:
    image, mask = scene()
    result = shifted(name, 0, at_limit=True)
    limit = 3 if name == "jpeg" else 1
    assert np.abs(result.image.astype(int) - image).mean() < limit
    assert np.array_equal(result.mask, mask)


@pytest.mark.parametrize("name", [n for n, s in SHIFTS.items() if s.alter is not None])
def test_a_shift_of_values_does_not_change_the_mask(name: str) -> None:
    _, mask = scene()
    assert np.array_equal(shifted(name, 3).mask, mask)


@pytest.mark.parametrize("name", [n for n, s in SHIFTS.items() if s.matrix is not None])
def test_the_mask_moves_with_the_picture(name: str) -> None:
    """The defect is the only dark part, so the mask can be seen in the picture."""
    result = shifted(name, 3, at_limit=True)
    dark = result.image.max(axis=2) < 60
    overlap = np.count_nonzero(dark & result.mask) / np.count_nonzero(dark | result.mask)
    assert overlap > 0.9
    assert not np.array_equal(result.mask, scene()[1])


@pytest.mark.parametrize("name", [n for n, s in SHIFTS.items() if s.matrix is not None])
@pytest.mark.parametrize("corner", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_defect_in_a_corner_does_not_leave_the_picture(
    name: str, corner: tuple[int, int]
) -> None:
    image, _ = scene()
    mask = np.zeros(HW, bool)
    mask[corner[0] * (HW[0] - 4) :, corner[1] * (HW[1] - 4) :][:4, :4] = True
    for number in range(10):
        result = shift_picture(image, mask, name, 3, seed=1, name=f"{number}", at_limit=True)
        assert np.count_nonzero(result.mask) >= KEPT_SHARE * np.count_nonzero(mask)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_drawn_values_lie_within_their_limits_and_use_them(severity: str) -> None:
    strength = strength_of(severity)
    image, _ = scene()
    degrees, factors, sigmas, kernels = [], [], [], []
    for number in range(60):
        drawn = shift_picture(
            image, None, "together", strength, seed=0, name=f"{number}"
        ).parameters
        degrees.append(drawn["rotation"]["degrees"])
        factors.append(drawn["brightness"]["factor"])
        sigmas.append(drawn["noise"]["sigma"])
        kernels.append(drawn["blur"]["kernel_px"])
    turn, light = SHIFTS["rotation"].amount(strength), SHIFTS["brightness"].amount(strength)
    assert 0.8 * turn < max(map(abs, degrees)) <= turn <= 10
    assert 0.8 * light < max(abs(f - 1) for f in factors) <= light <= 0.3 + 1e-9
    assert min(sigmas) >= 0.01
    assert max(sigmas) <= 0.05
    assert min(kernels) >= 3
    assert max(kernels) <= 5


def test_amounts_rise_beyond_severe_up_to_their_largest_value() -> None:
    for shift in SHIFTS.values():
        amounts = [shift.amount(strength) for strength in (0, 0.5, 1, 2, 3, 4, 6, 30)]
        assert amounts == sorted(amounts)
        assert amounts[0] == 0
        assert amounts[-1] <= shift.largest
    assert SHIFTS["rotation"].amount(1.5) == pytest.approx(4.5)
    assert SHIFTS["rotation"].amount(6) == pytest.approx(20)


def test_groups_hold_no_camera_shift() -> None:
    assert set(GROUPS["together"]) == {*GROUPS["geometric"], *GROUPS["photometric"]}
    assert all(SHIFTS[name].group != CAMERA for name in GROUPS["together"])
    assert parts_of(CLEAN) == ()
    assert parts_of("jpeg") == ("jpeg",)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ConfigError, match="transform 'fog' is unknown"):
        parts_of("fog")
    with pytest.raises(ConfigError, match="severity 'hard' is unknown"):
        strength_of("hard")


def test_a_shift_of_pixels_grows_with_the_picture() -> None:
    """A blur is as strong on a picture of twice the size."""
    small, _ = scene()
    large = cv2.resize(small, (2 * HW[1], 2 * HW[0]), interpolation=cv2.INTER_CUBIC)
    for name in ("defocus", "motion_blur", "blur"):
        on_small = shift_picture(small, None, name, 20, seed=0, name="a", at_limit=True).image
        on_large = shift_picture(large, None, name, 20, seed=0, name="a", at_limit=True).image
        reduced = cv2.resize(on_large, HW[::-1], interpolation=cv2.INTER_AREA)
        change = np.abs(on_small.astype(float) - small).mean()
        assert np.abs(on_small.astype(float) - reduced).mean() < 0.35 * change


def test_noise_has_the_stated_sigma() -> None:
    grey = np.full((200, 200, 3), 128, np.uint8)
    result = shift_picture(grey, None, "noise", 3, seed=0, name="a", at_limit=True)
    assert from_bytes(result.image).std() == pytest.approx(0.05, rel=0.03)


def test_rotation_turns_by_the_stated_angle() -> None:
    image = np.zeros((201, 201, 3), np.uint8)
    image[100, 100:200] = 255
    result = shift_picture(image, None, "rotation", 3, seed=0, name="a", at_limit=True)
    y, x = np.nonzero(result.image[:, :, 0] > 100)
    far = np.argmax(np.hypot(x - 100, y - 100) * (np.hypot(x - 100, y - 100) < 95))
    angle = np.degrees(np.arctan2(-(y[far] - 100), x[far] - 100))
    assert angle == pytest.approx(result.parameters["rotation"]["degrees"], abs=1)
