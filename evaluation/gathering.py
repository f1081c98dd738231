"""Collects what an engine says of the pictures of one class, keeping no map and no picture."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

from engines.spec import EngineSpec
from evaluation.given import PIXEL_RESAMPLES, Settings
from evaluation.judging import Judged, Unjudged, inspected
from evaluation.results import PictureResult
from inspector.core.arrays import Mask
from learning.datasets.types import Sample
from learning.metrics.aupimo import NormalScores, SharedRates, mean
from learning.metrics.pixel_bootstrap import PixelBootstrap
from learning.metrics.pixels import LIMIT, PixelCurve
from learning.metrics.regions import Place, Region, Size, measure_regions
from learning.metrics.value import Metric

LEAST: Final = 1 << 16
"""Distinct scores kept for one kind of defect, however many kinds there are."""


class Gathering:
    """Good pictures first, then defective ones.

    pictures: of all that were added. good: pixel counts of good pictures; by_kind: of defective
    ones with masks; bootstrap: of both. found, regions: counts of defect regions by size and by
    place. fitted: names of pictures that the engine was fitted on.
    """

    def __init__(self, spec: EngineSpec, tests: Sequence[Sample], settings: Settings) -> None:
        kinds = sorted({sample.kind for sample in tests if sample.defective})
        self.pictures: list[PictureResult] = []
        self.good = PixelCurve()
        # All kinds together keep as many scores as the good pictures: more kinds, no more memory.
        limit = max(LEAST, LIMIT // max(1, len(kinds)))
        self.by_kind = {kind: PixelCurve(limit) for kind in kinds}
        self.regions: Counter[Size | Place] = Counter()
        self.found: Counter[Size | Place] = Counter()
        self.fitted: list[str] = []
        self.settings = settings
        replicates = min(settings.resamples, PIXEL_RESAMPLES)
        self.bootstrap = PixelBootstrap(seed=settings.seed, replicates=replicates)
        # Equal for all engines on these pictures, whichever of them fail: their draws are paired.
        self._numbers = {sample.name: number for number, sample in enumerate(tests)}
        self._normals = NormalScores()
        self._rates: SharedRates | None = None
        self._aupimo: dict[str, Metric] = {}
        self._spec = spec
        self._inside = None if spec.roi is None else inspected(spec)

    def add(self, one: Judged | Unjudged) -> None:
        if isinstance(one, Unjudged):
            self.pictures.append(_errored(one))
            return
        if one.fitted:
            self.fitted.append(one.sample.name)
        note = _left_out(one)
        regions: list[Region] = []
        if one.truth is not None and note is None:
            curve = self.by_kind[one.sample.kind] if one.sample.defective else self.good
            curve.add(one.anomaly_map, one.truth.mask, self._inside)
            regions = measure_regions(
                one.anomaly_map, one.truth.mask, self._inside, self._spec.pixel_threshold
            )
            if self.settings.resamples:
                number = self._numbers[one.sample.name]
                self.bootstrap.add(number, one.anomaly_map, one.truth.mask, self._inside)
            self._add_aupimo(one, one.truth.mask)
        for region in regions:
            self.regions.update((region.size, region.place))
            if region.found:
                self.found.update((region.size, region.place))
        self.pictures.append(self._result(one, note, regions))

    def marks(self, picture: PictureResult) -> bool:
        """Whether its map reaches the pixel threshold anywhere."""
        return picture.peak is not None and picture.peak >= self._spec.pixel_threshold

    def total(self) -> PixelCurve:
        """Of all pictures that take part in the pixel figures."""
        return merged(self.good, *self.by_kind.values())

    def aupimo(self, pictures: Sequence[PictureResult]) -> Metric:
        """The mean over those of them that are defective and have a mask."""
        found = [self._aupimo[one.name] for one in pictures if one.name in self._aupimo]
        return mean(found, seed=self.settings.seed)

    def _add_aupimo(self, one: Judged, truth: Mask) -> None:
        if not one.sample.defective:
            self._normals.add(one.anomaly_map, self._inside)
            return
        if self._rates is None:
            self._rates = self._normals.rates()
        name = one.sample.name
        self._aupimo[name] = self._rates.aupimo(one.anomaly_map, truth, self._inside)

    def _result(self, one: Judged, note: str | None, regions: list[Region]) -> PictureResult:
        seen = one.anomaly_map if self._inside is None else one.anomaly_map[self._inside]
        truth, pimo = one.truth, self._aupimo.get(one.sample.name)
        return PictureResult(
            name=one.sample.name,
            path=str(one.sample.path),
            kind=one.sample.kind,
            defective=one.sample.defective,
            has_mask=bool(one.sample.masks),
            verdict="FAIL" if one.score >= self._spec.image_threshold else "PASS",
            score=one.score,
            peak=float(seen.max()),
            regions=len(regions),
            regions_found=sum(region.found for region in regions),
            vanished=0 if truth is None else truth.vanished,
            outside=0 if truth is None else truth.outside,
            aupimo=pimo.value if pimo is not None and pimo.defined else None,
            preprocess_ms=one.preprocess_ms,
            infer_ms=one.infer_ms,
            note=note,
        )


def merged(*curves: PixelCurve) -> PixelCurve:
    """A new curve; the given ones stay."""
    total = PixelCurve()
    for curve in curves:
        total.merge(curve)
    return total


def scores_of(pictures: Sequence[PictureResult]) -> tuple[np.ndarray, np.ndarray]:
    """Scores (n,) float64 and whether each picture is defective (n,) bool; those in error are left
    out."""
    judged = [one for one in pictures if one.score is not None]
    return (
        np.array([one.score for one in judged], np.float64),
        np.array([one.defective for one in judged], bool),
    )


def _left_out(one: Judged) -> str | None:
    """Why a picture takes no part in the pixel figures."""
    if one.truth is None:
        return "it has no mask"
    if one.sample.defective and not one.truth.regions:
        return "its mask shows no defect"
    return None


def _errored(one: Unjudged) -> PictureResult:
    return PictureResult(
        name=one.sample.name,
        path=str(one.sample.path),
        kind=one.sample.kind,
        defective=one.sample.defective,
        has_mask=bool(one.sample.masks),
        verdict="ERROR",
        error=one.error,
    )
