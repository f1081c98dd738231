"""Tests of drawing in YUV 4:2:0."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.render.canvas import Canvas, Colour, Font, cut_dashes, split_planes


def black(hw: tuple[int, int]) -> Canvas:
    canvas = Canvas(hw)
    canvas.fill((0, 0, hw[1], hw[0]), Colour(16))
    return canvas


@pytest.mark.parametrize("rgb", ["000000", "ffffff", "d62828", "1f8a43", "0b5fa0", "ffd166"])
def test_colours_match_the_conversion_of_opencv(rgb: str) -> None:
    red, green, blue = (int(rgb[i : i + 2], 16) for i in (0, 2, 4))
    bgr = np.full((2, 2, 3), (blue, green, red), np.uint8)
    i420 = cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420)
    colour = Colour.of(rgb)
    got = np.array((colour.y, colour.u, colour.v))
    assert np.abs(got - i420[(0, 2, 2), (0, 0, 1)].astype(int)).max() <= 1


def test_the_planes_are_views_of_the_buffer() -> None:
    canvas = black((4, 6))
    canvas.y[:], canvas.u[:], canvas.v[:] = 1, 2, 3
    assert canvas.buffer.reshape(-1).tolist() == [1] * 24 + [2] * 6 + [3] * 6
    assert all(np.shares_memory(plane, canvas.buffer) for plane in split_planes(canvas.buffer))


def test_odd_sides_are_refused() -> None:
    with pytest.raises(ValueError, match="5 x 4"):
        Canvas((5, 4))


def test_a_fill_beyond_the_edge_is_clipped() -> None:
    canvas = black((20, 20))
    canvas.fill((-7, 11, 99, 99), Colour.of("ffffff"))
    assert set(np.unique(canvas.y[:10])) == {16}
    assert set(np.unique(canvas.y[10:])) == {235}


def test_an_outline_is_drawn_at_its_points() -> None:
    canvas = black((60, 80))
    square = np.array(((20.0, 10.0), (60.0, 10.0), (60.0, 50.0), (20.0, 50.0)))
    canvas.outline([square], Colour.of("ffffff"), 1)
    rows, columns = np.nonzero(canvas.y > 120)
    # The line along y = 10 lies between the pixel rows 9 and 10.
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (9, 50, 19, 60)
    assert canvas.y[30, 40] == 16


def test_a_coloured_outline_colours_the_chroma_planes_too() -> None:
    canvas = black((60, 80))
    square = np.array(((20.0, 10.0), (60.0, 10.0), (60.0, 50.0), (20.0, 50.0)))
    red = Colour.of("ff0000")
    canvas.outline([square], red, 2)
    assert canvas.v[15, 28:32].max() > 180
    assert canvas.v[4:6, 20].max() > 180
    assert canvas.v[15, 20] == 128


def test_text_is_as_high_as_its_font_and_stays_in_its_line() -> None:
    font = Font(20)
    canvas = black((100, 600))
    canvas.text("FAIL 3.42", 10, 30, font, 235)
    rows, columns = np.nonzero(canvas.y > 100)
    assert 19 <= rows.max() - rows.min() + 1 <= 24
    assert rows.min() >= 30
    assert rows.max() < 30 + font.line_px
    assert abs(columns.max() - (10 + font.width("FAIL 3.42"))) <= 6


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=120), st.integers(40, 400))
@settings(max_examples=50, deadline=None)
def test_wrapped_lines_fit_and_lose_nothing(text: str, width_px: int) -> None:
    font = Font(12)
    lines = font.wrap(text, width_px)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(font.width(line) <= width_px or len(line) == 1 for line in lines)


def test_dashes_lie_on_the_outline_and_cover_half_of_it() -> None:
    square = np.array(((10.0, 10.0), (90.0, 10.0), (90.0, 50.0), (10.0, 50.0)))
    dashes = cut_dashes(square, 6.0)
    assert len(dashes) == round(240 / 12)
    lengths = [np.hypot(*np.diff(dash, axis=0).T).sum() for dash in dashes]
    assert sum(lengths) == pytest.approx(120.0, rel=0.05)
    points = np.concatenate(dashes)
    on_x = np.isin(points[:, 0], (10.0, 90.0))
    on_y = np.isin(points[:, 1], (10.0, 50.0))
    assert (on_x | on_y).all()


@pytest.mark.parametrize(
    "outline", [np.full((4, 2), 7.0), np.array(((1.0, 1.0), (2.0, 1.0), (2.0, 2.0)))]
)
def test_a_tiny_outline_has_at_least_two_dashes(outline: np.ndarray) -> None:
    dashes = cut_dashes(outline, 6.0)
    assert len(dashes) == 2
    assert np.isfinite(np.concatenate(dashes)).all()


def test_a_dashed_outline_leaves_gaps() -> None:
    circle = 60 + 40 * np.column_stack((np.cos(angles := np.linspace(0, 6.2, 90)), np.sin(angles)))
    drawn = []
    for dashed in (False, True):
        canvas = Canvas((120, 120))
        canvas.fill((0, 0, 120, 120), Colour(128))
        canvas.outline([circle], Colour(235), 1, dashed=dashed)
        drawn.append(np.count_nonzero(canvas.y != 128))
    assert 0.4 * drawn[0] < drawn[1] < 0.8 * drawn[0]
