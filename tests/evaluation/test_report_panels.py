"""Heatmap sheets: which pictures, and what is drawn on them."""

import base64
from dataclasses import replace

import cv2
import numpy as np
import pytest
from sample_results import a_result, a_view, picture, some_pictures

from evaluation.report.panels import (
    CONTOUR_RGB,
    PANEL_PX,
    PER_GROUP,
    TRUTH_RGB,
    Panel,
    PictureView,
    groups,
    panels,
)
from inspector.core.arrays import Image
from inspector.core.geometry import Affine
from inspector.render.colormap import heat_bgr, levels

DARK = np.zeros((128, 192, 3), np.uint8)
MISS = picture("scratch/missed.png", 0.31, defective=True)


def pixels(panel: Panel) -> Image:
    content = base64.b64decode(panel.uri.split(",")[1])
    return np.asarray(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def test_the_worst_come_first_and_nobody_twice() -> None:
    shown = groups(a_result())
    names = [one.name for group in shown for one in group.pictures]
    assert names[:3] == ["scratch/missed.png", "good/alarm-a.png", "good/alarm-b.png"]
    assert len(names) == len(set(names))
    assert "good/broken.png" not in names
    assert names[-1] == "scratch/008.png"


def test_pictures_nearest_to_the_threshold_are_shown() -> None:
    near = groups(a_result())[2].pictures
    assert [one.name for one in near] == [
        "good/011.png",
        "good/010.png",
        "scratch/000.png",
        "scratch/001.png",
    ]


@pytest.mark.parametrize("count", range(8))
def test_few_pictures_are_never_shown_twice(count: int) -> None:
    found = tuple(picture(f"scratch/{k}.png", 0.6 + k / 9, defective=True) for k in range(count))
    good = tuple(picture(f"good/{k}.png", 0.1 + k / 99) for k in range(count))
    names = [one.name for group in groups(a_result((*found, *good))) for one in group.pictures]
    assert len(names) == len(set(names))


def test_many_mistakes_are_cut_and_said_so() -> None:
    misses = tuple(picture(f"scratch/{k}.png", k / 100, defective=True) for k in range(20))
    group = groups(a_result((*some_pictures(), *misses)))[0]
    assert [one.name for one in group.pictures] == [f"scratch/{k}.png" for k in range(PER_GROUP)]
    assert f"{PER_GROUP} of 21" in group.told


def test_the_heatmap_has_the_fixed_colours_of_the_display_range() -> None:
    result = a_result()
    plain, heat, _ = (pixels(panel).astype(float) for panel in panels(a_view(MISS), result))
    height, width = plain.shape[:2]
    for y, x, value in ((0.1, 0.1, 0.2), (0.43, 0.62, 1.2)):
        place = int(y * height), int(x * width)
        level = levels(np.array([[value]], np.float32), result.engine.display_range)[0, 0]
        wanted = (plain[place] + heat_bgr()[level]) / 2
        assert np.abs(heat[place] - wanted).max() < 12


def coloured(panel: Panel, rgb: str) -> tuple[int, int, int, int]:
    """Box (x0, y0, x1, y1) of the pixels of about a colour."""
    bgr = np.array([int(rgb[i : i + 2], 16) for i in (4, 2, 0)])
    rows, columns = np.nonzero(np.abs(pixels(panel).astype(int) - bgr).max(axis=2) < 70)
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def test_outlines_of_large_defects_lie_where_they_belong() -> None:
    view = replace(a_view(MISS), image=DARK)
    mask = np.zeros((128, 192), bool)
    mask[20:110, 30:170] = True
    anomaly_map = np.full((64, 96), 0.2, np.float32)
    anomaly_map[15:50, 20:80] = 1.2
    outlined = panels(replace(view, mask=mask, anomaly_map=anomaly_map), a_result())[2]
    assert outlined.told == "outlines"
    scale = outlined.size[0] / 192
    wanted = [scale * edge for edge in (30, 20, 170, 110)]
    assert coloured(outlined, TRUTH_RGB) == pytest.approx(wanted, abs=4)
    # The edge of the map, blurred by enlarging, runs through the middle of 0.2 and 1.2 at 0.7.
    wanted = [scale * edge for edge in (40, 30, 160, 100)]
    assert coloured(outlined, CONTOUR_RGB) == pytest.approx(wanted, abs=4)


@pytest.mark.parametrize(("x", "y"), [(4, 4), (90, 60), (180, 120)])
def test_small_defects_are_enlarged_wherever_they_are(x: int, y: int) -> None:
    mask = np.zeros((128, 192), bool)
    mask[y : y + 6, x : x + 6] = True
    calm = np.full((64, 96), 0.2, np.float32)
    view = replace(a_view(MISS), image=DARK, mask=mask, anomaly_map=calm)
    outlined = panels(view, a_result())[2]
    assert outlined.told == "outlines, enlarged 8.0 times"
    left, top, right, bottom = coloured(outlined, TRUTH_RGB)
    enlarged = 5 * 8 * PANEL_PX / 192
    assert right - left == pytest.approx(enlarged, abs=6)
    assert bottom - top == pytest.approx(enlarged, abs=6)


def test_a_calm_picture_without_a_mask_has_no_outlines() -> None:
    one = picture("good/a.png", 0.1)
    plain, _, outlined = (pixels(panel).astype(int) for panel in panels(a_view(one), a_result()))
    assert np.abs(outlined - plain).max() < 12
    assert panels(a_view(one), a_result())[2].told == "nothing to outline"


@pytest.mark.parametrize("hw", [(33, 47), (20, 900), (900, 20), (1, 1), (1080, 1920)])
def test_pictures_of_any_size_fit_into_a_panel(hw: tuple[int, int]) -> None:
    image = np.full((*hw, 3), 128, np.uint8)
    to_frame = Affine(hw[1] / 96, hw[0] / 64)
    view = PictureView(image, np.full((64, 96), 2, np.float32), to_frame, np.ones(hw, bool))
    for panel in panels(view, a_result()):
        height, width = pixels(panel).shape[:2]
        assert (width, height) == panel.size
        assert PANEL_PX <= max(panel.size) <= PANEL_PX + 1


def test_what_the_engine_does_not_see_is_dimmed() -> None:
    view = replace(a_view(MISS), to_frame=Affine(1, 1))
    plain, heat, _ = (pixels(panel).astype(float) for panel in panels(view, a_result()))
    assert heat[-10, -10].max() < 0.7 * plain[-10, -10].max()
