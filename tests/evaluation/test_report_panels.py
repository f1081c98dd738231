"""Panels of a picture, and the views that they are drawn from."""

import base64
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from plate_dataset import HW, write_class_folder, write_fake_engine
from sample_results import make_result, make_view, picture

from engines.opening import open_engine
from engines.spec import ResizeRule
from evaluation.class_evaluation import evaluate_class
from evaluation.provenance import Settings
from evaluation.report.panels import (
    GAP_PX,
    PANEL_PX,
    EngineViewer,
    Panel,
    PictureView,
    colour_range,
    draw_panels,
)
from evaluation.results import ClassResult, PictureResult
from inspector.core.arrays import Image
from inspector.core.errors import DataError
from inspector.core.geometry import Affine
from inspector.render.colormap import heat_bgr, score_levels
from inspector.report.markup import CONTOUR_RGB, TRUTH_RGB
from learning.datasets.layouts import load
from learning.datasets.types import ClassData

DARK = np.zeros((128, 192, 3), np.uint8)
MISS = picture("scratch/missed.png", 0.31, defective=True)
FAKE = Settings(backend="fake", resamples=0)


def pixels(panel: Panel) -> Image:
    content = base64.b64decode(panel.uri.split(",")[1])
    return np.asarray(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def test_the_heatmap_has_the_colours_of_the_range_of_the_page() -> None:
    result = make_result()
    plain, heat, _ = (pixels(panel).astype(float) for panel in draw_panels(make_view(MISS), result))
    height, width = plain.shape[:2]
    for y, x, value in ((0.1, 0.1, 0.2), (0.43, 0.62, 1.2)):
        pixel = int(y * height), int(x * width)
        level = score_levels(np.array([[value]], np.float32), colour_range(result))[0, 0]
        expected = (plain[pixel] + heat_bgr()[level]) / 2
        assert np.abs(heat[pixel] - expected).max() < 12


def find_colour(panel: Panel, rgb: str) -> tuple[int, int, int, int]:
    """Box (x0, y0, x1, y1) of the pixels that have about this colour."""
    bgr = np.array([int(rgb[i : i + 2], 16) for i in (4, 2, 0)])
    rows, columns = np.nonzero(np.abs(pixels(panel).astype(int) - bgr).max(axis=2) < 70)
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def test_outlines_of_large_defects_lie_where_they_belong() -> None:
    view = replace(make_view(MISS), image=DARK)
    mask = np.zeros((128, 192), bool)
    mask[20:110, 30:170] = True
    anomaly_map = np.full((64, 96), 0.2, np.float32)
    anomaly_map[15:50, 20:80] = 1.2
    outlined = draw_panels(replace(view, mask=mask, anomaly_map=anomaly_map), make_result())[2]
    assert outlined.caption == "outlines"
    scale = outlined.size[0] / 192
    around = np.array((-GAP_PX, -GAP_PX, GAP_PX, GAP_PX))
    expected = scale * np.array((30, 20, 170, 110)) + around
    assert find_colour(outlined, TRUTH_RGB) == pytest.approx(expected, abs=4)
    # Enlarging blurs the edge: the map is 0.7 in the middle between 0.2 and 1.2.
    expected = [scale * edge for edge in (40, 30, 160, 100)]
    assert find_colour(outlined, CONTOUR_RGB) == pytest.approx(expected, abs=4)


@pytest.mark.parametrize(("x", "y"), [(4, 4), (90, 60), (180, 120)])
def test_small_defects_are_enlarged_at_any_place(x: int, y: int) -> None:
    mask = np.zeros((128, 192), bool)
    mask[y : y + 6, x : x + 6] = True
    calm = np.full((64, 96), 0.2, np.float32)
    view = replace(make_view(MISS), image=DARK, mask=mask, anomaly_map=calm)
    outlined = draw_panels(view, make_result())[2]
    assert outlined.caption == "outlines, enlarged 8.0 times"
    left, top, right, bottom = find_colour(outlined, TRUTH_RGB)
    enlarged = 5 * 8 * PANEL_PX / 192 + 2 * GAP_PX
    assert right - left == pytest.approx(enlarged, abs=6)
    assert bottom - top == pytest.approx(enlarged, abs=6)


def test_a_calm_picture_without_a_mask_has_no_outlines() -> None:
    item = picture("good/a.png", 0.1)
    plain, _, outlined = (
        pixels(panel).astype(int) for panel in draw_panels(make_view(item), make_result())
    )
    assert np.abs(outlined - plain).max() < 12
    assert draw_panels(make_view(item), make_result())[2].caption == "nothing to outline"


@pytest.mark.parametrize("hw", [(33, 47), (20, 900), (900, 20), (1, 1), (1080, 1920)])
def test_pictures_of_any_size_fit_into_a_panel(hw: tuple[int, int]) -> None:
    image = np.full((*hw, 3), 128, np.uint8)
    to_frame = Affine(hw[1] / 96, hw[0] / 64)
    view = PictureView(image, np.full((64, 96), 2, np.float32), to_frame, np.ones(hw, bool))
    for panel in draw_panels(view, make_result()):
        height, width = pixels(panel).shape[:2]
        assert (width, height) == panel.size
        assert PANEL_PX <= max(panel.size) <= PANEL_PX + 1


def test_the_part_outside_the_crop_is_dimmed() -> None:
    view = replace(make_view(MISS), to_frame=Affine(1, 1))
    plain, heat, _ = (pixels(panel).astype(float) for panel in draw_panels(view, make_result()))
    assert heat[-10, -10].max() < 0.7 * plain[-10, -10].max()


def evaluate(folder: Path) -> tuple[Path, ClassData, ClassResult]:
    (data,) = load(write_class_folder(folder / "plates"), None)
    engine = write_fake_engine(folder / "engine.json")
    return engine, data, evaluate_class(engine, data, FAKE)


def find_picture(result: ClassResult, name: str) -> PictureResult:
    return next(item for item in result.pictures if item.name == name)


def test_a_view_has_the_map_where_the_defect_is(tmp_path: Path) -> None:
    path, data, result = evaluate(tmp_path)
    engine = open_engine(path, backend="fake")
    view = EngineViewer(engine, data.tests(), "any")(find_picture(result, "test/hole/001.png"))
    assert view.image.shape == (*HW, 3)
    assert view.mask is not None
    row, column = np.unravel_index(np.argmax(view.anomaly_map), view.anomaly_map.shape)
    ((x, y),) = view.to_frame.apply(np.array(((column + 0.5, row + 0.5),)))
    assert view.mask[int(y), int(x)]


def test_a_map_of_a_cropped_engine_lies_on_its_crop(tmp_path: Path) -> None:
    (data,) = load(write_class_folder(tmp_path / "plates"), None)
    crop = ResizeRule((32, 48), crop=(0.25, 0.5, 0.75, 1.0))
    path = write_fake_engine(tmp_path / "e.json", resize=crop, map_hw=(16, 24))
    engine = open_engine(path, backend="fake")
    result = evaluate_class(path, data, FAKE)
    view = EngineViewer(engine, data.tests(), "any")(result.pictures[0])
    corners = view.to_frame.apply(np.array(((0.0, 0.0), (24.0, 16.0))))
    assert corners.tolist() == [[24.0, 32.0], [72.0, 64.0]]


def test_a_good_picture_has_no_mask(tmp_path: Path) -> None:
    path, data, result = evaluate(tmp_path)
    views = EngineViewer(open_engine(path, backend="fake"), data.tests(), "any")
    assert views(find_picture(result, "test/good/000.png")).mask is None


@pytest.mark.parametrize("lost", ["test/hole/000.png", "ground_truth/hole/000_mask.png"])
def test_a_picture_or_mask_lost_after_the_evaluation_is_named(tmp_path: Path, lost: str) -> None:
    path, data, result = evaluate(tmp_path)
    (tmp_path / "plates" / lost).unlink()
    views = EngineViewer(open_engine(path, backend="fake"), data.tests(), "any")
    with pytest.raises(DataError, match=Path(lost).name):
        views(find_picture(result, "test/hole/000.png"))


def test_the_colour_scale_follows_the_maps_and_not_the_threshold() -> None:
    result = make_result()
    high = replace(result.engine, pixel_threshold=1000.0, display_range=(0.1, 2000.0))
    assert colour_range(replace(result, engine=high)) == colour_range(result)
    low, end = colour_range(result)
    peaks = [item.peak for item in result.pictures if item.peak is not None]
    assert low == 0.1
    assert sorted(peaks)[-3] < end <= max(peaks)


def test_equal_maps_still_have_a_scale() -> None:
    flat = tuple(replace(picture(f"good/{k}.png", 0.1), peak=0.1) for k in range(3))
    low, high = colour_range(make_result(flat))
    assert low < high


def test_a_weak_defect_is_visible_in_the_heatmap_under_any_threshold() -> None:
    weak = [picture(f"scratch/{k}.png", 0.3, defective=True) for k in range(5)]
    result = make_result(tuple(weak))
    engine = replace(result.engine, pixel_threshold=10.0, display_range=(0.1, 20.0))
    view = make_view(weak[0])
    anomaly_map = np.where(view.anomaly_map > 1, 0.4, 0.1).astype(np.float32)
    view = replace(view, image=DARK, anomaly_map=anomaly_map)
    heat = pixels(draw_panels(view, replace(result, engine=engine))[1]).astype(int)
    assert heat[105, 225, 2] > 100, "the defect is red to yellow"
    assert heat[20, 20, 2] < 30


def test_a_thin_scratch_is_visible_inside_its_outline() -> None:
    image, mask = DARK.copy(), np.zeros((128, 192), bool)
    mask[60, 10:180] = True
    image[mask] = 255
    calm = np.full((64, 96), 0.2, np.float32)
    outlined = draw_panels(PictureView(image, calm, Affine(2, 2), mask), make_result())[2]
    scale = outlined.size[0] / 192
    row, column = round(60.5 * scale), round(95 * scale)
    around = pixels(outlined)[:, column].astype(int)
    scratch, middle = around[row - 2 : row + 3].min(axis=1).max(), around[row]
    assert scratch > 150, "the outline does not cover the scratch"
    assert np.ptp(middle) < 60, "it has its own colour"
    left, top, right, bottom = find_colour(outlined, TRUTH_RGB)
    assert (row - top, bottom - row) == pytest.approx((GAP_PX, GAP_PX), abs=3)
    assert (left, right) == pytest.approx((10 * scale - GAP_PX, 180 * scale + GAP_PX), abs=4)


def test_a_box_shows_which_part_is_enlarged() -> None:
    mask = np.zeros((128, 192), bool)
    mask[60:66, 90:96] = True
    calm = np.full((64, 96), 0.2, np.float32)
    view = replace(make_view(MISS), image=DARK, mask=mask, anomaly_map=calm)
    panels = draw_panels(view, make_result())
    assert panels[0].caption == "picture (white box: enlarged part)"
    scale = PANEL_PX / 192
    expected = [scale * edge for edge in (93 - 12, 63 - 8, 93 + 12, 63 + 8)]
    for panel in panels[:2]:
        assert find_colour(panel, "ffffff") == pytest.approx(expected, abs=4)
    large = replace(view, mask=np.ones((128, 192), bool))
    assert draw_panels(large, make_result())[0].caption == "picture"
