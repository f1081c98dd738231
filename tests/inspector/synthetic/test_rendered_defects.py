"""Tests of the true sizes of rendered defects."""

import numpy as np
import pytest

from inspector.synthetic.defect_shapes import KINDS, feret, outline, polygon_area, polygon_centroid
from inspector.synthetic.rendered_defects import (
    CONTRAST,
    Appearance,
    RenderedDefect,
    coverage,
    mask,
    random_defect,
    render,
)

HW = (360, 480)
PLAIN = Appearance((0.2, 0.2, 0.2), 0.0)


def grey(level: int = 120) -> np.ndarray:
    return np.full((*HW, 3), level, np.uint8)


def some(kind: str, seed: int = 5, length_mm: float = 12.0) -> RenderedDefect:
    rng = np.random.default_rng(seed)
    return random_defect(kind, rng, centre_px=(240.3, 180.6), mm_per_px=0.1, length_mm=length_mm)


def test_coverage_of_a_rectangle_off_the_grid_is_exact_along_x_and_fine_along_y() -> None:
    square = np.array(((1.25, 1.5), (3.75, 1.5), (3.75, 3.0), (1.25, 3.0)))
    covered = coverage(square, (0, 0, 5, 4))
    assert covered[1] == pytest.approx((0, 0.375, 0.5, 0.375, 0))
    assert covered[2] == pytest.approx((0, 0.75, 1, 0.75, 0))
    assert covered.sum() == pytest.approx(2.5 * 1.5)


def test_coverage_cuts_off_what_is_outside_its_box() -> None:
    square = np.array(((-3.0, -3.0), (2.0, -3.0), (2.0, 2.0), (-3.0, 2.0)))
    covered = coverage(square, (0, 0, 4, 4))
    assert covered.sum() == pytest.approx(4)
    assert covered[:2, :2].min() == 1


def test_coverage_does_not_depend_on_the_direction_of_the_outline() -> None:
    polygon = some("foreign_yarn").polygon
    box = (0, 0, HW[1], HW[0])
    assert np.array_equal(coverage(polygon, box), coverage(polygon[::-1], box))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_the_covered_area_is_the_area_of_the_polygon(kind: str, seed: int) -> None:
    defect = some(kind, seed)
    covered = coverage(defect.polygon, (0, 0, HW[1], HW[0]))
    assert covered.sum() == pytest.approx(defect.area_px, rel=0.01)


@pytest.mark.parametrize("kind", ["hole", "stain"])
@pytest.mark.parametrize("length_mm", [4.0, 10.0, 16.0])
def test_the_mask_of_a_blob_has_the_area_of_the_polygon(kind: str, length_mm: float) -> None:
    defect = some(kind, 2, length_mm)
    drawn_mask = mask(defect, HW)
    assert set(np.unique(drawn_mask)) == {0, 255}
    assert np.count_nonzero(drawn_mask) == pytest.approx(defect.area_px, rel=0.02)


@pytest.mark.parametrize("kind", ["hole", "stain", "scratch"])
def test_a_straight_kind_has_the_requested_length(kind: str) -> None:
    assert some(kind).length_mm == pytest.approx(12.0, rel=0.02)


def test_sizes_of_a_known_rectangle_in_mm() -> None:
    polygon = np.array(((10.0, 10.0), (40.0, 10.0), (40.0, 50.0), (10.0, 50.0)))
    defect = RenderedDefect.of("hole", polygon, 0.2, PLAIN)
    assert defect.area_mm2 == pytest.approx(1200 * 0.04)
    assert defect.length_mm == pytest.approx(50 * 0.2)
    assert defect.width_mm == pytest.approx(30 * 0.2)
    assert defect.centroid == pytest.approx((25, 30))


