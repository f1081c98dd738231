"""Tests of explanations on drawn pictures whose defects are known."""

import dataclasses
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from explained_scenes import (
    HW,
    as_image,
    disc,
    inspected,
    line,
    outlined,
    paint,
    right_half,
    surface,
)

from inspector.core.explanation import COLOURS, CONFIDENCES, KINDS, PLACES, SHAPES, Explanation
from inspector.core.types import BadFrame, Defect, Inspection
from inspector.explain.explainer import Explainer
from inspector.explain.options import ExplainOptions
from inspector.measure import shape

Share = npt.NDArray[np.float32]
GREY = (-0.3, -0.3, -0.3)
STRAIGHT = np.array(((60.0, 60.0), (180.0, 110.0)))
BENT = np.column_stack((np.linspace(60, 200, 80), 120 + 18 * np.sin(np.linspace(0, 3.1, 80))))
WINDING = np.array(((60.0, 60), (85, 90), (110, 75), (140, 120), (165, 100), (200, 140)))


def explain(inspection: Inspection, **options: int) -> Inspection:
    return Explainer(ExplainOptions(enabled=True, **options)).explain(inspection)


def explain_share(share: Share, gain: tuple[float, ...] = GREY) -> Explanation:
    image = as_image(paint(surface(), share, gain))
    explanation = explain(inspected(image, outlined(share))).defects[0].explanation
    assert explanation is not None
    return explanation


@pytest.mark.parametrize(
    ("share", "gain", "kind", "shape_name"),
    [
        (disc(180, 120, 20), GREY, "spot", "round"),
        (disc(180, 120, 20), (0.3, 0.3, 0.3), "spot", "round"),
        (disc(180, 120, 24, soft=5), GREY, "stain", "round"),
        (disc(180, 120, 20), (-0.75, -0.75, -0.75), "hole", "round"),
        (disc(180, 120, 20), (-0.35, -0.05, 0.24), "discolouration", "round"),
        (disc(180, 120, 20), (-0.5, -0.3, 0.0), "contamination", "round"),
        (line(STRAIGHT, 3), GREY, "scratch", "straight line"),
        (line(BENT, 3), GREY, "scratch", "curved line"),
        (line(WINDING, 3), GREY, "crack", "winding line"),
        (line(STRAIGHT, 4), (0.5, -0.2, -0.5), "contamination", "straight line"),
    ],
)
def test_the_kind_and_the_shape_are_those_of_the_drawing(
    share: Share, gain: tuple[float, ...], kind: str, shape_name: str
) -> None:
    explanation = explain_share(share, gain)
    assert (explanation.kind, explanation.shape) == (kind, shape_name)
    assert explanation.confidence in ("medium", "high")


def test_a_bright_middle_in_a_dark_ring_is_a_dent() -> None:
    ring, core = disc(180, 120, 24), disc(180, 120, 12)
    picture = paint(paint(surface(), ring, (-0.25,) * 3), core, (0.7,) * 3)
    (defect,) = explain(inspected(as_image(picture), outlined(ring))).defects
    assert defect.explanation is not None
    assert defect.explanation.kind == "dent"


def test_the_figures_are_those_of_the_drawing() -> None:
    figures = explain_share(disc(180, 120, 20)).figures
    assert figures["contrast"] == pytest.approx(-0.3, abs=0.01)
    assert figures["colour_share"] < 0.1
    assert figures["aspect_ratio"] == pytest.approx(1, abs=0.04)
    assert figures["edge_px"] == pytest.approx(1.683 * 0.7, abs=0.4)
    assert (figures["x_share"], figures["y_share"]) == pytest.approx((0.5, 0.5), abs=0.01)
    soft = explain_share(disc(180, 120, 24, soft=5)).figures
    assert soft["edge_px"] == pytest.approx(1.683 * 5, rel=0.15)


@pytest.mark.parametrize(
    ("gain", "colour"),
    [
        ((-0.1, -0.1, 0.4), "reddish"),
        ((-0.4, 0.0, 0.1), "yellowish"),
        ((-0.2, 0.3, -0.2), "greenish"),
        ((0.5, 0.0, -0.1), "bluish"),
        (GREY, None),
    ],
)
def test_the_colour_is_named(gain: tuple[float, ...], colour: str | None) -> None:
    assert explain_share(disc(180, 120, 20), gain).colour == colour


