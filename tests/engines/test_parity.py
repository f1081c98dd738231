"""Tests the comparison with golden pictures: only rounding may differ."""

import dataclasses
import itertools

import numpy as np
import pytest

from engines import golden, parity
from engines.backends.onnx import OnnxEngine
from engines.parity import TOLERANCES, RegionSize, Ruler
from engines.spec import PRECISIONS
from inspector.core.errors import ParityError
from inspector.engine_check import make_ruler
from inspector.measure.options import MeasureOptions


class Altered:
    """An engine with a function that changes its outputs."""

    running_on = "altered"

    def __init__(self, engine, change):
        self._engine, self._change, self.spec = engine, change, engine.spec

    def infer(self, pixels):
        maps, scores = self._engine.infer(pixels)
        return self._change(maps.copy(), scores.copy())


@pytest.fixture
def engine(engine_file):
    opened = OnnxEngine(engine_file, threads=1)
    yield opened
    opened.close()


def compare(engine, change, **options):
    spec = engine.spec
    measuring = make_ruler(spec, None, MeasureOptions(), pixel_threshold=spec.pixel_threshold)
    result = parity.compare_golden(Altered(engine, change), ruler=measuring, **options)
    assert result is not None
    return result


def test_the_unchanged_engine_is_far_below_the_tolerances(engine):
    result = compare(engine, lambda maps, scores: (maps, scores))
    assert result.failures == ()
    assert result.differences["score"] < 1e-5
    assert result.differences["map"] < 5e-4, (
        "half a unit of float16, because the map is stored as float16"
    )
    assert result.as_dict()["passed"] is True


@pytest.mark.parametrize(
    ("change", "quantity"),
    [
        (lambda maps, scores: (maps * 1.01, scores), "map"),
        (lambda maps, scores: (maps, scores * 1.01), "score"),
        (lambda maps, scores: (np.roll(maps, 1, axis=2), scores), "map"),
        (lambda maps, scores: (maps * np.nan, scores), "map"),
        (lambda maps, scores: (maps, scores * np.nan), "score"),
        (lambda maps, scores: (maps + np.inf, scores), "map"),
        (lambda maps, scores: (maps * 0, scores), "mask"),
    ],
)
def test_the_error_names_the_quantity_that_differs(engine, change, quantity):
    result = compare(engine, change)
    assert any(failure.startswith(quantity) for failure in result.failures)
    with pytest.raises(ParityError, match="altered does not give the reference outputs") as caught:
        parity.require_parity(result)
    assert caught.value.exit_code == 6
    assert result.as_dict()["passed"] is False


def test_a_verdict_that_flips_is_refused_even_for_a_tiny_difference(engine):
    stored = golden.unpack(engine.spec)
    limit = float(stored.scores.max()) * (1 - 1e-7)
    result = compare(
        engine, lambda maps, scores: (maps, scores * (1 - 4e-5)), image_threshold=limit
    )
    assert result.flips == 1
    assert result.failures == ("the verdict of 1 of 2 pictures",)


def test_a_backend_that_is_wrong_only_in_a_batch_is_refused(engine):
    def last_is_wrong(maps, scores):
        if len(scores) > 1:
            scores[-1] *= 1.01
        return maps, scores

    single, batched = (compare(engine, last_is_wrong, batch=size) for size in (1, 4))
    assert (single.pictures, single.failures) == (2, ())
    assert batched.pictures == 2 + 4
    assert [failure.split()[0] for failure in batched.failures] == ["score"]
    assert compare(engine, lambda *same: same, batch=4).failures == ()


def test_a_verdict_by_size_that_flips_is_refused_even_for_a_tiny_difference(engine):
    """The size limit is between the largest regions of the two maps."""
    spec, change = engine.spec, lambda maps, scores: (maps * np.float32(0.9992), scores)
    level = float(np.quantile(golden.unpack(spec).maps, 0.9))
    areas = []

    def failed(score, defects):
        areas.append(max(defect.area_px for defect in defects))
        return areas[-1] >= limit

    limit = 0.0
    measuring = make_ruler(spec, None, MeasureOptions(), pixel_threshold=level, failed=failed)
    altered = Altered(engine, change)
    assert parity.compare_golden(altered, pixel_threshold=level, ruler=measuring).failures == ()
    limit = (areas[0] + areas[1]) / 2
    assert areas[0] < limit < areas[1]
    flipped = parity.compare_golden(altered, pixel_threshold=level, ruler=measuring)
    assert flipped.failures == ("the verdict of 1 of 2 pictures",)


def test_a_region_of_another_length_is_refused(engine):
    level = float(np.quantile(golden.unpack(engine.spec).maps, 0.9))
    expected = make_ruler(engine.spec, None, MeasureOptions(), pixel_threshold=level)
    turns = itertools.cycle((1.2, 1.0))

    def enlarge(anomaly_map):
        """The map of the engine is measured first, the reference second."""
        factor = next(turns)
        return [
            dataclasses.replace(r, length=r.length * factor) for r in expected.measure(anomaly_map)
        ]

    same = parity.compare_golden(engine, pixel_threshold=level, ruler=expected)
    other = parity.compare_golden(
        engine, pixel_threshold=level, ruler=Ruler(enlarge, "px", expected.pixel)
    )
    assert same.failures == ()
    assert same.length < 0.5
    assert [failure.split()[0] for failure in other.failures] == ["length"]


def test_small_regions_are_compared_as_if_they_were_larger(engine):
    sizes = iter([1.0, 2.0, 1.0, 2.0])
    tiny = Ruler(lambda _: [RegionSize((5.0, 5.0), next(sizes), 1.0)], "mm", 0.5)
    result = parity.compare_golden(engine, ruler=tiny)
    assert result.length == 1.0
    assert result.differences["length"] == pytest.approx(1 / 4)
    assert result.as_dict()["length_mm"] == 1.0


def test_unmatched_regions_are_counted(engine):
    calls = iter(range(4))
    ruled = Ruler(
        lambda _: [RegionSize((5.0, 5.0), 9.0, 9.0), RegionSize((80.0, 50.0), 9.0, 9.0)][
            : 1 + next(calls)
        ],
        "px",
        1.0,
    )
    assert parity.compare_golden(engine, ruler=ruled).unmatched == 1


def test_a_file_without_golden_pictures_gives_no_result(engine):
    bare = Altered(engine, lambda maps, scores: (maps, scores))
    bare.spec = dataclasses.replace(engine.spec, golden={})
    assert parity.compare_golden(bare) is None


def test_every_precision_has_tolerances_and_float16_has_larger_ones():
    assert set(TOLERANCES) == set(PRECISIONS)
    assert all(TOLERANCES["float16"][key] > limit for key, limit in TOLERANCES["float32"].items())


def test_verify_compares_and_refuses(engine):
    assert parity.verify(Altered(engine, lambda maps, scores: (maps, scores))) is not None
    with pytest.raises(ParityError):
        parity.verify(Altered(engine, lambda maps, scores: (maps, scores * 2)))