def test_calipers_of_a_turned_rectangle_do_not_change() -> None:
    rectangle = np.array(((0.0, 0.0), (8.0, 0.0), (8.0, 3.0), (0.0, 3.0)))
    for angle in np.radians((10, 45, 77)):
        turn = np.array(((np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))))
        assert feret(rectangle @ turn + 100) == pytest.approx((np.hypot(8, 3), 3), rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_an_outline_has_its_centroid_in_the_origin(kind: str) -> None:
    points = outline(kind, 10.0, 2.0, 33.0, np.random.default_rng(1))
    assert polygon_centroid(points) == pytest.approx((0, 0), abs=1e-9)
    assert polygon_area(points) > 0


def test_the_same_seed_gives_the_same_defect_and_another_seed_another() -> None:
    assert np.array_equal(some("stain", 1).polygon, some("stain", 1).polygon)
    assert not np.array_equal(some("stain", 1).polygon, some("stain", 2).polygon)


@pytest.mark.parametrize("kind", KINDS)
def test_rendering_changes_the_inside_by_the_stated_contrast_and_nothing_outside(
    kind: str,
) -> None:
    defect = some(kind)
    before = grey()
    after = render(before, defect)
    assert np.array_equal(before, grey())
    x0, y0, x1, y1 = defect.touched_box()
    outside = np.ones(HW, bool)
    outside[y0:y1, x0:x1] = False
    assert np.array_equal(after[outside], before[outside])
    core = coverage(defect.polygon, (0, 0, HW[1], HW[0])) == 1
    change = np.abs(after[core].astype(float) / 120 - 1).max(axis=1)
    least, most = CONTRAST[kind]
    assert least - 0.06 <= np.median(change) <= most + 0.12


def test_the_soft_edge_of_a_stain_is_half_way_at_the_true_outline() -> None:
    square = np.array(((100.0, 100.0), (200.0, 100.0), (200.0, 200.0), (100.0, 200.0)))
    look = Appearance((0.5, 0.5, 0.5), 1.0, soft_px=6.0)
    row = render(grey(200), RenderedDefect.of("stain", square, 0.1, look))[150, :, 0].astype(float)
    edge = np.interp(-150, -row[90:112], np.arange(90, 112) + 0.5)
    assert edge == pytest.approx(100, abs=0.1)
    assert row[92] == 200
    assert row[108] == 100


def test_a_stain_keeps_the_texture_and_a_hole_hides_it() -> None:
    surface = np.random.default_rng(0).integers(80, 160, (*HW, 3)).astype(np.uint8)
    spread = {}
    for kind in ("stain", "hole"):
        defect = some(kind)
        inside = mask(defect, HW) > 0
        spread[kind] = render(surface, defect)[inside].std() / surface[inside].std()
    assert spread["stain"] > 0.4
    assert spread["hole"] < 0.2


def test_a_defect_across_the_border_is_cut_and_one_outside_changes_nothing() -> None:
    defect = some("hole")
    at_corner = defect.shifted(-240, -180)
    after = render(grey(), at_corner)
    assert (after[0, 0] < 60).all()
    assert np.array_equal(render(grey(), defect.shifted(-2000, 0)), grey())


def test_a_shifted_defect_keeps_its_size() -> None:
    defect = some("slub")
    moved = defect.shifted(3.5, -2.25)
    assert moved.area_px == defect.area_px
    assert moved.centroid == pytest.approx((defect.centroid[0] + 3.5, defect.centroid[1] - 2.25))
    assert polygon_area(moved.polygon) == pytest.approx(defect.area_px)


def test_unknown_kinds_and_impossible_sizes_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="'tear' is unknown; known are hole"):
        random_defect("tear", rng, centre_px=(0, 0), mm_per_px=0.1)
    with pytest.raises(ValueError, match="no shape"):
        outline("hole", 1.0, 2.0, 0.0, rng)
    with pytest.raises(ValueError, match="mm_per_px"):
        RenderedDefect.of("hole", np.zeros((3, 2)), 0.0, PLAIN)
