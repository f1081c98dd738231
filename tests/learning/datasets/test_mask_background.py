"""Masks that are not simply white on black: recognised where it is certain, else refused."""

import re

import cv2
import numpy as np
import pytest
from dataset_trees import encoded, picture

from inspector.core.errors import DataError
from learning.datasets.masks import MaskReader
from learning.datasets.types import Sample

HW = (48, 64)
REGIONS = [(slice(10, 20), slice(8 + 5 * i, 30 + 5 * i)) for i in range(4)]


HEAT = np.outer(np.bartlett(HW[0]), np.bartlett(HW[1]) * 255).astype(np.uint8)
"""A map of values instead of a mask: bright in the middle, black at the border."""


def truth(region):
    mask = np.zeros(HW, bool)
    mask[region] = True
    return mask


def samples(folder, images, suffix=".png"):
    """A defective sample for each mask."""
    made = []
    for number, image in enumerate(images):
        path = picture(folder / f"{number}.png", HW)
        mask = encoded(folder / f"{number}_mask{suffix}", image)
        made.append(Sample(path.name, path, "crack", "test", (mask,)))
    return made


def drawn(region, inside, outside, dtype=np.uint8):
    """A mask with the value or the colour `inside` in the region."""
    values = np.broadcast_to(np.array(outside, dtype), (*HW, *np.shape(outside))).copy()
    values[region] = inside
    return values


def refusal(reader, sample):
    with pytest.raises(DataError) as error:
        reader.read(sample, HW)
    return str(error.value)


@pytest.mark.parametrize(
    ("inside", "outside", "dtype"),
    [
        (255, 0, np.uint8),
        (1, 0, np.uint8),
        (3, 0, np.uint16),
        (65535, 0, np.uint16),
        (0, 255, np.uint8),
        (0, 1, np.uint8),
        (0, 65535, np.uint16),
        (2, 1, np.uint8),
        ((0, 0, 255), (0, 0, 0), np.uint8),
        ((0, 0, 255), (255, 255, 255), np.uint8),
        ((0, 0, 0), (255, 255, 255), np.uint8),
        ((0, 200, 0), (90, 20, 160), np.uint8),
        ((255, 255, 255, 255), (255, 255, 255, 0), np.uint8),
        ((0, 0, 0, 255), (0, 0, 0, 0), np.uint8),
        ((0, 0, 0, 0), (0, 0, 0, 255), np.uint8),
        ((9, 9, 9, 128), (9, 9, 9, 0), np.uint8),
        ((0, 0, 255, 255), (255, 255, 255, 0), np.uint8),
        ((255, 255, 255, 255), (0, 0, 0, 255), np.uint8),
        ((0, 0, 0, 255), (255, 255, 255, 255), np.uint8),
    ],
)
def test_the_defect_is_what_differs_from_the_background(tmp_path, inside, outside, dtype):
    cases = samples(tmp_path, [drawn(region, inside, outside, dtype) for region in REGIONS])
    reader = MaskReader(cases)
    for sample, region in zip(cases, REGIONS, strict=True):
        assert (reader.read(sample, HW) == truth(region)).all()
    inverted = (np.ravel(outside)[:3] != 0).any() and np.size(outside) < 4
    assert any("background of all masks" in note for note in reader.notes) >= inverted


@pytest.mark.parametrize(("inside", "outside"), [(255, 0), (0, 255)])
@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_traces_of_compression_are_no_defect(tmp_path, inside, outside, suffix):
    cases = samples(tmp_path, [drawn(region, inside, outside) for region in REGIONS], suffix)
    reader = MaskReader(cases)
    for sample, region in zip(cases, REGIONS, strict=True):
        assert (reader.read(sample, HW) == truth(region)).mean() > 0.99
    assert any("compressed with losses" in note for note in reader.notes)


def test_a_compressed_mask_that_was_saved_again_without_losses(tmp_path):
    values = cv2.GaussianBlur(drawn(REGIONS[0], 255, 0), (0, 0), 1.5)
    assert np.unique(values).size > 32
    (sample,) = samples(tmp_path, [values])
    assert (MaskReader([sample]).read(sample, HW) == truth(REGIONS[0])).mean() > 0.98


def test_an_inverted_defect_may_touch_the_border_in_a_few_masks(tmp_path):
    regions = [*REGIONS[:2], (slice(0, 30), slice(0, 20)), (slice(20, 48), slice(0, 30))]
    cases = samples(tmp_path, [drawn(region, 0, 255) for region in regions])
    reader = MaskReader(cases)
    for sample, region in zip(cases, regions, strict=True):
        assert (reader.read(sample, HW) == truth(region)).all()


