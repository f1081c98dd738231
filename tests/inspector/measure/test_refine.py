"""Compares refined sizes with the sizes of rendered defects."""

import numpy as np
import pytest
from measure_scenes import THRESHOLD, TO_FRAME, bar, defect, ellipse, scene, swollen, texture

from inspector.core.geometry import Points
from inspector.core.types import Defect
from inspector.measure.analyzer import MapAnalyzer
from inspector.measure.contours import find_regions
from inspector.measure.options import MeasureOptions
from inspector.synthetic.rendered_defects import RenderedDefect


def analyze(image: np.ndarray, anomaly_map: np.ndarray) -> tuple[Defect, ...]:
    analyzer = MapAnalyzer(None, MeasureOptions(max_refined=20))
    return analyzer.analyze(image, anomaly_map, TO_FRAME, THRESHOLD)


def measure_only(seed: int, true: RenderedDefect) -> Defect:
    (measured,) = analyze(*scene(seed, true))
    assert measured.size_source == "refined"
    assert measured.map_area_px > 1.5 * true.area_px
    return measured


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("length", "width"), [(60.0, 60.0), (40.0, 25.0), (12.0, 10.0)])
def test_a_dark_hole_is_sized_to_a_few_percent(seed: int, length: float, width: float) -> None:
    true = defect(ellipse((330.3, 170.7), length, width, 25.0))
    measured = measure_only(seed, true)
    assert measured.area_px == pytest.approx(true.area_px, rel=0.06)
    assert measured.length_px == pytest.approx(true.length_px, rel=0.06)
    assert measured.centroid_px == pytest.approx(true.centroid, abs=1.0)


@pytest.mark.parametrize("thickness", [2.5, 4.0, 8.0])
@pytest.mark.parametrize("gain", [0.3, 1.7])
def test_a_thin_scratch_keeps_its_length_and_area(thickness: float, gain: float) -> None:
    true = defect(bar((300.0, 180.0), 150.0, thickness, 20.0), (gain, gain, gain))
    measured = measure_only(3, true)
    assert measured.length_px == pytest.approx(true.length_px, rel=0.04)
    assert measured.area_px == pytest.approx(true.area_px, rel=0.2)
    # The length of a bar with square ends is its diagonal.
    diagonal = np.degrees(np.arctan2(thickness, 150.0))
    assert abs(abs(measured.orientation_deg - 20.0) - diagonal) < 1.5


def test_a_defect_that_differs_in_colour_only_is_sized_by_its_colour() -> None:
    # Its luma equals that of the texture: 0.114 B + 0.587 G + 0.299 R is unchanged.
    true = defect(ellipse((300.0, 180.0), 40.0, 24.0, 70.0), (1.25, 0.8, 1.264))
    measured = measure_only(4, true)
    assert measured.area_px == pytest.approx(true.area_px, rel=0.08)


def test_nothing_on_the_frame_keeps_the_size_of_the_map_and_names_the_reason() -> None:
    spot = np.zeros((360, 640), np.float32)
    spot[170:190, 300:320] = 1
    (measured,) = analyze(texture(5), swollen(spot))
    assert measured.size_source == "map"
    assert measured.size_note is not None
    assert "too similar to the texture" in measured.size_note
    assert measured.area_px == measured.map_area_px


def test_two_defects_in_one_region_of_the_map_become_two() -> None:
    first = defect(ellipse((300.0, 180.0), 16.0, 16.0, 0.0))
    second = defect(ellipse((334.0, 180.0), 16.0, 16.0, 0.0))
    defects = analyze(*scene(6, first, second))
    assert [d.size_source for d in defects] == ["refined", "refined"]
    assert defects[0].map_area_px == defects[1].map_area_px
    xs = sorted(d.centroid_px[0] for d in defects)
    assert xs == pytest.approx([300.0, 334.0], abs=1.5)
    assert all(d.area_px == pytest.approx(first.area_px, rel=0.1) for d in defects)


def test_three_defects_of_different_size_in_one_region_become_three() -> None:
    sizes = {255.0: 14.0, 300.0: 20.0, 350.0: 12.0}
    true = [defect(ellipse((x, 180.0), size, size, 0.0)) for x, size in sizes.items()]
    defects = sorted(analyze(*scene(11, *true)), key=lambda d: d.centroid_px[0])
    assert [d.centroid_px[0] for d in defects] == pytest.approx(list(sizes), abs=1.5)
    assert [d.length_px for d in defects] == pytest.approx(list(sizes.values()), rel=0.15)


