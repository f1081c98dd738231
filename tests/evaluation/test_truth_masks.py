"""Masks at map resolution."""

import numpy as np
import pytest
from plate_dataset import spec

from engines.spec import ResizeRule
from evaluation.truth_masks import to_map_resolution

MAP = (4, 6)
"""For frames of 16 x 24: a map pixel is 4 x 4 frame pixels."""


def to_map(
    frame_mask: np.ndarray, rule: str = "nearest", inside: np.ndarray | None = None, **changes
):
    engine_spec = spec(map_hw=MAP, **changes)
    return to_map_resolution(
        frame_mask, engine_spec, rule, np.ones(MAP, bool) if inside is None else inside
    )


def make_frame_mask(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    """boxes: x0, y0, x1, y1."""
    mask = np.zeros((16, 24), bool)
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = True
    return mask


@pytest.mark.parametrize("rule", ["nearest", "half", "any"])
def test_whole_map_pixels_are_the_same_under_every_rule(rule):
    truth = to_map(make_frame_mask((4, 4, 12, 8)), rule)
    assert truth.mask.sum() == 2
    assert truth.mask[1, 1:3].all()
    assert (truth.regions, truth.vanished, truth.outside) == (1, 0, 0)


def test_nearest_takes_the_pixel_at_the_centre():
    assert to_map(make_frame_mask((2, 2, 3, 3))).mask[0, 0]
    assert not to_map(make_frame_mask((0, 0, 2, 2))).mask.any()


def test_half_takes_pixels_that_are_covered_by_one_half():
    assert to_map(make_frame_mask((0, 0, 4, 2)), "half").mask[0, 0]
    assert not to_map(make_frame_mask((0, 0, 4, 1)), "half").mask.any()


def test_any_takes_pixels_that_are_touched():
    assert to_map(make_frame_mask((3, 3, 4, 4)), "any").mask[0, 0]


def test_shares_are_exact_for_fractional_map_pixels():
    mask = np.zeros((5, 6), bool)
    mask[:, :2] = True
    # Six frame pixels become four: a map pixel is 1.5 wide, and a third of the second is covered.
    half = to_map_resolution(mask, spec(map_hw=(5, 4)), "half", np.ones((5, 4), bool)).mask
    touched = to_map_resolution(mask, spec(map_hw=(5, 4)), "any", np.ones((5, 4), bool)).mask
    assert half[0].tolist() == [True, False, False, False]
    assert touched[0].tolist() == [True, True, False, False]


def test_a_frame_smaller_than_the_map_is_enlarged():
    mask = np.array([[True, False]])
    for rule in ("nearest", "half"):
        truth = to_map_resolution(mask, spec(map_hw=(2, 4)), rule, np.ones((2, 4), bool))
        assert truth.mask.tolist() == [[True, True, False, False]] * 2


def test_regions_too_small_for_the_map_are_counted_as_vanished():
    truth = to_map(make_frame_mask((0, 0, 1, 1), (8, 8, 16, 16)))
    assert (truth.regions, truth.vanished, truth.outside) == (2, 1, 0)


def test_regions_without_an_inspected_pixel_are_counted_as_outside():
    inside = np.zeros(MAP, bool)
    inside[:, 3:] = True
    truth = to_map(make_frame_mask((0, 0, 8, 8), (12, 8, 16, 16)), inside=inside)
    assert (truth.regions, truth.vanished, truth.outside) == (2, 0, 1)
    assert truth.mask[0, 0], "the mask itself is not cut by the region of interest"


def test_the_mask_is_cropped_as_the_frame_is():
    rule = ResizeRule((8, 12), crop=(0.5, 0.0, 1.0, 1.0))
    truth = to_map(make_frame_mask((0, 0, 4, 4), (12, 0, 14, 4)), resize=rule)
    assert truth.mask.sum() == 1
    assert truth.mask[0, 0]
    assert (truth.regions, truth.vanished, truth.outside) == (2, 0, 1)
