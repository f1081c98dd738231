"""Finding the foreground: rendered product with exact masks, and what must be refused."""

import cv2
import numpy as np
import pytest
from foreground_scenes import HW, belt, empty_scene, moving, normals, scene, write

from engines import png
from engines.roi import draw_mask
from engines.spec import ResizeRule, Roi
from inspector.core.errors import DataError
from learning.foreground.finding import AUTO, find_foreground
from learning.foreground.fixed import region_of_mask
from learning.thresholds.folds import Scheme


def compare(learned, pixels, truth) -> tuple[float, float]:
    """Share of the product that is judged, and share of the picture that is judged."""
    shown = learned.masks(pixels[None])[0] > 0.99
    return float(shown[truth].mean()), float(shown.mean())


@pytest.mark.parametrize("source", [AUTO, "scene"])
def test_all_of_a_moving_product_is_judged_and_little_else(source, tmp_path):
    source = source if source == AUTO else empty_scene(tmp_path / "empty")
    learned, shown = find_foreground(moving(16), source)
    assert len(shown.names) == 16
    assert learned.model is not None
    assert learned.spec.mask is None
    for seed in range(100, 110):
        pixels, truth = scene(seed)
        product, area = compare(learned, pixels, truth)
        assert product == 1
        assert area < 2.5 * truth.mean()
    assert learned.spec.share == pytest.approx(learned.masks(shown.pixels).mean(), abs=0.03)


def test_a_defect_of_the_colour_of_the_belt_stays_in_the_mask():
    learned, _ = find_foreground(moving(16), AUTO)
    for spot in ((0, 0), (10, -8), (21, 0), (0, 25)):
        pixels, truth = scene(200, spot=spot)
        assert compare(learned, pixels, truth)[0] == 1


def test_a_piece_that_broke_off_is_judged():
    learned, _ = find_foreground(moving(16), AUTO)
    pixels, _ = scene(201, centre=(45, 45))
    piece = cv2.circle(np.zeros(HW, np.uint8), (130, 100), 6, 1, -1) > 0
    pixels[piece] = (180, 150, 110)
    assert compare(learned, pixels, piece)[0] == 1


def test_a_speck_on_the_belt_is_not_judged():
    learned, _ = find_foreground(moving(16), AUTO)
    pixels, _ = scene(202, centre=(45, 45))
    pixels[110, 140] += 50
    assert (learned.masks(pixels[None])[0, 106:113, 138:145] == 0).all()


def test_another_light_makes_the_mask_larger_and_never_smaller(tmp_path):
    learned, _ = find_foreground(moving(16), empty_scene(tmp_path / "empty"))
    for light in (-15, 15):
        pixels, truth = scene(203, light=light)
        product, area = compare(learned, pixels, truth)
        assert product == 1
        assert area < 2.5 * truth.mean()
    pixels, truth = scene(203, light=60)
    assert compare(learned, pixels, truth)[0] == 1


def test_a_product_in_one_place_gives_a_region_of_interest():
    pictures = [scene(seed, centre=(80 + seed % 2, 64))[0] for seed in range(12)]
    learned, _ = find_foreground(normals(pictures), AUTO)
    assert learned.model is None
    assert learned.fixed is not None
    assert learned.roi is not None
    _, truth = scene(0, centre=(80, 64))
    region = draw_mask(learned.roi, HW)
    assert region[truth].all()
    assert region.mean() < 2.5 * truth.mean()
    stored = png.decode(learned.spec.mask, learned.spec.hw, 1, "the mask") > 0
    np.testing.assert_array_equal(stored, learned.fixed)
    np.testing.assert_array_equal(learned.masks(pictures[0][None])[0] > 0, learned.fixed)


def test_a_product_that_fills_an_edge_is_judged_up_to_the_edge(tmp_path):
    pictures = []
    for seed in range(12):
        picture = belt(seed)
        picture[:, 60:100] += (110, 80, 40)
        pictures.append(picture.clip(0, 255).astype(np.uint8))
    learned, _ = find_foreground(normals(pictures), empty_scene(tmp_path))
    assert learned.roi is not None
    assert draw_mask(learned.roi, HW)[:, 60:100].all()


def test_the_region_of_the_user_is_never_exceeded():
    polygon = ((20.0, 20.0), (140.0, 20.0), (140.0, 66.0), (20.0, 66.0))
    hole = ((70.0, 30.0), (90.0, 30.0), (90.0, 40.0), (70.0, 40.0))
    user = Roi(HW, (polygon,), (hole,))
    pictures = [scene(seed, centre=(80, 64))[0] for seed in range(12)]
    learned, _ = find_foreground(normals(pictures), AUTO, user)
    assert learned.roi is not None
    region = draw_mask(learned.roi, HW)
    assert region.any()
    assert not (region & ~draw_mask(user, HW)).any()


