"""Tests of the close-up of a defect: which part of the frame it shows, and how."""

from dataclasses import replace

import numpy as np
import pytest
from output_parts import defect

from inspector.core.geometry import Points
from inspector.core.types import Defect, Severity
from inspector.render.close_up import LEAST_PX, MOST_PX, cut_out, draw_close_up

FRAME = np.random.default_rng(3).integers(0, 256, (600, 800, 3)).astype(np.uint8)


def rectangle(x0: float, y0: float, x1: float, y1: float) -> Defect:
    outline: Points = np.array(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), dtype=np.float64)
    return replace(defect(), polygons=(outline,), box_px=(x0, y0, x1, y1))


BOXES = [
    (400.0, 300.0, 405.0, 303.0),
    (0.0, 0.0, 4.0, 4.0),
    (795.0, 590.0, 800.0, 600.0),
    (100.0, 200.0, 700.0, 206.0),
    (300.0, 0.0, 305.0, 600.0),
    (0.0, 0.0, 800.0, 600.0),
]


@pytest.mark.parametrize("box", BOXES)
def test_it_shows_the_whole_defect_at_a_readable_size(box: tuple[float, ...]) -> None:
    part = cut_out(FRAME, rectangle(*box))
    corners = part.to_image.apply(np.array(box).reshape(2, 2))
    height, width = part.image.shape[:2]
    assert (corners >= -0.01).all()
    assert (corners <= (width + 0.01, height + 0.01)).all()
    assert max(height, width) <= MOST_PX
    assert min(height, width) >= 48
    picture = draw_close_up(part, rectangle(*box), ["d1 0.5 x 0.3 mm", "frame 7"])
    assert LEAST_PX <= picture.shape[1] <= 2 * MOST_PX + 20
    assert picture.shape[0] <= 2 * MOST_PX


@pytest.mark.parametrize("box", [*BOXES[:3], BOXES[4]])
def test_an_unscaled_part_equals_the_frame(box: tuple[float, ...]) -> None:
    part = cut_out(FRAME, rectangle(*box))
    x0, y0 = np.rint(part.to_image.inverse().apply(np.zeros((1, 2)))[0]).astype(int)
    height, width = part.image.shape[:2]
    np.testing.assert_array_equal(part.image, FRAME[y0 : y0 + height, x0 : x0 + width])


def test_it_is_a_copy() -> None:
    frame = FRAME.copy()
    part = cut_out(frame, rectangle(*BOXES[0]))
    before = part.image.copy()
    frame[:] = 0
    np.testing.assert_array_equal(part.image, before)


def test_a_part_of_a_large_frame_is_scaled_down() -> None:
    frame = np.zeros((4000, 6000, 3), np.uint8)
    frame[1000:3000, 500:5500] = 200
    part = cut_out(frame, rectangle(500.0, 1000.0, 5500.0, 3000.0))
    assert max(part.image.shape[:2]) == MOST_PX
    corners = part.to_image.apply(np.array(((500.0, 1000.0), (5500.0, 3000.0))))
    bright = np.argwhere(part.image[:, :, 0] > 100)
    np.testing.assert_allclose(corners[0], bright.min(axis=0)[::-1], atol=1.0)
    np.testing.assert_allclose(corners[1], bright.max(axis=0)[::-1] + 1, atol=1.0)


@pytest.mark.parametrize("box", [(60.0, 60.0, 90.0, 80.0), (20.0, 60.0, 180.0, 70.0)])
def test_only_the_second_panel_has_the_outline(box: tuple[float, ...]) -> None:
    frame = np.full((120, 200, 3), 100, np.uint8)
    item = replace(rectangle(*box), severity=Severity.CRITICAL)
    picture = draw_close_up(cut_out(frame, item), item, [])
    height, width = picture.shape[:2]
    below = height > width / 2
    first, second = (
        (picture[: height // 2 - 3], picture[height // 2 + 3 :])
        if below
        else (picture[:, : width // 2 - 3], picture[:, width // 2 + 3 :])
    )
    assert (first == 100).mean() > 0.99
    red = (second[:, :, 2] > 180) & (second[:, :, 1] < 90)
    rows, columns = np.nonzero(red)
    part = cut_out(frame, item)
    scale = second.shape[1] / part.image.shape[1]
    corners = part.to_image.apply(np.array(box).reshape(2, 2)) * scale
    assert columns.min() == pytest.approx(corners[0, 0], abs=3)
    assert columns.max() == pytest.approx(corners[1, 0], abs=3)
    assert rows.min() == pytest.approx(corners[0, 1], abs=3)
    assert rows.max() == pytest.approx(corners[1, 1], abs=3)


def test_the_text_is_above_the_panels() -> None:
    item = rectangle(*BOXES[0])
    part = cut_out(np.full((600, 800, 3), 20, np.uint8), item)
    bare, labelled = draw_close_up(part, item, []), draw_close_up(part, item, ["d1 3 x 2 mm high"])
    extra = labelled.shape[0] - bare.shape[0]
    assert extra > 10
    assert labelled[:extra].max() > 180
    np.testing.assert_array_equal(labelled[extra:], bare)
