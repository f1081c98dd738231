"""The bias atlas: its renderer, its statistics and its page."""

import math

import numpy as np
import pytest

from benchmarks.atlas.__main__ import plan_cells
from benchmarks.atlas.measuring import Example, measure_cell
from benchmarks.atlas.page import write_page
from benchmarks.atlas.scenes import FRAME_HW, Cell, _cover, render, tilted_plane
from benchmarks.atlas.shapes import (
    KINDS,
    Sizes,
    ellipse,
    line,
    measure_truth,
    rectangle,
    stroke,
)
from benchmarks.atlas.statistics import COVERAGE, compare, flag_coverage, reject_holm, summarise


@pytest.mark.parametrize(
    ("outline", "area", "length", "width"),
    [
        (ellipse(6, 6), math.pi * 9, 6, 6),
        (ellipse(8, 3), math.pi * 6, 8, 3),
        (rectangle(6, 6), 36, math.sqrt(72), 6),
        (rectangle(9, 2), 18, math.hypot(9, 2), 2),
        (stroke(line(10), 0.4), 10 * 0.4 + math.pi * 0.04, 10.4, 0.4),
    ],
)
def test_true_sizes_agree_with_the_formulas(outline, area, length, width):
    turned = outline @ np.array(((0.8, -0.6), (0.6, 0.8)))
    true = measure_truth((turned,))
    assert true.area == pytest.approx(area, rel=2e-3)
    assert true.length == pytest.approx(length, rel=1e-3)
    assert true.width == pytest.approx(width, rel=1e-3)


def test_overlapping_parts_count_once():
    left, right = rectangle(4, 2), rectangle(4, 2) + np.array((2.0, 0.0))
    true = measure_truth((left, right))
    assert true.area == pytest.approx(12, rel=2e-3)
    assert true.length == pytest.approx(math.hypot(6, 2), rel=1e-3)


@pytest.mark.parametrize("outline", [ellipse(4, 4), rectangle(9, 0.3), stroke(line(20), 0.15)])
def test_drawn_cover_has_the_area_of_the_outline(outline):
    pixels = outline * 10 + np.array((300.3, 200.7))
    _, cover = _cover(pixels, 0.0)
    assert cover.sum() == pytest.approx(100 * measure_truth((outline,)).area, rel=5e-3)


def test_a_soft_edge_is_at_half_of_its_height_on_the_outline():
    _, cover = _cover(ellipse(80, 80) + np.array((100.0, 100.0)), 5.0)
    middle = cover[cover.shape[0] // 2]
    assert (middle > 0.5).sum() == pytest.approx(80, abs=1.5)


def test_a_tilted_camera_keeps_the_scale_in_the_middle():
    matrix = tilted_plane(30)
    points = np.array(((0.0, 0, 1), (1, 0, 1), (0, 1, 1))) @ matrix.T
    points = points[:, :2] / points[:, 2:]
    assert points[0] == pytest.approx((FRAME_HW[1] / 2, FRAME_HW[0] / 2))
    assert points[1, 0] - points[0, 0] == pytest.approx(10, rel=1e-6)
    assert points[2, 1] - points[0, 1] == pytest.approx(10 * math.cos(math.pi / 6), rel=2e-3)


@pytest.mark.parametrize("kind", list(KINDS))
def test_each_kind_is_rendered_with_a_map_above_its_threshold(kind):
    scene = render(Cell(kind, 4.0, 0.3), 0, 5)
    assert scene.image.shape == (*FRAME_HW, 3)
    assert len(scene.targets) == (3 if kind == "across" else 6)
    assert scene.anomaly_map.max() > 1.2
    assert all(target.whole.area > 0 for target in scene.targets)
    again = render(Cell(kind, 4.0, 0.3), 0, 5)
    assert np.array_equal(scene.image, again.image)


@pytest.mark.parametrize("coding", ["jpeg 50", "h264 28"])
def test_compression_changes_the_picture_a_little(coding):
    plain = render(Cell("disc", 4.0, 0.3), 0, 5).image.astype(int)
    coded = render(Cell("disc", 4.0, 0.3, coding=coding), 0, 5).image.astype(int)
    assert 0 < np.abs(plain - coded).mean() < 8


def test_holm_rejects_in_order_until_a_test_passes():
    chances = np.array((0.04, 0.0001, 0.02, 0.5))
    assert reject_holm(chances, 0.05).tolist() == [False, True, False, False]
    assert reject_holm(np.array((0.01, 0.012, 0.02)), 0.05).tolist() == [True, True, True]


def example(ratio: float, u: float, *, refined: bool = True) -> Example:
    true, measured = Sizes(4, 3, 2), Sizes(4 * ratio, 3 * ratio, 2 * ratio)
    return Example(1, 1, true, measured, Sizes(4 * u, 3 * u, 2 * u), refined)


def row(*examples: Example) -> dict:
    result = type("Result", (), {"cell": Cell("disc", 4.0, 0.3), "examples": list(examples)})
    result.cpu_ms = 10.0
    return summarise(result) | {"factor": ""}


def test_a_row_has_ratios_and_coverage_of_the_refined_sizes_only():
    table = row(*[example(1.1, 0.04)] * 3, *[example(1.1, 0.06)] * 5, example(9, 9, refined=False))
    assert (table["examples"], table["refined"]) == (9, 8)
    assert table["area"]["median"] == pytest.approx(1.1)
    assert table["length"]["inside"] == 5
    assert table["from_map"]["width"] == 1


def test_a_coverage_far_below_the_aim_is_flagged():
    good, bad = row(*[example(1.05, 0.04)] * 40), row(*[example(1.2, 0.04)] * 40)
    flag_coverage([good, bad])
    assert not good["area"]["too_few"]
    assert bad["area"]["too_few"]
    assert 0 < COVERAGE < 1


def test_a_cell_that_became_worse_is_named():
    before, after = [row(*[example(1.01, 0.04)] * 40)], [row(*[example(1.2, 0.04)] * 40)]
    assert any(sentence.startswith("lost: disc 4.0") for sentence in compare(before, after))
    assert any(sentence.startswith("gained") for sentence in compare(after, before))
    assert compare(before, before) == []


def test_the_page_has_a_row_for_each_cell():
    cell = Cell("disc", 4.0, 0.6, texture="paint")
    table = summarise(measure_cell(cell, 1, 5)) | {"factor": ""}
    assert table["refined"] == 6
    assert table["area"]["median"] == pytest.approx(1, abs=0.05)
    flag_coverage([table])
    page = write_page([table], "python -m benchmarks.atlas", 1.0, "2 cores")
    assert "| disc | 4.0 | 60% | 6/6 | 100% |" in page


def test_all_factors_are_planned():
    factors = {factor for factor, _ in plan_cells(quick=False)}
    assert factors == {"", "blur_px", "tilt", "texture", "coding"}
    assert len(plan_cells(quick=True)) == 2 * len(KINDS)
