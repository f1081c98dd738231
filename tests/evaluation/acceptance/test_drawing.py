"""Tests that drawn defects have the size that they should have."""

import cv2
import numpy as np
import pytest

from calibration.plane import Calibration
from calibration.scale import from_scale
from evaluation.acceptance.design import choose_sizes, default_sizes, parse_defects
from evaluation.acceptance.drawing import DrawingGround, draw_sized
from inspector.core.arrays import Image
from inspector.core.errors import ConfigError
from inspector.synthetic.defect_shapes import feret
from learning.simulation.plans import KINDS, LINES

HW = (200, 320)


def surface(seed: int = 0) -> Image:
    random = np.random.default_rng(seed)
    small = random.uniform(90, 160, (6, 9, 3)).astype(np.float32)
    smooth = cv2.resize(small, HW[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + random.normal(0, 2, smooth.shape), 0, 255).astype(np.uint8)


def tilted() -> Calibration:
    """A pixel is about 0.08 mm at the left and 0.13 mm at the right."""
    rows = ((0.1, 0.0, 0.0), (0.0, 0.1, 0.0), (-0.0007, 0.0, 1.1))
    return Calibration("homography", HW, "test", "2026-01-01T00:00:00Z", homography=rows)


def ground(calibration: Calibration | None = None, inside: np.ndarray | None = None):
    return DrawingGround(surface(), [surface(1), surface(2)], inside, calibration)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [6.0, 30.0])
def test_the_outline_has_the_size_in_px(kind: str, size: float) -> None:
    drawn = draw_sized(ground(), kind, size, 60, (1,))
    assert drawn is not None
    assert feret(drawn.simulated.points)[0] == pytest.approx(size, rel=0.011)
    assert drawn.size_px == pytest.approx(size, rel=0.011)
    # What changes is as long as the outline, but for soft edges, shadows and thin ends.
    assert 0.5 * size <= drawn.simulated.length_px <= 1.6 * size + 6
    assert drawn.change > 5


@pytest.mark.parametrize("make", [lambda: from_scale(0.05, HW), tilted])
def test_the_outline_has_the_size_in_mm_at_its_place(make) -> None:
    calibration, lengths = make(), []
    for seed in range(6):
        drawn = draw_sized(ground(calibration), "hole", 2.0, 60, (seed,))
        assert drawn is not None
        assert feret(calibration.to_plane(drawn.simulated.points))[0] == pytest.approx(2, rel=0.011)
        lengths.append(drawn.size_px)
    spread = max(lengths) / min(lengths)
    assert spread > 1.05 if calibration.kind == "homography" else spread < 1.03


def test_a_defect_lies_completely_where_the_engine_looks() -> None:
    inside = np.zeros(HW, bool)
    inside[50:150, 60:200] = True
    for kind in KINDS:
        drawn = draw_sized(ground(inside=inside), kind, 20, 60, (3,))
        assert drawn is not None
        x, y = drawn.simulated.points.T
        assert ((x >= 59) & (x <= 201) & (y >= 49) & (y <= 151)).mean() >= 0.98
        assert not (drawn.simulated.mask & ~inside).any()


def test_a_defect_larger_than_the_product_is_not_drawn() -> None:
    assert draw_sized(ground(), "hole", 400, 60, (1,)) is None


def test_the_same_seeds_draw_the_same() -> None:
    first, second, other = (draw_sized(ground(), "stain", 20, 60, (s,)) for s in (1, 1, 2))
    assert first is not None
    assert second is not None
    assert other is not None
    assert (first.simulated.pixels == second.simulated.pixels).all()
    assert (first.simulated.pixels != other.simulated.pixels).any()


def test_groups_of_kinds_and_sizes() -> None:
    assert parse_defects(["scratch,stain:5,1,2", "hole"]) == {
        "scratch": (1.0, 2.0, 5.0),
        "stain": (1.0, 2.0, 5.0),
        "hole": None,
    }
    assert tuple(parse_defects(())) == KINDS


@pytest.mark.parametrize(
    ("group", "words"),
    [
        ("scrach:1", "scrach.*did you mean scratch"),
        ("scratch:0", "numbers above 0"),
        ("scratch:1,nan", "numbers above 0"),
        ("scratch:", "numbers above 0"),
        ("scratch:1e9", "numbers above 0"),
        ("scratch,scratch:1", "twice"),
        ("", "unknown"),
    ],
)
def test_wrong_groups_are_refused(group: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse_defects([group])


def test_default_sizes_follow_the_product() -> None:
    whole = choose_sizes(dict.fromkeys(KINDS), [surface()], None, None)
    small = np.zeros(HW, bool)
    small[80:130, 100:150] = True
    part = choose_sizes(dict.fromkeys(KINDS), [surface()], small, None)
    for kind in KINDS:
        share = 0.4 if kind in LINES else 0.2
        assert whole[kind][-1] == pytest.approx(share * 200, rel=0.06)
        assert part[kind][-1] == pytest.approx(share * 50, rel=0.15)
        assert list(whole[kind]) == sorted(set(whole[kind]))
    in_mm = choose_sizes({"hole": None}, [surface()], None, from_scale(0.5, HW))
    assert in_mm["hole"][-1] == pytest.approx(0.5 * whole["hole"][-1], rel=0.06)


@pytest.mark.parametrize("short_px", [1, 10, 480, 5000])
@pytest.mark.parametrize("line", [True, False])
def test_default_sizes_are_at_least_two_pixels(short_px: float, line: bool) -> None:
    sizes = default_sizes(short_px, 1.0, line=line)
    assert sizes[0] >= 2
    assert len(sizes) >= 2
