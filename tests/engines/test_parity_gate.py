"""The gate: a backend that computes something else is refused, and rounding is not."""

import dataclasses
import itertools

import numpy as np
import pytest

from engines import golden, parity
from engines.backends.onnx import OnnxEngine
from engines.parity import TOLERANCES, Region, Ruler
from engines.spec import PRECISIONS
from inspector.core.errors import ParityError
from inspector.gate import make_ruler
from inspector.measure.options import MeasureOptions


class Altered:
    """An engine whose outputs pass through a function."""

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


def found(engine, change, **options):
    spec = engine.spec
    measuring = make_ruler(spec, None, MeasureOptions(), pixel_threshold=spec.pixel_threshold)
    result = parity.find(Altered(engine, change), ruler=measuring, **options)
    assert result is not None
    return result


def test_the_engine_itself_passes_far_inside_its_tolerances(engine):
    one = found(engine, lambda maps, scores: (maps, scores))
    assert one.broken == ()
    assert one.differences["score"] < 1e-5
    assert one.differences["map"] < 5e-4, "half a unit of float16, in which the map is kept"
    assert one.as_dict()["passed"] is True


@pytest.mark.parametrize(
    ("change", "broken"),
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
def test_another_result_is_refused_by_name(engine, change, broken):
    one = found(engine, change)
    assert any(what.startswith(broken) for what in one.broken)
    with pytest.raises(ParityError, match="altered does not compute") as caught:
        parity.check(one)
    assert caught.value.exit_code == 6
    assert one.as_dict()["passed"] is False


def test_a_verdict_that_flips_is_refused_however_close(engine):
    kept = golden.unpack(engine.spec)
    limit = float(kept.scores.max()) * (1 - 1e-7)
    one = found(engine, lambda maps, scores: (maps, scores * (1 - 4e-5)), image_threshold=limit)
    assert one.flips == 1
    assert one.broken == ("the verdict of 1 of 2 pictures",)


def test_a_backend_that_computes_something_else_in_a_batch_is_refused(engine):
    def last_is_wrong(maps, scores):
        if len(scores) > 1:
            scores[-1] *= 1.01
        return maps, scores

    alone, together = (found(engine, last_is_wrong, batch=size) for size in (1, 4))
    assert (alone.pictures, alone.broken) == (2, ())
    assert together.pictures == 2 + 4
    assert [what.split()[0] for what in together.broken] == ["score"]
    assert found(engine, lambda *same: same, batch=4).broken == ()


def test_a_verdict_by_size_that_flips_is_refused_however_close(engine):
    """The smallest region that fails lies between the largest ones of the two maps."""
    spec, change = engine.spec, lambda maps, scores: (maps * np.float32(0.9992), scores)
    level = float(np.quantile(golden.unpack(spec).maps, 0.9))
    seen = []

    def failed(score, defects):
        seen.append(max(defect.area_px for defect in defects))
        return seen[-1] >= limit

    limit = 0.0
    measuring = make_ruler(spec, None, MeasureOptions(), pixel_threshold=level, failed=failed)
    altered = Altered(engine, change)
    assert parity.find(altered, pixel_threshold=level, ruler=measuring).broken == ()
    limit = (seen[0] + seen[1]) / 2
    assert seen[0] < limit < seen[1]
    flipped = parity.find(altered, pixel_threshold=level, ruler=measuring)
    assert flipped.broken == ("the verdict of 1 of 2 pictures",)


def test_a_region_of_another_length_is_refused(engine):
    level = float(np.quantile(golden.unpack(engine.spec).maps, 0.9))
    right = make_ruler(engine.spec, None, MeasureOptions(), pixel_threshold=level)
    turns = itertools.cycle((1.2, 1.0))

    def swollen(anomaly_map):
        """What was found is measured first, the reference second."""
        factor = next(turns)
        return [
            dataclasses.replace(r, length=r.length * factor) for r in right.measure(anomaly_map)
        ]

    same = parity.find(engine, pixel_threshold=level, ruler=right)
    other = parity.find(engine, pixel_threshold=level, ruler=Ruler(swollen, "px", right.pixel))
    assert same.broken == ()
    assert same.length < 0.5
    assert [what.split()[0] for what in other.broken] == ["length"]


def test_small_regions_are_compared_as_if_they_were_larger(engine):
    sizes = iter([1.0, 2.0, 1.0, 2.0])
    tiny = Ruler(lambda _: [Region((5.0, 5.0), next(sizes), 1.0)], "mm", 0.5)
    one = parity.find(engine, ruler=tiny)
    assert one.length == 1.0
    assert one.differences["length"] == pytest.approx(1 / 4)
    assert one.as_dict()["length_mm"] == 1.0


def test_regions_that_only_one_has_are_counted(engine):
    calls = iter(range(4))
    ruled = Ruler(
        lambda _: [Region((5.0, 5.0), 9.0, 9.0), Region((80.0, 50.0), 9.0, 9.0)][: 1 + next(calls)],
        "px",
        1.0,
    )
    assert parity.find(engine, ruler=ruled).unmatched == 1


def test_a_file_without_golden_pictures_is_not_judged(engine):
    bare = Altered(engine, lambda maps, scores: (maps, scores))
    bare.spec = dataclasses.replace(engine.spec, golden={})
    assert parity.find(bare) is None


def test_the_table_has_a_row_for_every_precision_and_half_allows_more():
    assert set(TOLERANCES) == set(PRECISIONS)
    assert all(TOLERANCES["float16"][key] > limit for key, limit in TOLERANCES["float32"].items())


def test_verifying_is_finding_and_refusing(engine):
    assert parity.verify(Altered(engine, lambda maps, scores: (maps, scores))) is not None
    with pytest.raises(ParityError):
        parity.verify(Altered(engine, lambda maps, scores: (maps, scores * 2)))
