"""Collects scores, pixel counts and region counts of one class; keeps no maps and no pictures."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from engines.spec import EngineSpec
from evaluation.inference import FailedPicture, ScoredPicture, inspected_area
from evaluation.provenance import PIXEL_RESAMPLES, Settings
from evaluation.results import PictureResult
from inspector.core.arrays import Mask
from learning.datasets.types import Sample
from learning.metrics.aupimo import NormalScores, SharedRates, mean
from learning.metrics.pixel_bootstrap import PixelBootstrap
from learning.metrics.pixels import LIMIT, PixelCurve
from learning.metrics.regions import Place, SizeGroup, TruthRegion, measure_regions
from learning.metrics.value import Metric

MIN_DISTINCT_SCORES: Final = 1 << 16
"""Distinct map values that are counted at least for each kind of defect."""


class ClassCounts:
    """Counts of the pictures that were added. Add all good pictures before the defective ones.

    pictures: results of all pictures. good_pixels: pixel counts of the good pictures.
    kind_pixels: kind of defect -> pixel counts of its pictures with masks.
    bootstrap: resamples of both. regions, regions_found: number of defect regions by size and by
    place. fitted: names of the pictures that the engine was fitted on.
    contradictions: names of two equal pictures, the first good and the second defective.
    """

    def __init__(self, spec: EngineSpec, tests: Sequence[Sample], settings: Settings) -> None:
        kinds = sorted({sample.kind for sample in tests if sample.defective})
        # All kinds share one limit, so that memory does not grow with the number of kinds.
        limit = max(MIN_DISTINCT_SCORES, LIMIT // max(1, len(kinds)))
        self.pictures: list[PictureResult] = []
        self.good_pixels = PixelCurve()
        self.kind_pixels = {kind: PixelCurve(limit) for kind in kinds}
        self.regions: Counter[SizeGroup | Place] = Counter()
        self.regions_found: Counter[SizeGroup | Place] = Counter()
        self.fitted: list[str] = []
        self.contradictions: list[tuple[str, str]] = []
        self._samples: dict[str, Sample] = {}
        self.settings = settings
        self.bootstrap = PixelBootstrap(
            seed=settings.seed, replicates=min(settings.resamples, PIXEL_RESAMPLES)
        )
        # A picture has the same number for every engine, even if another picture fails: this pairs
        # the resamples of two engines.
        self._numbers = {sample.name: number for number, sample in enumerate(tests)}
        self._normal_scores = NormalScores()
        self._normal_rates: SharedRates | None = None
        self._aupimo: dict[str, Metric] = {}
        self._spec = spec
        self._inspected = None if spec.roi is None else inspected_area(spec)

    def add(self, picture: ScoredPicture | FailedPicture) -> None:
        if isinstance(picture, FailedPicture):
            description = _description(picture.sample)
            self.pictures.append(PictureResult(**description, verdict="ERROR", error=picture.error))
            return
        if picture.fitted:
            self.fitted.append(picture.sample.name)
        if picture.content:
            first = self._samples.setdefault(picture.content, picture.sample)
            if first.defective != picture.sample.defective:
                pair = sorted((first, picture.sample), key=lambda sample: sample.defective)
                self.contradictions.append((pair[0].name, pair[1].name))
        note = _exclusion_reason(picture)
        regions: list[TruthRegion] = []
        if picture.truth is not None and note is None:
            regions = self._add_pixels(picture, picture.truth.mask)
        self.pictures.append(self._picture_result(picture, note, regions))

    @property
    def image_threshold(self) -> float:
        return self._spec.image_threshold

    def exceeds_pixel_threshold(self, picture: PictureResult) -> bool:
        """Whether a pixel of its map is at or above the pixel threshold."""
        return picture.peak is not None and picture.peak >= self._spec.pixel_threshold

    def mean_aupimo(self, pictures: Sequence[PictureResult]) -> Metric:
        """Mean over those of the pictures that are defective and have a mask."""
        values = [self._aupimo[p.name] for p in pictures if p.name in self._aupimo]
        return mean(values, seed=self.settings.seed)

    def _add_pixels(self, picture: ScoredPicture, truth: Mask) -> list[TruthRegion]:
        """Counts the pixels and regions of a picture and returns its regions."""
        sample, anomaly_map = picture.sample, picture.anomaly_map
        curve = self.kind_pixels[sample.kind] if sample.defective else self.good_pixels
        curve.add(anomaly_map, truth, self._inspected)
        regions = measure_regions(anomaly_map, truth, self._inspected, self._spec.pixel_threshold)
        if self.settings.resamples:
            number = self._numbers[sample.name]
            self.bootstrap.add(number, anomaly_map, truth, self._inspected)
        self._add_aupimo(picture, truth)
        for region in regions:
            self.regions.update((region.size, region.place))
            if region.detected:
                self.regions_found.update((region.size, region.place))
        return regions

    def _add_aupimo(self, picture: ScoredPicture, truth: Mask) -> None:
        if not picture.sample.defective:
            self._normal_scores.add(picture.anomaly_map, self._inspected)
            return
        if self._normal_rates is None:
            self._normal_rates = self._normal_scores.rates()
        name = picture.sample.name
        self._aupimo[name] = self._normal_rates.aupimo(picture.anomaly_map, truth, self._inspected)

    def _picture_result(
        self, picture: ScoredPicture, note: str | None, regions: list[TruthRegion]
    ) -> PictureResult:
        anomaly_map, truth = picture.anomaly_map, picture.truth
        values = anomaly_map if self._inspected is None else anomaly_map[self._inspected]
        aupimo = self._aupimo.get(picture.sample.name)
        largest = max(regions, key=lambda region: region.size_px, default=None)
        return PictureResult(
            **_description(picture.sample),
            verdict="FAIL" if picture.score >= self._spec.image_threshold else "PASS",
            score=picture.score,
            peak=float(values.max()),
            regions=len(regions),
            regions_found=sum(region.detected for region in regions),
            size=None if largest is None else largest.size.value,
            place=None if largest is None else largest.place.value,
            vanished=0 if truth is None else truth.vanished,
            outside=0 if truth is None else truth.outside,
            aupimo=aupimo.value if aupimo is not None and aupimo.defined else None,
            preprocess_ms=picture.preprocess_ms,
            infer_ms=picture.infer_ms,
            note=note,
        )


def _exclusion_reason(picture: ScoredPicture) -> str | None:
    """Why the pixel metrics do not count a picture; None if they do."""
    if picture.truth is None:
        return "it has no mask"
    if picture.sample.defective and not picture.truth.regions:
        return "its mask shows no defect"
    return None


def _description(sample: Sample) -> dict[str, Any]:
    """The fields of PictureResult that the data set determines."""
    return {
        "name": sample.name,
        "path": str(sample.path),
        "kind": sample.kind,
        "defective": sample.defective,
        "has_mask": bool(sample.masks),
    }