def test_a_region_that_is_too_small_is_refused():
    tiny = Roi(HW, (((20.0, 20.0), (26.0, 20.0), (26.0, 26.0), (20.0, 26.0)),))
    with pytest.raises(DataError, match="the region of interest is too small"):
        find_foreground(moving(8), AUTO, tiny)


def test_few_pictures_do_not_prove_that_the_product_is_in_one_place():
    pictures = [scene(seed, centre=(80, 64))[0] for seed in range(3)]
    learned, _ = find_foreground(normals(pictures), AUTO)
    assert learned.model is not None


def test_pictures_without_product_are_left_out_and_named(caplog):
    pictures = [scene(seed)[0] for seed in range(10)]
    pictures[3] = belt(3).clip(0, 255).astype(np.uint8)
    learned, shown = find_foreground(normals(pictures), AUTO)
    assert "3.png" not in shown.names
    assert shown.empty == ("3.png",)
    assert len(shown.pixels) == 9
    assert learned.model is not None
    assert learned.model.least > 0


def test_a_texture_that_fills_the_picture_is_refused():
    random = np.random.default_rng(0)
    pictures = [random.normal(120, 15, (*HW, 3)).clip(0, 255).astype(np.uint8) for _ in range(8)]
    with pytest.raises(DataError, match="the product is not found"):
        find_foreground(normals(pictures), AUTO)


def test_a_product_that_hardly_differs_is_refused():
    pictures = []
    for seed in range(12):
        picture = belt(seed) + 25 * np.sin(np.arange(HW[1]) / 3)[None, :, None]
        cv2.circle(picture, (60 + 3 * seed, 64), 30, (82, 86, 90), -1)
        pictures.append(picture.clip(0, 255).astype(np.uint8))
    with pytest.raises(DataError, match=r"foreground: .*name pictures of the empty scene"):
        find_foreground(normals(pictures), AUTO)


def test_an_empty_scene_of_another_light_is_refused(tmp_path):
    write(tmp_path / "bright.png", (belt(0) + 120).clip(0, 255).astype(np.uint8))
    with pytest.raises(DataError, match="nothing would be left out"):
        find_foreground(moving(8), tmp_path / "bright.png")


def test_an_empty_scene_of_another_aspect_is_refused(tmp_path):
    write(tmp_path / "wide.png", np.zeros((64, 160, 3), np.uint8))
    with pytest.raises(DataError, match=r"wide.png has 160x64 pixels, another aspect ratio"):
        find_foreground(moving(8), tmp_path / "wide.png")


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(DataError, match=str(tmp_path)):
        find_foreground(moving(8), tmp_path)


def test_a_product_that_touches_most_of_the_edge_is_refused():
    pictures = []
    for seed in range(12):
        picture = belt(seed)
        picture[30:, 20:140] += (110, 80, 40)
        pictures.append(picture.clip(0, 255).astype(np.uint8))
    with pytest.raises(DataError, match="the product is not found"):
        find_foreground(normals(pictures), AUTO)


def test_a_fixed_mask_is_the_same_region_in_a_cropped_frame():
    fixed = cv2.circle(np.zeros(HW, np.uint8), (40, 100), 24, 1, -1) > 0
    rule = ResizeRule(HW, (0.1, 0.2, 0.85, 0.9))
    region = draw_mask(region_of_mask(fixed, None, rule, (300, 500)), HW, rule.crop)
    assert region[fixed].all()
    grown = cv2.dilate(fixed.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert not (region & ~grown).any()


def _box(x0: float, y0: float, x1: float, y1: float) -> tuple[tuple[float, float], ...]:
    return ((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def test_a_fixed_region_does_not_exceed_that_of_the_user_and_loses_nothing_of_the_product():
    rule, fixed = ResizeRule(HW), np.zeros(HW, bool)
    fixed[20:110, 20:140] = True
    around_a_hole = (_box(10, 10, 150, 40), _box(10, 90, 150, 120))
    around_a_hole += (_box(10, 40, 50, 90), _box(110, 40, 150, 90))
    for boxes in (around_a_hole, (_box(2, 2, 158, 126),)):
        limits = Roi(HW, boxes)
        region = draw_mask(region_of_mask(fixed, limits, rule, HW), HW, rule.crop)
        allowed = draw_mask(limits, HW, rule.crop)
        assert not (region & ~allowed).any()
        inner = cv2.erode(allowed.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        assert region[fixed & inner].all()


def test_held_out_pictures_that_were_left_out_are_no_longer_named():
    assert Scheme(held_out=("a", "b")).without({"b", "c"}) == Scheme(held_out=("a",))
    assert Scheme(held_out=0.2).without({"b"}) == Scheme(held_out=0.2)
