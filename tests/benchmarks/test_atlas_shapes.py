"""The true sizes of the atlas: formulas against rendered coverage and against known values."""

import math

import numpy as np
import pytest

from benchmarks.atlas import shapes
from benchmarks.atlas.cells import Cell
from benchmarks.atlas.kinds import KINDS, Draw, Layer, TrueDefect, draw_defect
from benchmarks.atlas.scene import FRAME_HW, MM_PER_PX, Canvas, project, view_plane

FRAME_MM = FRAME_HW[1] * MM_PER_PX, FRAME_HW[0] * MM_PER_PX
CENTRE = np.array((61.37, 34.21))
RIGHT, DOWN = np.eye(2)


def draw(kind: str, size: float, seed: int) -> TrueDefect:
    return draw_defect(kind, Draw(np.random.default_rng(seed), CENTRE, size, 0.25, FRAME_MM))


def plain(shape: shapes.Shape) -> TrueDefect:
    return TrueDefect((Layer(shape, (0.2, 0.2, 0.2)),), (shape,), shape)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"soft"}))
@pytest.mark.parametrize("seed", range(3))
def test_rendered_coverage_has_the_true_area(kind: str, seed: int) -> None:
    homography = view_plane(0.0, 0.0)
    for size in KINDS[kind].sizes:
        defect = draw(kind, size, seed)
        area = float(Canvas(homography).paint(defect).sum()) * MM_PER_PX**2
        assert area == pytest.approx(defect.whole.area, rel=2e-3)


@pytest.mark.parametrize("tilt", [15.0, 30.0])
@pytest.mark.parametrize("kind", ["compact", "square", "scratch", "crack"])
def test_under_tilt_the_coverage_has_the_true_area_on_the_plane(kind: str, tilt: float) -> None:
    homography = view_plane(tilt, 0.7)
    defect = draw(kind, KINDS[kind].sizes[1], 4)
    share = Canvas(homography).paint(defect)
    rows, columns = np.mgrid[: FRAME_HW[0], : FRAME_HW[1]]
    corners = np.stack((columns, rows), axis=-1).astype(float)
    right = project(homography, corners + RIGHT) - project(homography, corners)
    down = project(homography, corners + DOWN) - project(homography, corners)
    pixel = np.abs(right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0])
    assert float((share * pixel).sum()) == pytest.approx(defect.whole.area, rel=3e-3)


def test_a_soft_stain_has_half_of_its_depth_at_the_true_edge() -> None:
    disc = shapes.ellipse(CENTRE, 10.0, 10.0, 0.0)
    stain = TrueDefect((Layer(disc, (0.2,) * 3, 0.8),), (disc,), disc)
    share = Canvas(view_plane(0.0, 0.0)).paint(stain)
    area = int((share >= 0.5).sum()) * MM_PER_PX**2
    assert area == pytest.approx(disc.area, rel=5e-3)


@pytest.mark.parametrize(
    ("shape", "area", "length", "width"),
    [
        (shapes.ellipse(CENTRE, 6, 4, 0.3), 6 * math.pi, 6, 4),
        (shapes.rectangle(CENTRE, 6, 6, 0.2), 36, 6 * math.sqrt(2), 6),
        (shapes.rectangle(CENTRE, 4, 3, 1.0), 12, 5, 3),
        (shapes.stroke((10, 10), (13, 14), 0.5), 2.5 + math.pi / 16, 5.5, 0.5),
        (shapes.blob(CENTRE, 3, np.array([(2, 0.0, 0.0)])), 9 * math.pi, 6, 6),
    ],
)
def test_known_sizes(shape: shapes.Shape, area: float, length: float, width: float) -> None:
    assert shape.area == pytest.approx(area)
    assert shape.length == pytest.approx(length, rel=1e-3)
    assert shape.width == pytest.approx(width, rel=1e-3)


def test_a_half_circle_line_has_known_sizes() -> None:
    line = shapes.arc((50, 30), 10, math.pi * 0.999, 1.0, 0.4)
    assert line.area == pytest.approx(10 * math.pi * 0.999 + math.pi / 4)
    assert line.length == pytest.approx(21, rel=1e-3)
    assert line.width == pytest.approx(11, rel=5e-3)


def test_the_union_of_overlapping_discs_counts_the_lens_once() -> None:
    discs = [shapes.ellipse((x, 20), 4, 4, 0.0) for x in (10, 12)]
    lens = 2 * 4 * math.acos(2 / 4) - 2 / 2 * math.sqrt(4 * 4 - 2 * 2)
    assert shapes.union(discs).area == pytest.approx(8 * math.pi - lens, rel=1e-3)


def test_a_line_across_the_frame_is_cut_at_both_sides() -> None:
    for seed in range(6):
        whole = draw("across", 0.6, seed).whole
        x = whole.boundary[:, 0]
        assert (x.min(), x.max()) == pytest.approx((0, FRAME_MM[0]), abs=1e-9)
        assert 0.6 * FRAME_MM[0] <= whole.area <= 0.6 * FRAME_MM[0] * 1.02


def test_the_view_has_its_scale_in_the_middle() -> None:
    middle = np.array((FRAME_HW[1] / 2, FRAME_HW[0] / 2))
    upright = project(view_plane(0.0, 1.0), middle)
    assert upright == pytest.approx(middle * MM_PER_PX)
    tilted = view_plane(30.0, 0.0)
    step = project(tilted, middle + DOWN / 2) - project(tilted, middle - DOWN / 2)
    assert np.hypot(*step) == pytest.approx(MM_PER_PX, rel=1e-6)
    along = project(tilted, middle + RIGHT / 2) - project(tilted, middle - RIGHT / 2)
    assert np.hypot(*along) == pytest.approx(MM_PER_PX / math.cos(math.radians(30)), rel=1e-3)


def test_two_defects_are_1_mm_apart() -> None:
    for seed in range(5):
        first, second = draw("two", 4.0, seed).parts
        gaps = np.hypot(*(first.boundary[:, None] - second.boundary[None]).T)
        assert gaps.min() == pytest.approx(1.0, abs=0.01)


def test_another_colour_has_the_same_luminance() -> None:
    (layer,) = draw("colour", 4.0, 1).layers
    assert np.dot((0.114, 0.587, 0.299), layer.gain) == pytest.approx(0, abs=1e-12)
    assert np.linalg.norm(layer.gain) == pytest.approx(0.25)


def test_the_name_of_a_cell_has_its_factor() -> None:
    assert Cell("square", "large", 0.06).name == "square/large/6%"
    assert Cell("square", "large", 0.06, tilt_deg=15).name == "square/large/6%/tilt 15 deg"
