"""Runs an engine over test pictures with the preprocessing of a production run.

Holds one batch of pictures in memory at a time.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.foreground import explain_not_finite
from engines.opening import Engine, open_engine
from engines.pictures import decode_picture, reading_for
from engines.roi import draw_mask
from engines.spec import EngineSpec
from evaluation.provenance import Settings
from evaluation.truth_masks import TruthMask, to_map_resolution
from inspector.core.arrays import Map, Mask, freeze
from inspector.core.clock import utc_now
from inspector.core.errors import DataError, FrameError
from inspector.core.stage_items import ModelInput
from inspector.core.types import Frame
from inspector.health.check import make_picture_check
from inspector.processing.preprocess import Preprocess
from learning.datasets.masks import MaskReader
from learning.datasets.types import Sample
from learning.thresholds.changing import picture_hash


@dataclass(frozen=True, slots=True)
class ScoredPicture:
    """The engine's output for one picture.

    anomaly_map: (h, w) float32. truth: all false for a good picture; None for a defective picture
    without a mask. fitted: whether the engine was fitted on this picture. Times in milliseconds.
    content: hash of the input of the engine; empty if it is not known.
    """

    sample: Sample
    anomaly_map: Map
    score: float
    truth: TruthMask | None
    fitted: bool
    preprocess_ms: float
    infer_ms: float
    content: str = ""


@dataclass(frozen=True, slots=True)
class FailedPicture:
    """A picture without a score. error: the reason, one sentence."""

    sample: Sample
    error: str


@dataclass(frozen=True, slots=True)
class _PreparedPicture:
    sample: Sample
    model_input: ModelInput
    truth: TruthMask | None
    preprocess_ms: float


def inspected_area(spec: EngineSpec) -> Mask:
    """(h, w) bool of the map: true for the pixels that the engine inspects. All true without a
    region of interest."""
    if spec.roi is None:
        return np.ones(spec.map_hw, bool)
    return draw_mask(spec.roi, spec.map_hw, spec.resize.crop)


def open_engine_with(path: Path, settings: Settings) -> Engine:
    """Opens an engine with the backend, device and threads of the settings. Raises SpecError or
    EngineError."""
    return open_engine(
        path, backend=settings.backend, device=settings.device, threads=settings.threads
    )


class EngineRunner:
    """Scores pictures with one engine.

    masks: reads the masks of the pictures. unlike: name -> whether it is defective, of the pictures
    that a run would refuse, because they are not like the good pictures of the engine.
    """

    def __init__(self, engine: Engine, settings: Settings, masks: MaskReader) -> None:
        self._engine = engine
        self._settings = settings
        self._masks = masks
        self._inspected = inspected_area(engine.spec)
        self._preprocess = Preprocess(
            engine.spec,
            check_health=make_picture_check(engine.spec),
            allow_aspect=settings.allow_aspect,
        )
        self._reading = reading_for(engine.spec, settings.reading)
        self.unlike: dict[str, bool] = {}
        left_out = engine.spec.left_out
        self._fitted_hashes = frozenset(() if left_out is None else left_out.bank)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about picture sizes; a production run gives the same ones."""
        return tuple(self._preprocess.warnings)

    def run(self, samples: Iterable[Sample]) -> Iterator[ScoredPicture | FailedPicture]:
        """Scored pictures come in the order of the samples; a failed picture may come before them.
        Raises EngineError if the engine itself fails."""
        prepared: list[_PreparedPicture] = []
        for sample in samples:
            try:
                prepared.append(self._prepare(sample))
            except DataError as exc:
                yield FailedPicture(sample, str(exc))
            except FrameError as exc:
                yield FailedPicture(sample, f"picture {sample.path}: {exc}")
            if len(prepared) == self._settings.batch:
                yield from self._infer(prepared)
                prepared = []
        if prepared:
            yield from self._infer(prepared)

    def _prepare(self, sample: Sample) -> _PreparedPicture:
        image = decode_picture(sample.path, reading=self._reading)
        frame_hw = (image.shape[0], image.shape[1])
        frame = Frame(0, sample.name, freeze(image), time.monotonic_ns(), None, utc_now())
        start = time.perf_counter()
        model_input = self._preprocess(frame)
        preprocess_ms = 1000 * (time.perf_counter() - start)
        truth = self._read_truth(sample, frame_hw)
        return _PreparedPicture(sample, model_input, truth, preprocess_ms)

    def _read_truth(self, sample: Sample, frame_hw: tuple[int, int]) -> TruthMask | None:
        if not sample.defective:
            return TruthMask(np.zeros(self._engine.spec.map_hw, bool), 0, 0, 0)
        if not sample.masks:
            return None
        settings, spec = self._settings, self._engine.spec
        frame_mask = self._masks.read(sample, frame_hw)
        return to_map_resolution(frame_mask, spec, settings.mask_rule, self._inspected)

    def _infer(self, batch: list[_PreparedPicture]) -> Iterator[ScoredPicture | FailedPicture]:
        pixels = np.stack([picture.model_input.pixels for picture in batch])
        start = time.perf_counter()
        maps, scores = self._engine.infer(pixels)
        infer_ms = 1000 * (time.perf_counter() - start) / len(batch)
        for picture, anomaly_map, score in zip(batch, maps, scores, strict=True):
            sample = picture.sample
            if not (np.isfinite(score) and np.isfinite(anomaly_map).all()):
                reason = f"picture {sample.path}: " + explain_not_finite(self._engine.spec, score)
                yield FailedPicture(sample, reason)
                continue
            fault = picture.model_input.fault
            fails = score >= self._engine.spec.image_threshold
            if fault is not None and not (fault.unless_failed and fails):
                self.unlike[sample.name] = sample.defective
            content = picture_hash(picture.model_input.pixels)
            yield ScoredPicture(
                sample=sample,
                anomaly_map=anomaly_map,
                score=float(score),
                truth=picture.truth,
                fitted=content in self._fitted_hashes,
                preprocess_ms=picture.preprocess_ms,
                infer_ms=infer_ms,
                content=content,
            )
