"""Where synthetic defects lie."""

import cv2
import numpy as np
import pytest

from engines.spec import ResizeRule
from inspector.core.errors import DataError
from learning.methods.glass.training.masks import defect_mask, read_foregrounds, touched_cells
from learning.methods.glass.training.perlin import noise


def rng(seed=0):
    return np.random.default_rng(seed)


def test_noise_is_zero_on_the_lattice_and_within_one_between():
    field = noise((64, 96), (4, 8), rng())
    assert field.shape == (64, 96)
    assert field.dtype == np.float32
    assert np.abs(field[::16, ::12]).max() < 1e-6
    assert 0.3 < np.abs(field).max() <= 1


def test_noise_is_smooth_across_the_borders_of_its_cells():
    field = noise((256, 256), (4, 4), rng())
    assert np.abs(np.diff(field, axis=0)).max() < 0.06
    assert np.abs(np.diff(field, axis=1)).max() < 0.06


def test_noise_equals_the_sum_of_the_four_corners_written_out():
    """The definition, pixel by pixel, with a lattice that does not divide the picture."""
    hw, cells = (10, 13), (3, 4)
    angles = rng(5).uniform(0, 2 * np.pi, (4, 5))
    expected = np.empty(hw)
    for y in range(hw[0]):
        for x in range(hw[1]):
            v, u = y * cells[0] / hw[0], x * cells[1] / hw[1]
            row, column = int(v), int(u)
            v, u = v - row, u - column
            dots = [
                [
                    np.sin(angles[row + a, column + b]) * (v - a)
                    + np.cos(angles[row + a, column + b]) * (u - b)
                    for b in (0, 1)
                ]
                for a in (0, 1)
            ]
            fade = [6 * s**5 - 15 * s**4 + 10 * s**3 for s in (v, u)]
            sides = [first + fade[1] * (second - first) for first, second in dots]
            expected[y, x] = np.sqrt(2) * (sides[0] + fade[0] * (sides[1] - sides[0]))
    np.testing.assert_allclose(noise(hw, cells, rng(5)), expected, atol=1e-6)


@pytest.mark.parametrize(("hw", "grid"), [((64, 96), (8, 12)), ((50, 67), (7, 9))])
def test_a_cell_is_touched_where_any_pixel_of_its_bin_is(hw, grid):
    pixels = rng().random(hw) < 0.01
    cells = touched_cells(pixels, grid)
    assert cells.any()
    assert not cells.all()
    for row in range(grid[0]):
        for column in range(grid[1]):
            top, bottom = row * hw[0] // grid[0], -(-(row + 1) * hw[0] // grid[0])
            left, right = column * hw[1] // grid[1], -(-(column + 1) * hw[1] // grid[1])
            assert cells[row, column] == pixels[top:bottom, left:right].any()


@pytest.mark.parametrize(("hw", "grid"), [((64, 96), (8, 12)), ((61, 83), (8, 11))])
def test_masks_of_a_picture_that_is_not_square_stay_inside_the_foreground(hw, grid):
    foreground = np.zeros(hw, bool)
    foreground[10:50, 20:60] = True
    shares = []
    for seed in range(30):
        mask = defect_mask(foreground, grid, rng(seed))
        assert mask.pixels.any()
        assert not (mask.pixels & ~foreground).any()
        assert np.array_equal(mask.cells, touched_cells(mask.pixels, grid))
        shares.append(mask.pixels.mean())
    assert np.std(shares) > 0.005


def test_the_same_seed_gives_the_same_mask():
    everywhere = np.ones((64, 64), bool)
    first, again, other = (defect_mask(everywhere, (8, 8), rng(s)).pixels for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_an_empty_foreground_is_refused_instead_of_tried_for_ever():
    with pytest.raises(DataError, match="empty"):
        defect_mask(np.zeros((32, 32), bool), (4, 4), rng())


def test_one_pixel_of_foreground_is_enough():
    foreground = np.zeros((32, 32), bool)
    foreground[13, 21] = True
    mask = defect_mask(foreground, (4, 4), rng())
    assert mask.pixels[13, 21]
    assert mask.pixels.sum() == 1


def test_foregrounds_are_read_by_the_name_of_their_picture(tmp_path):
    drawn = np.zeros((40, 60), np.uint8)
    drawn[:, 30:] = 255
    cv2.imwrite(str(tmp_path / "a.png"), drawn)
    foregrounds = read_foregrounds(tmp_path, ["a.jpg", "a.png"], ResizeRule((20, 30)))
    assert foregrounds.shape == (2, 20, 30)
    assert foregrounds[:, :, 16:].all()
    assert not foregrounds[:, :, :14].any()


def test_a_foreground_that_is_missing_or_empty_is_named(tmp_path):
    rule = ResizeRule((20, 30))
    with pytest.raises(DataError, match=r"picture b\.png"):
        read_foregrounds(tmp_path, ["b.png"], rule)
    cv2.imwrite(str(tmp_path / "b.png"), np.zeros((40, 60), np.uint8))
    with pytest.raises(DataError, match=r"b\.png is empty"):
        read_foregrounds(tmp_path, ["b.png"], rule)
    with pytest.raises(DataError, match="does not exist"):
        read_foregrounds(tmp_path / "none", ["b.png"], rule)
