"""Reading a region of interest and drawing its mask."""

import numpy as np
import pytest

from engines.roi import draw_mask, load_roi
from engines.spec import ResizeRule, Roi
from inspector.core.errors import ConfigError
from learning.job import inspected_pixels

SQUARE = ((2.0, 2.0), (8.0, 2.0), (8.0, 6.0), (2.0, 6.0))


def test_a_polygon_on_pixel_borders_covers_exactly_its_pixels():
    inside = draw_mask(Roi((10, 12), inspect=(SQUARE,)), (10, 12))
    expected = np.zeros((10, 12), bool)
    expected[2:6, 2:8] = True
    assert np.array_equal(inside, expected)


def test_ignored_polygons_are_cut_out_of_the_inspected_ones_or_of_the_frame():
    cut = ((4.0, 2.0), (6.0, 2.0), (6.0, 6.0), (4.0, 6.0))
    assert draw_mask(Roi((10, 12), inspect=(SQUARE,), ignore=(cut,)), (10, 12)).sum() == 16
    assert draw_mask(Roi((10, 12), ignore=(cut,)), (10, 12)).sum() == 112


def test_the_mask_of_a_map_covers_the_same_share_of_the_frame():
    triangle = ((0.0, 0.0), (640.0, 0.0), (0.0, 480.0))
    for map_hw in ((480, 640), (256, 352), (60, 80)):
        share = draw_mask(Roi((480, 640), inspect=(triangle,)), map_hw).mean()
        assert share == pytest.approx(0.5, abs=0.01)


def test_the_mask_of_a_crop_is_the_crop_of_the_mask():
    roi = Roi((100, 200), inspect=(((30.0, 10.0), (150.0, 40.0), (90.0, 95.0)),))
    full = draw_mask(roi, (100, 200))
    assert np.array_equal(draw_mask(roi, (50, 100), (0.25, 0.5, 0.75, 1.0)), full[50:, 50:150])


def test_orientation_and_concavity_do_not_matter():
    ell = ((0.0, 0.0), (8.0, 0.0), (8.0, 2.0), (2.0, 2.0), (2.0, 6.0), (0.0, 6.0))
    assert draw_mask(Roi((8, 8), inspect=(ell,)), (8, 8)).sum() == 16 + 8
    assert draw_mask(Roi((8, 8), inspect=(ell[::-1],)), (8, 8)).sum() == 16 + 8


def test_a_file_is_read(tmp_path):
    file = tmp_path / "roi.yaml"
    file.write_text("frame_hw: [10, 12]\ninspect:\n  - [[2, 2], [8, 2], [8, 6], [2, 6]]\n")
    assert load_roi(file, (10, 12)) == Roi((10, 12), (SQUARE,))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("inspect: [[[1, 2], [3]]]", r"inspect\.0 must be a list of at least three"),
        ("inspect: [[[1, 2], [3, 4], [5]]]", r"inspect\.0\.2 must be two numbers"),
        ("ignore: [[[1, 2], [3, 4], [5, x]]]", r"ignore\.0\.2 must be two numbers"),
        ("ignore: [[[1, 2], [3, 4], [5, .nan]]]", r"ignore\.0\.2 must be two numbers"),
        ("inspect: 3", "inspect must be a list of polygons"),
        ("frame_hw: [10, 12, 3]\nignore: []", r"frame_hw must be \[height, width\]"),
        (
            "frame_hw: [20, 12]\nignore: []",
            r"frame_hw is \[20, 12\], but the frames have \[10, 12\] \(height, width\)",
        ),
        ("polygons: []", "key polygons is unknown; known: frame_hw, inspect, ignore"),
        ("{}", "has no polygon"),
        ("- 1", "must hold some of the keys"),
        ("inspect: [", "is not YAML"),
        ("inspect: [[[50, 50], [60, 50], [60, 60]]]", "leaves nothing of a 12x10 frame"),
    ],
)
def test_the_error_has_the_dotted_path_of_the_wrong_key(tmp_path, text, message):
    file = tmp_path / "roi.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_roi(file, (10, 12))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_roi(tmp_path / "none.yaml", (10, 12))


def test_the_mask_covers_the_part_of_the_frame_that_the_engine_sees():
    left_half = Roi((100, 200), inspect=(((0, 0), (100, 0), (100, 100), (0, 100)),))
    whole = inspected_pixels(left_half, ResizeRule((32, 64)))
    middle = inspected_pixels(left_half, ResizeRule((32, 32), crop=(0.25, 0.0, 0.75, 1.0)))
    assert whole is not None
    assert whole.sum(axis=1).tolist() == [32] * 32
    assert middle is not None
    assert middle.sum(axis=1).tolist() == [16] * 32