@pytest.mark.parametrize("seed", range(12))
def test_any_map_on_any_texture_gives_finite_sizes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = texture(seed, grain=float(rng.uniform(0.5, 8)), contrast=float(rng.uniform(1, 60)))
    spots = (rng.random((360, 640)) < 10 ** rng.uniform(-5, -3)).astype(np.float32)
    defects = analyze(image, swollen(spots, sigma=float(rng.uniform(1, 6))))
    for d in defects:
        sizes = (d.area_px, d.length_px, d.width_px, d.peak_score, d.mean_score)
        assert np.isfinite(sizes).all()
        assert min(sizes) >= 0
        assert d.width_px <= d.length_px * 1.001
        assert d.area_px <= d.length_px * d.width_px * 1.01
        assert (d.size_note is None) == (d.size_source == "refined")


def test_a_fainter_defect_of_another_colour_in_the_same_region_is_sized_too() -> None:
    hole = defect(ellipse((270.0, 180.0), 26.0, 22.0, 0.0), (0.1, 0.1, 0.1))
    stain = defect(ellipse((350.0, 190.0), 34.0, 26.0, 0.0), (0.6, 0.95, 1.2))
    image, anomaly_map = scene(10, hole, stain)
    (region,) = find_regions(np.maximum(anomaly_map, _bridge()), THRESHOLD)
    assert region.holes == 0
    defects = analyze(image, np.maximum(anomaly_map, _bridge()))
    xs = sorted(d.centroid_px[0] for d in defects)
    assert xs == pytest.approx([270.0, 350.0], abs=2.0)
    for true, d in zip((hole, stain), sorted(defects, key=lambda d: d.centroid_px[0]), strict=True):
        assert d.area_px == pytest.approx(true.area_px, rel=0.12)


def _bridge() -> np.ndarray:
    """A low ridge of the map that joins two regions."""
    ridge = np.zeros((128, 224), np.float32)
    ridge[60:70, 88:128] = 1.2 * THRESHOLD
    return ridge


def test_a_scratch_that_fades_in_between_stays_one_defect() -> None:
    parts = [defect(bar((x, 180.0), 60.0, 5.0, 0.0)) for x in (260.0, 332.0)]
    (measured,) = analyze(*scene(7, *parts))
    assert measured.length_px == pytest.approx(132.0, rel=0.05)


def test_a_defect_cut_by_the_frame_is_truncated_and_another_is_not() -> None:
    cut = defect(ellipse((300.0, 4.0), 40.0, 30.0, 0.0))
    (measured,) = analyze(*scene(8, cut))
    assert measured.truncated
    assert min(y for polygon in measured.polygons for _, y in polygon) == pytest.approx(
        0.0, abs=0.6
    )
    assert not measure_only(8, defect(ellipse((300.0, 180.0), 40.0, 30.0, 0.0))).truncated


def move(points: Points, by: tuple[float, float]) -> Points:
    return points + np.array(by)


def test_the_same_defect_half_a_pixel_further_moves_by_half_a_pixel() -> None:
    outline = ellipse((300.0, 180.0), 40.0, 30.0, 0.0)
    before = measure_only(9, defect(outline)).centroid_px
    after = measure_only(9, defect(move(outline, (0.5, 0.25)))).centroid_px
    assert after[0] - before[0] == pytest.approx(0.5, abs=0.15)
    assert after[1] - before[1] == pytest.approx(0.25, abs=0.15)


def test_a_region_that_swells_over_the_whole_frame_is_still_sized() -> None:
    """A strong defect under a tight threshold: nothing of the map is left below it."""
    true = [defect(ellipse((300.0, 180.0), 30.0, 30.0, 0.0))]
    image, anomaly_map = scene(11, *true)
    (measured,) = analyze(image, anomaly_map + np.float32(2.0))
    assert measured.size_source == "refined"
    assert measured.map_area_px == pytest.approx(image.shape[0] * image.shape[1])
    assert measured.area_px == pytest.approx(true[0].area_px, rel=0.05)
