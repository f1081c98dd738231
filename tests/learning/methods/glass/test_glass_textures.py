"""What synthetic defects look like."""

import cv2
import numpy as np
import pytest

from inspector.core.errors import DataError
from learning.methods.glass.training import augment, procedural
from learning.methods.glass.training.las import Synthesis, blend
from learning.methods.glass.training.textures import BuiltInTextures, FolderTextures, draw

HW = (48, 64)


def rng(seed=0):
    return np.random.default_rng(seed)


def colours(hw=HW):
    return rng(3).integers(0, 256, (*hw, 3)).astype(np.uint8)


@pytest.mark.parametrize("kind", range(len(procedural.PATTERNS)))
def test_every_pattern_fills_the_picture_and_follows_its_seed(kind):
    made = [procedural.texture(kind, HW, rng(seed)) for seed in (1, 1, 2)]
    assert made[0].shape == (*HW, 3)
    assert made[0].dtype == np.uint8
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])
    assert np.mean([procedural.texture(kind, HW, rng(s)).std() for s in range(8)]) > 10


def test_the_built_in_bank_is_varied_and_the_same_for_the_same_seed():
    bank, again, other = BuiltInTextures(4), BuiltInTextures(4), BuiltInTextures(5)
    drawn = np.stack([bank.picture(index, HW) for index in range(40)]).astype(float)
    assert np.array_equal(bank.picture(7, HW), again.picture(7, HW))
    assert not np.array_equal(bank.picture(7, HW), other.picture(7, HW))
    assert drawn.mean(axis=(1, 2)).std(axis=0).min() > 25


def test_a_folder_of_textures_is_searched_below_and_covers_the_input(tmp_path):
    (tmp_path / "banded").mkdir()
    cv2.imwrite(str(tmp_path / "banded" / "a.jpg"), np.full((100, 40, 3), (10, 20, 200), np.uint8))
    textures = FolderTextures(tmp_path)
    assert len(textures) == 1
    picture = textures.picture(0, HW)
    assert picture.shape == (160, 64, 3)
    assert picture[0, 0, 0] > 190 > 30 > picture[0, 0, 2]
    assert draw(textures, HW, rng()).shape == (*HW, 3)


def test_a_texture_that_cannot_be_read_is_skipped(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    cv2.imwrite(str(tmp_path / "b.png"), colours())
    textures = FolderTextures(tmp_path)
    assert np.array_equal(textures.picture(0, HW), textures.picture(1, HW))


def test_a_texture_folder_that_is_missing_empty_or_broken_is_named(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        FolderTextures(tmp_path / "none")
    with pytest.raises(DataError, match="holds no pictures"):
        FolderTextures(tmp_path)
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="can be read"):
        FolderTextures(tmp_path).picture(0, HW)


@pytest.mark.parametrize("change", augment.CHANGES, ids=lambda change: change.__name__)
def test_every_change_keeps_the_shape_and_changes_the_picture(change):
    picture = colours() // 2 + 20
    changed = change(picture, rng(0))
    assert changed.shape == picture.shape
    assert changed.dtype == np.uint8
    assert not np.array_equal(changed, picture)


@pytest.mark.parametrize("change", augment.CHANGES, ids=lambda change: change.__name__)
def test_every_change_takes_a_picture_of_one_level(change):
    changed = change(np.full((8, 9, 3), 77, np.uint8), rng(1))
    assert changed.shape == (8, 9, 3)


def test_stretching_reaches_both_ends_of_every_channel():
    stretched = augment._stretch(colours() // 3 + 40, rng())
    assert (stretched.min(axis=(0, 1)) == 0).all()
    assert (stretched.max(axis=(0, 1)) == 255).all()


def test_three_different_changes_are_made(monkeypatch):
    made = []
    marked = [lambda image, _, i=i: (made.append(i), image)[1] for i in range(9)]
    monkeypatch.setattr(augment, "CHANGES", marked)
    for seed in range(40):
        made.clear()
        augment.augment_texture(colours(), rng(seed))
        assert len(set(made)) == 3
    assert len(augment.CHANGES) == 9


def test_blending_mixes_only_inside_the_mask():
    picture, texture = np.full((4, 4, 3), 100, np.uint8), np.full((4, 4, 3), 200, np.uint8)
    mask = np.zeros((4, 4), bool)
    mask[1, 2] = True
    mixed = blend(picture, texture, mask, 0.3)
    assert (mixed[1, 2] == 170).all()
    mixed[1, 2] = 100
    assert np.array_equal(mixed, picture)


def test_a_defect_changes_the_picture_only_inside_its_mask():
    picture = colours()
    made = Synthesis(BuiltInTextures()).defect(picture, None, (6, 8), rng(2))
    changed = (made.pixels != picture).any(axis=2)
    assert changed.any()
    assert not (changed & ~made.mask.pixels).any()
    assert made.mask.cells.shape == (6, 8)