@pytest.mark.parametrize("number", range(9))
def test_the_place_is_a_ninth_of_the_picture(number: int) -> None:
    x, y = HW[1] * (number % 3 + 0.5) / 3, HW[0] * (number // 3 + 0.5) / 3
    explanation = explain_share(disc(x, y, 12))
    assert explanation.place == PLACES[number]
    assert f", {PLACES[number]}: round" in explanation.sentence


def test_the_place_is_counted_within_the_inspected_area() -> None:
    share = disc(200, 120, 12)
    inspection = inspected(as_image(paint(surface(), share, GREY)), outlined(share))
    explainer = Explainer(ExplainOptions(enabled=True), right_half())
    (defect,) = explainer.explain(inspection).defects
    assert defect.explanation is not None
    assert defect.explanation.place == "left"


def test_what_is_not_inspected_does_not_belong_to_the_surroundings() -> None:
    share = disc(196, 120, 12)
    picture = paint(surface(), share, GREY)
    picture[:, :180] = 10
    inspection = inspected(as_image(picture), outlined(share))
    explainer = Explainer(ExplainOptions(enabled=True), right_half())
    (defect,) = explainer.explain(inspection).defects
    assert defect.explanation is not None
    assert defect.explanation.figures["contrast_u"] < 0.02


def test_other_defects_do_not_belong_to_the_surroundings() -> None:
    first, second = disc(150, 120, 10), disc(186, 120, 20)
    picture = paint(paint(surface(), first, GREY), second, (-0.9,) * 3)
    alone = explain(inspected(as_image(picture), outlined(first))).defects[0]
    both = explain(inspected(as_image(picture), outlined(first), outlined(second))).defects[0]
    assert alone.explanation is not None
    assert both.explanation is not None
    assert alone.explanation.figures["contrast_u"] > 0.1
    assert both.explanation.figures["contrast_u"] < 0.02


def test_sizes_verdict_and_scores_do_not_change() -> None:
    share = disc(180, 120, 20)
    before = inspected(as_image(paint(surface(), share, GREY)), outlined(share))
    after = explain(before)
    (defect,) = after.defects
    assert defect.explanation is not None
    for field in dataclasses.fields(Defect):
        if field.name not in ("polygons", "explanation"):
            assert getattr(defect, field.name) == getattr(before.defects[0], field.name), field.name
    assert defect.polygons is before.defects[0].polygons
    assert (after.verdict, after.score) == (before.verdict, before.score)


def test_only_the_strongest_defects_are_explained() -> None:
    shares = [disc(60 + 80 * k, 120, 12) for k in range(4)]
    picture = surface()
    for share in shares:
        picture = paint(picture, share, GREY)
    defects = [outlined(share, k) for k, share in enumerate(shares)]
    result = explain(inspected(as_image(picture), *defects), max_defects=2)
    assert [d.explanation is not None for d in result.defects] == [True, True, False, False]
    assert result.summary is not None
    assert result.summary.startswith("4 defects: 2 x spot, 2 not explained.")


def test_a_size_of_earlier_frames_keeps_its_explanation_with_a_new_place() -> None:
    share = disc(60, 40, 12)
    image = as_image(paint(surface(), share, GREY))
    first = explain(inspected(image, outlined(share))).defects[0]
    assert first.explanation is not None
    moved = replace(first, centroid_px=(300.0, 200.0), size_source="track")
    empty = as_image(surface())
    second = explain(replace(inspected(empty), defects=(moved,))).defects[0].explanation
    assert second is not None
    assert (first.explanation.place, second.place) == ("top left", "bottom right")
    assert second.kind == first.explanation.kind
    assert "bottom right" in second.sentence


def test_an_outline_of_the_map_is_unclear_unless_it_is_a_line_or_a_colour() -> None:
    share = disc(180, 120, 20)
    image = as_image(paint(surface(), share, GREY))
    (defect,) = explain(inspected(image, outlined(share, source="map"))).defects
    assert defect.explanation is not None
    assert (defect.explanation.kind, defect.explanation.confidence) == ("unclear", "low")
    thin = line(STRAIGHT, 3)
    image = as_image(paint(surface(), thin, GREY))
    (defect,) = explain(inspected(image, outlined(thin, source="map"))).defects
    assert defect.explanation is not None
    assert (defect.explanation.kind, defect.explanation.confidence) == ("scratch", "low")


def make_outline(points: npt.NDArray[np.float64], share: Share) -> Defect:
    return replace(
        outlined(share),
        polygons=(points,),
        box_px=shape.bounding_box(points),
        centroid_px=tuple(points.mean(axis=0).tolist()),
        area_px=max(shape.area(points), 0.01),
    )


@pytest.mark.parametrize(
    "points",
    [
        np.array(((0.0, 0.0), (360.0, 0.0), (360.0, 240.0), (0.0, 240.0))),
        np.array(((10.0, 10.0), (10.2, 10.0), (10.1, 10.1))),
        np.array(((-5.0, -5.0), (2.0, -5.0), (2.0, 2.0))),
        np.array(((400.0, 100.0), (420.0, 100.0), (410.0, 120.0))),
    ],
    ids=["the whole frame", "less than a pixel", "cut by the border", "outside"],
)
def test_outlines_without_surroundings_have_an_explanation_too(
    points: npt.NDArray[np.float64],
) -> None:
    defect = make_outline(points, disc(180, 120, 20))
    explanation = explain(inspected(as_image(surface()), defect)).defects[0].explanation
    assert explanation is not None
    assert explanation.kind in KINDS
    assert explanation.place in PLACES
    assert explanation.shape in SHAPES
    assert explanation.confidence in CONFIDENCES
    assert explanation.colour in (None, *COLOURS)
    assert all(np.isfinite(value) for value in explanation.figures.values())


def test_a_black_picture_gives_finite_figures() -> None:
    black = np.zeros((*HW, 3), np.uint8)
    explanation = explain(inspected(black, outlined(disc(180, 120, 20)))).defects[0].explanation
    assert explanation is not None
    assert all(np.isfinite(value) for value in explanation.figures.values())
    assert explanation.confidence == "low"


def test_a_frame_without_defects_says_so_and_a_bad_frame_has_no_summary() -> None:
    empty = inspected(as_image(surface()))
    assert explain(empty).summary == "No defects."
    bad = replace(empty, frame=BadFrame(3, "line", "torn", 0, None, "t"), anomaly_map=None)
    assert explain(bad) is bad


@pytest.mark.parametrize("level", [90, 128, 200])
def test_the_figures_of_a_flat_surface_are_numbers(level: int) -> None:
    image = np.full((*HW, 3), level, np.uint8)
    image[90:110, 195:203] = (176, 213, 180)
    share = line(np.array(((180.0, 60.0), (180.0, 200.0))), 6)
    explanation = explain(inspected(image, outlined(share))).defects[0].explanation
    assert explanation is not None
    assert all(np.isfinite(value) for value in explanation.figures.values())
