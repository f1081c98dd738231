"""Tests of the text and the position of labels."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.core.decisions import Decision
from inspector.core.geometry import Affine, Box
from inspector.core.types import Defect, Severity
from inspector.render.canvas import Canvas, Colour, Font
from inspector.render.overlay import (
    MAX_LABELS,
    draw_labels,
    find_label_box,
    format_label,
    overlap_area,
)

AREA = (640, 20, 1280, 380)


def defect(number: int = 0, at: tuple[float, float] = (100.0, 100.0)) -> Defect:
    x, y = at
    outline = np.array(((x, y), (x + 30, y), (x + 30, y + 20), (x, y + 20)))
    return Defect(
        number,
        (outline,),
        0,
        (x, y, x + 30, y + 20),
        (x + 15, y + 10),
        600.0,
        36.06,
        20.0,
        30.0,
        3.0,
        2.0,
        Severity.HIGH,
        "refined",
        False,
        600.0,
        36.0,
        20.0,
        length_mm=3.417,
        width_mm=1.204,
        length_u_mm=0.058,
        width_u_mm=0.3,
    )


@pytest.mark.parametrize(
    ("changes", "unit", "text"),
    [
        ({}, "mm", "#0 3.42 +-0.12 x 1.2 +-0.6 mm high"),
        ({}, "inch", "#0 0.135 +-0.005 x 0.047 +-0.024 in high"),
        ({"length_u_mm": None}, "mm", "#0 3.42 x 1.20 mm high"),
        ({"length_mm": None, "width_mm": None}, "mm", "#0 36 x 20 px high"),
        (
            {"length_mm": None, "width_mm": None, "length_u_px": 0.31, "width_u_px": 0.55},
            "mm",
            "#0 36.1 +-0.7 x 20.0 +-1.1 px high",
        ),
        ({"size_source": "map"}, "mm", "#0 up to 3.42 x 1.20 mm high"),
        (
            {"size_source": "map", "truncated": True},
            "mm",
            "#0 up to 3.42 x 1.20 mm high, cut off",
        ),
        ({"size_source": "mask"}, "mm", "#0 ~3.42 x 1.20 mm high"),
        (
            {"truncated": True, "severity": Severity.LOW},
            "mm",
            "#0 >3.42 +-0.12 x 1.2 +-0.6 mm low",
        ),
        (
            {"size_source": "map", "decision": Decision.CANNOT_BE_DECIDED},
            "mm",
            "#0 up to 3.42 x 1.20 mm high, undecided",
        ),
    ],
)
def test_a_label_gives_size_unit_and_severity(
    changes: dict[str, object], unit: str, text: str
) -> None:
    assert format_label(replace(defect(), **changes), unit) == text


boxes = st.tuples(
    st.integers(600, 1300), st.integers(0, 400), st.integers(2, 200), st.integers(2, 200)
).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))


@given(st.lists(boxes, min_size=1, max_size=15), st.integers(20, 300), st.integers(8, 60))
@settings(deadline=None)
def test_labels_stay_inside_and_off_each_other(anchors: list[Box], width: int, height: int) -> None:
    occupied: list[Box] = []
    for anchor in anchors:
        box = find_label_box(anchor, (width, height), AREA, occupied, anchors)
        if box is None:
            continue
        assert box[2] - box[0] == width
        assert box[3] - box[1] == height
        assert AREA[0] <= box[0] and box[2] <= AREA[2]  # noqa: PT018
        assert AREA[1] <= box[1] and box[3] <= AREA[3]  # noqa: PT018
        assert all(overlap_area(box, other) == 0 for other in occupied)
        occupied.append(box)
    assert occupied


def test_a_single_label_is_above_its_defect_or_below_it_at_the_upper_edge() -> None:
    assert find_label_box((700, 100, 730, 120), (90, 20), AREA, [], []) == (700, 76, 790, 96)
    at_top = (700, 20, 730, 40)
    assert find_label_box(at_top, (90, 20), AREA, [], [at_top]) == (700, 44, 790, 64)


def test_a_label_wider_than_the_panel_is_left_out() -> None:
    assert find_label_box((700, 100, 730, 120), (700, 20), AREA, [], []) is None


def test_many_defects_get_at_most_the_largest_number_of_labels() -> None:
    canvas = Canvas((380, 1280))
    canvas.fill((0, 0, 1280, 380), Colour(16))
    crowd = tuple(defect(i, (40.0 * (i % 15), 30.0 * (i // 15) + 60)) for i in range(60))
    drawn = draw_labels(canvas, crowd, Affine(1, 1, 640, 20), AREA, Font(11), "mm")
    assert drawn == MAX_LABELS
