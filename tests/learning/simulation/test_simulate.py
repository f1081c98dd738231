"""Tests of simulated defects on pictures of every sort: where they are, and what they change."""

import cv2
import numpy as np
import pytest

from inspector.core.arrays import Image, Mask
from inspector.core.errors import DataError
from learning.simulation.plans import CONTRASTS, KINDS, DefectPlan, plan_defects, sizes_of
from learning.simulation.simulate import CHANGED, simulate


def surface(height: int, width: int, seed: int = 0) -> Image:
    """A cloudy coloured surface."""
    small = np.random.default_rng(seed).uniform(60, 180, (8, 8, 3)).astype(np.float32)
    smooth = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth, 0, 255).astype(np.uint8)


def disc(side: int) -> tuple[Image, Mask]:
    """A spotted product on a plain background, and where it is."""
    picture = np.full((side, side, 3), 40, np.uint8)
    centre = (side // 2, side // 2)
    cv2.circle(picture, centre, side // 4, (200, 170, 120), -1, cv2.LINE_AA)
    for angle in range(0, 360, 45):
        x, y = (round(side * (0.5 + 0.13 * f(np.radians(angle)))) for f in (np.cos, np.sin))
        cv2.circle(picture, (x, y), side // 40, (90, 60, 40), -1, cv2.LINE_AA)
    rows, columns = np.mgrid[:side, :side]
    return picture, np.hypot(rows - side / 2, columns - side / 2) < side / 4


def plans_of(kind: str) -> list[DefectPlan]:
    return [
        DefectPlan(0, kind, size, contrast, seed)
        for seed, (size, contrast) in enumerate(
            (size, contrast) for size in sizes_of(kind) for contrast in (CONTRASTS[0], CONTRASTS[3])
        )
    ]


GREY = np.repeat(surface(128, 128)[..., :1], 3, axis=2)
PICTURES = {
    "colour": surface(128, 128),
    "black": np.zeros((64, 64, 3), np.uint8),
    "white": np.full((64, 64, 3), 255, np.uint8),
    "flat": np.full((96, 64, 3), 128, np.uint8),
    "tiny": surface(32, 32),
    "grey": GREY,
    "long": surface(256, 628),
    "very long": surface(32, 700),
    "product": disc(128)[0],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PICTURES)
def test_pixels_change_only_in_the_mask(name: str, kind: str) -> None:
    picture = PICTURES[name]
    before = picture.copy()
    for plan in plans_of(kind):
        simulated = simulate(picture, plan, [surface(*picture.shape[:2], seed=1)])
        change = np.abs(simulated.pixels.astype(int) - picture).max(axis=2)
        assert simulated.mask.any()
        assert (simulated.mask == (change > CHANGED)).all()
        assert (change[~simulated.mask] == 0).all()
    assert (picture == before).all()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "displaced"])
def test_grey_pictures_stay_grey(kind: str) -> None:
    for plan in plans_of(kind):
        pixels = simulate(GREY, plan, [GREY]).pixels
        assert (pixels == pixels[..., :1]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_plan_gives_the_same_picture(kind: str) -> None:
    picture = surface(128, 160)
    for plan in plans_of(kind)[::3]:
        first, second = (simulate(picture, plan, [picture[::-1]]) for _ in range(2))
        assert (first.pixels == second.pixels).all()
        other = DefectPlan(0, kind, plan.size, plan.contrast, plan.seed + 1000)
        assert (simulate(picture, other, [picture[::-1]]).pixels != first.pixels).any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_defect_lies_inside_the_region(kind: str) -> None:
    inside = np.zeros((128, 128), bool)
    inside[70:120, 10:60] = True
    for plan in plans_of(kind):
        assert not simulate(PICTURES["colour"], plan, [GREY], inside).mask[~inside].any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_region_of_a_few_pixels_is_enough(kind: str) -> None:
    inside = np.zeros((256, 256), bool)
    inside[100:104, 50:54] = True
    for plan in plans_of(kind)[-2:]:
        assert simulate(surface(256, 256), plan, [surface(256, 256, 1)], inside).mask.any()


def test_an_empty_region_is_refused() -> None:
    plan = DefectPlan(0, "crack", 0.1, 40, 0)
    with pytest.raises(DataError, match="empty"):
        simulate(GREY, plan, [], np.zeros((128, 128), bool))


@pytest.mark.parametrize("kind", KINDS)
def test_a_defect_lies_on_the_product(kind: str) -> None:
    picture, product = disc(256)
    near = cv2.dilate(product.astype(np.uint8), np.ones((25, 25), np.uint8)) > 0
    for plan in plans_of(kind):
        mask = simulate(picture, plan, [picture]).mask
        assert (mask & near).sum() >= 0.8 * mask.sum(), plan


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_shows_the_same_defect_at_every_resolution(kind: str) -> None:
    large = surface(512, 640)
    small = cv2.resize(large, (320, 256), interpolation=cv2.INTER_AREA)
    donors = [surface(512, 640, 1)], [surface(256, 320, 1)]
    for plan in plans_of(kind)[2:]:
        fine, coarse = simulate(large, plan, donors[0]), simulate(small, plan, donors[1])
        expected = cv2.resize(fine.pixels, (320, 256), interpolation=cv2.INTER_AREA).astype(int)
        changed = np.abs(expected - small).max(axis=2)
        difference = np.abs(expected - coarse.pixels).max(axis=2)
        # Rounding to whole grey levels is a large part of the faintest thin lines.
        assert difference.mean() < 0.35 * changed.mean(), plan


@pytest.mark.parametrize("kind", KINDS)
def test_sizes_are_as_planned(kind: str) -> None:
    for size in sizes_of(kind)[2:]:
        plan = DefectPlan(0, kind, size, CONTRASTS[3], 4)
        length = simulate(surface(256, 256), plan, [surface(256, 256, 1)]).length_px
        assert 0.6 * size * 256 <= length <= 1.6 * size * 256 + 8


def test_stronger_contrast_changes_more() -> None:
    for kind in ("scratch", "crack", "stain", "hole", "fibre"):
        levels = []
        for contrast in CONTRASTS:
            plan = DefectPlan(0, kind, 0.1, contrast, 2)
            picture = np.full((256, 256, 3), 128, np.uint8)
            simulated = simulate(picture, plan, []).pixels
            levels.append(int(np.abs(simulated.astype(int) - picture).max()))
        assert levels == sorted(set(levels))
        assert all(
            level <= 1.4 * contrast + 2 for level, contrast in zip(levels, CONTRASTS, strict=True)
        )


def test_a_whole_design_can_be_drawn() -> None:
    pictures = [disc(128)[0], surface(128, 128), GREY]
    for plan in plan_defects(160, 3, 11):
        others = [other for index, other in enumerate(pictures) if index != plan.picture]
        assert simulate(pictures[plan.picture], plan, others).mask.any()
