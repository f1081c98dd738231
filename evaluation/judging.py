"""Runs an engine over test pictures one by one, as the line would, holding one batch at a time."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from engines.opening import Engine
from engines.resize import crop_box
from engines.roi import mask
from engines.spec import EngineSpec
from evaluation.truth import Truth, truth_on_map
from inspector.core.arrays import Image, Map, Mask, frozen
from inspector.core.clock import utc_now
from inspector.core.errors import DataError
from inspector.core.types import Frame, ModelInput
from inspector.processing.preprocess import Preprocess
from learning.datasets.masks import DEFAULT_MASK_RULE, read_mask
from learning.datasets.pictures import read_picture
from learning.datasets.types import Sample
from learning.thresholds.changing import picture_hash


@dataclass(frozen=True, slots=True)
class Judged:
    """What the engine says of one picture. image: (H, W, 3) uint8 BGR as it was read. truth: of a
    good picture all clear, of a defective one without a mask None. fitted: whether the engine was
    fitted on these very pixels. Times in milliseconds."""

    sample: Sample
    image: Image
    anomaly_map: Map
    score: float
    truth: Truth | None
    fitted: bool
    preprocess_ms: float
    infer_ms: float


@dataclass(frozen=True, slots=True)
class Unjudged:
    """A picture that could not be judged, and why in one sentence."""

    sample: Sample
    error: str


@dataclass(frozen=True, slots=True)
class _Ready:
    sample: Sample
    given: ModelInput
    truth: Truth | None
    preprocess_ms: float


def inspected(spec: EngineSpec) -> Mask:
    """(h, w) of the map: true where the engine inspects; everywhere without a region of
    interest."""
    if spec.roi is None:
        return np.ones(spec.map_hw, bool)
    return mask(spec.roi, spec.map_hw, spec.resize.crop)


class Judging:
    """One pass over pictures. warnings: what was odd about their sizes, as the line would say."""

    def __init__(
        self,
        engine: Engine,
        *,
        batch: int = 1,
        mask_rule: str = "nearest",
        mask_values: str = DEFAULT_MASK_RULE,
    ) -> None:
        self.inside = inspected(engine.spec)
        self._engine = engine
        self._batch = batch
        self._mask_rule = mask_rule
        self._mask_values = mask_values
        self._preprocess = Preprocess(engine.spec)
        kept = engine.spec.left_out
        self._bank = frozenset(() if kept is None else kept.bank)

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(self._preprocess.warnings)

    def run(self, samples: Iterable[Sample]) -> Iterator[Judged | Unjudged]:
        """All of them, in order but for those that cannot be judged. Raises EngineError where the
        engine itself fails."""
        waiting: list[_Ready] = []
        for sample in samples:
            try:
                waiting.append(self._prepare(sample))
            except DataError as exc:
                yield Unjudged(sample, str(exc))
            if len(waiting) == self._batch:
                yield from self._infer(waiting)
                waiting = []
        if waiting:
            yield from self._infer(waiting)

    def _prepare(self, sample: Sample) -> _Ready:
        image = read_picture(sample.path)
        if image is None:
            raise DataError(f"picture {sample.path} cannot be read")
        frame_hw = (image.shape[0], image.shape[1])
        x0, y0, x1, y1 = crop_box(self._engine.spec.resize, frame_hw)
        if x0 == x1 or y0 == y1:
            raise DataError(f"picture {sample.path} is too small for the engine's crop")
        truth = self._truth(sample, frame_hw)
        frame = Frame(0, sample.name, frozen(image), time.monotonic_ns(), None, utc_now())
        start = time.perf_counter()
        given = self._preprocess(frame)
        return _Ready(sample, given, truth, 1000 * (time.perf_counter() - start))

    def _truth(self, sample: Sample, frame_hw: tuple[int, int]) -> Truth | None:
        if not sample.defective:
            return Truth(np.zeros(self._engine.spec.map_hw, bool), 0, 0, 0)
        if not sample.masks:
            return None
        drawn = read_mask(sample, frame_hw, self._mask_values)
        return truth_on_map(drawn, self._engine.spec, self._mask_rule, self.inside)

    def _infer(self, ready: list[_Ready]) -> Iterator[Judged | Unjudged]:
        pixels = np.stack([one.given.pixels for one in ready])
        start = time.perf_counter()
        maps, scores = self._engine.infer(pixels)
        each_ms = 1000 * (time.perf_counter() - start) / len(ready)
        for one, anomaly_map, score in zip(ready, maps, scores, strict=True):
            if not (np.isfinite(score) and np.isfinite(anomaly_map).all()):
                yield Unjudged(
                    one.sample,
                    f"the engine gave a map or a score that is not finite for {one.sample.path}",
                )
                continue
            yield Judged(
                sample=one.sample,
                image=one.given.frame.image,
                anomaly_map=anomaly_map,
                score=float(score),
                truth=one.truth,
                fitted=picture_hash(one.given.pixels) in self._bank,
                preprocess_ms=one.preprocess_ms,
                infer_ms=each_ms,
            )