def test_a_class_with_both_kinds_of_masks_refuses_the_inverted_ones(tmp_path):
    images = [drawn(region, 255, 0) for region in REGIONS]
    images[2] = 255 - images[2]
    cases = samples(tmp_path, images)
    reader = MaskReader(cases)
    assert reader.notes == ()
    assert (reader.read(cases[0], HW) == truth(REGIONS[0])).all()
    sentence = refusal(reader, cases[2])
    assert re.search(
        "2_mask.png is refused: its whole border is white, so it may be inver", sentence
    )
    assert "--mask-values any" in sentence


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (drawn(REGIONS[0], 0, 255), "may be inverted"),
        (np.full(HW, 255, np.uint8), "marks 100% of the picture"),
        (drawn(np.s_[:, 61:], 0, 255), "may be inverted"),
        (np.pad(np.zeros((44, 60), np.uint8), 2, constant_values=255), "whole border is marked"),
        (drawn(np.s_[1:47, 1:63], 255, 0), "marks 93% of the picture"),
        (drawn(np.s_[0:40, :], 255, 0), "most of its border, so it may be inverted"),
        (np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1)), "neither black nor white"),
        (HEAT, "many values in between"),
    ],
)
def test_a_single_doubtful_mask_is_refused_by_name(tmp_path, values, reason):
    (sample,) = samples(tmp_path, [values])
    sentence = refusal(MaskReader([sample]), sample)
    assert "0_mask.png" in sentence
    assert reason in sentence


def test_colours_and_alpha_that_disagree_are_refused(tmp_path):
    values = drawn(REGIONS[0], (255, 255, 255, 255), (0, 0, 0, 0))
    values[REGIONS[3]][..., :3] = 200
    (sample,) = samples(tmp_path, [values])
    assert "another drawing than its alpha" in refusal(MaskReader([sample]), sample)


def test_a_photo_with_a_coloured_defect_is_refused(tmp_path):
    noise = np.random.default_rng(0).integers(-30, 30, (*HW, 3))
    images = []
    for region in REGIONS:
        images.append((128 + noise).astype(np.uint8))
        images[-1][region] = (0, 0, 255)
    cases = samples(tmp_path, images)
    assert "neither black nor white, as in a photo" in refusal(MaskReader(cases), cases[0])


def test_soft_masks_of_floats_are_read_in_their_own_range(tmp_path):
    for scale in (1.0, 255.0):
        soft = cv2.GaussianBlur(drawn(REGIONS[0], scale, 0, np.float32), (0, 0), 1.5)
        (sample,) = samples(tmp_path / f"{scale:g}", [soft.astype(np.float32)], ".tiff")
        assert (MaskReader([sample]).read(sample, HW) == truth(REGIONS[0])).mean() > 0.98


def test_small_values_in_a_jpeg_are_refused(tmp_path):
    (sample,) = samples(tmp_path, [drawn(REGIONS[0], 6, 0)], ".jpg")
    assert "compression with losses makes such differences" in refusal(MaskReader([sample]), sample)


def test_an_empty_mask_marks_nothing(tmp_path):
    images = [drawn(region, 0, 255) for region in REGIONS]
    cases = samples(tmp_path, [*images, np.full(HW, 255, np.uint8)])
    assert not MaskReader(cases).read(cases[-1], HW).any()
    (black,) = samples(tmp_path / "black", [np.zeros(HW, np.uint8)])
    assert not MaskReader([black]).read(black, HW).any()


def test_a_black_mask_among_inverted_ones_is_refused(tmp_path):
    images = [drawn(region, 0, 255) for region in REGIONS]
    cases = samples(tmp_path, [*images, np.zeros(HW, np.uint8)])
    assert "marks 100% of the picture" in refusal(MaskReader(cases), cases[-1])


def test_an_explicit_rule_settles_every_doubt(tmp_path):
    (sample,) = samples(tmp_path, [drawn(REGIONS[0], 0, 255)])
    assert (MaskReader([sample], "inverted").read(sample, HW) == truth(REGIONS[0])).all()
    assert (MaskReader([sample], "any").read(sample, HW) == ~truth(REGIONS[0])).all()
    (labels,) = samples(tmp_path / "labels", [drawn(REGIONS[0], 0, 1)])
    assert (MaskReader([labels], "inverted").read(labels, HW) == truth(REGIONS[0])).all()


def test_a_palette_with_white_background(tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    cases = samples(tmp_path, [drawn(region, 1, 0) for region in REGIONS])
    for sample, region in zip(cases, REGIONS, strict=True):
        image = pillow.fromarray(truth(region).astype(np.uint8), mode="P")
        image.putpalette([255, 255, 255, 200, 30, 30])
        image.save(sample.masks[0])
    reader = MaskReader(cases)
    assert (reader.read(cases[1], HW) == truth(REGIONS[1])).all()
    assert "background of all masks is white" in reader.notes[0]


def test_a_turned_mask_is_refused_with_both_sizes(tmp_path):
    (sample,) = samples(tmp_path, [drawn(REGIONS[0], 255, 0).T])
    assert "is 64x48, turned by 90 degrees: save the mask" in refusal(MaskReader([sample]), sample)
