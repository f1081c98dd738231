"""From a model that is there to one engine file: thresholds, graph, spec, check, write."""

import dataclasses
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx

from engines import golden
from engines.picture_statistics import summarise_pictures
from engines.roi import draw_mask
from engines.spec import EngineSpec, LeftOutRecord, ResizeRule, Roi
from engines.spec_fields import PictureStatistics
from engines.spec_file import write_engine
from inspector.core.arrays import Image, Mask
from inspector.core.clock import utc_now
from inspector.core.errors import ConfigError, DataError
from learning import checking as parity
from learning.backbones.features import FeatureExtractor
from learning.backbones.zoo import describe
from learning.fit_record import (
    DROPPED,
    fit_record_path,
    good_pictures,
    make_fit_record,
    write_fit_record,
)
from learning.graph.assemble import build_graph
from learning.graph.maps import Canvas
from learning.graph.pixels import blanked
from learning.methods.base import Features, Scorer
from learning.normals import Normals
from learning.scoring import Scored, trained_on, without_suspects
from learning.thresholds import choosing as thresholds
from learning.thresholds import folds
from learning.thresholds.changing import record
from learning.thresholds.choosing import Thresholds
from learning.thresholds.folds import HELD_OUT, LeftOut
from learning.thresholds.rules import Rule
from learning.trial import on_trial

BATCH: Final = 8
GOLDEN: Final = 2

Progress = Callable[[str, int, int], None]
"""Told a step's name, how many of its pictures were done since the last time, and its total."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an engine is to be, wherever its model comes from. sigma: in map pixels. top_fraction:
    None for the method's own. rule: how the thresholds are chosen. drop_suspects: do without the
    pictures that thresholds.suspects finds, instead of naming them only. device: that features are
    computed on, cpu or cuda."""

    name: str
    method: Scorer[Any]
    backbone: Path
    sigma: float = 4.0
    top_fraction: float | None = None
    rule: Rule = field(default_factory=Rule)
    roi: Roi | None = None
    seed: int = 0
    threads: int = 0
    drop_suspects: bool = False
    device: str = "cpu"


@dataclass(frozen=True, slots=True)
class Fitted:
    """What came of it. seconds: step -> wall time."""

    spec: EngineSpec
    file_bytes: int
    seconds: dict[str, float]


def engine_of_model(
    model: Any,
    normals: Normals,
    wanted: Wanted,
    out: Path,
    progress: Progress,
    *,
    fitted: Normals | None = None,
    parameters: Mapping[str, Any] | None = None,
    note: str = "",
) -> Fitted:
    """Writes the engine file of a model that is there already, and the fit record beside it.

    normals: pictures that the model does not hold, which the thresholds come from. fitted: those
    that it holds, None where nobody knows. parameters: for the spec, beside those of the method.
    note: what else is to be known of the thresholds. Raises ConfigError where the normals cannot
    support the rule, DataError where no score could reach the threshold, and ParityError, leaving
    no file, where the engine does not compute what its method says.
    """
    thresholds.check_supported(wanted.rule, len(normals.names))
    with opened(wanted, normals.rule.input_hw) as extractor:
        finishing = Finishing(wanted, normals, extractor, progress)
        left_out, doubted = without_suspects(
            finishing.scored(model), normals.names, drop=wanted.drop_suspects
        )
        finishing.lap("score")
        scored = Scored(model, fitted, left_out, doubted, len(left_out.scores))
        return finishing.finish(scored, out, note=note, parameters=parameters or {})


def opened(wanted: Wanted, input_hw: tuple[int, int]) -> FeatureExtractor:
    """Of the layers that the method takes. Raises ConfigError for a size the backbone refuses."""
    info = describe(wanted.backbone)
    info.check_size(input_hw)
    layers = wanted.method.outputs(info)
    return FeatureExtractor(
        wanted.backbone, layers=layers, threads=wanted.threads, device=wanted.device
    )


class Finishing:
    """One engine in the making. normals: pictures at hand, as the engine takes them. inside:
    (H, W) of its input, what is inspected; None is all."""

    def __init__(
        self, wanted: Wanted, normals: Normals, extractor: FeatureExtractor, progress: Progress
    ) -> None:
        self.wanted, self.normals, self.extractor = wanted, normals, extractor
        self.progress = progress
        input_hw = normals.rule.input_hw
        self.inside = inspected(wanted.roi, normals.rule)
        self.canvas = Canvas(input_hw, wanted.sigma, _top_fraction(wanted), self.inside)
        self._seconds: dict[str, float] = {}
        self._started = time.monotonic()

    def lap(self, step: str) -> None:
        """The time since the last one was that step's."""
        now = time.monotonic()
        self._seconds[step] = now - self._started
        self._started = now

    def features(self, pixels: Image) -> Features:
        return self.extractor.extract(blanked(pixels, self.inside))

    def scored(self, model: Any) -> LeftOut:
        """All normals by a model that holds none of them."""
        method, pixels = self.wanted.method, self.normals.pixels
        parts = []
        for start in range(0, len(pixels), BATCH):
            kept = method.embed(self.features(pixels[start : start + BATCH]))
            parts.append(folds.scored(method, model, kept, self.canvas, self._scored))
        scores, peaks, levels = np.concatenate(parts, axis=1)
        return LeftOut(scores, peaks, levels, 1, HELD_OUT, self.normals.ordered)

    def _scored(self, done: int) -> None:
        self.progress("score", done, len(self.normals.pixels))

    def finish(
        self, scored: Scored, out: Path, *, note: str, parameters: Mapping[str, Any]
    ) -> Fitted:
        """Writes the engine file and its fit record; see engine_of_model."""
        wanted = self.wanted
        if scored.suspects and wanted.drop_suspects:
            dropped = thresholds.dropped_note(len(scored.suspects))
            note = "; ".join(filter(None, (note, dropped)))
        limits = thresholds.choose(scored.left_out, wanted.rule, note=note)
        _refuse_unreachable(limits, wanted.method)
        graph, digest = build_graph(
            wanted.backbone,
            self.extractor.layers,
            lambda features: wanted.method.head(scored.model, features, self.canvas),
            input_hw=self.normals.rule.input_hw,
            map_hw=self.canvas.map_hw,
            inside=self.inside,
        )
        spec = self._spec(scored, limits, digest, parameters)
        self.lap("build")
        spec = self._checked(graph, spec, scored.model, out)
        write_engine(out, graph, spec)
        self._write_record(scored, spec, out)
        self.lap("parity")
        return Fitted(spec, out.stat().st_size, self._seconds)

    def _write_record(self, scored: Scored, spec: EngineSpec, out: Path) -> None:
        wanted = self.wanted
        record = make_fit_record(
            spec,
            wanted.method,
            scored,
            self.normals,
            rule=wanted.rule,
            sigma=wanted.sigma,
            top_fraction=wanted.top_fraction,
            dropped=wanted.drop_suspects,
        )
        write_fit_record(fit_record_path(out), record)

    def _good_pictures(self, scored: Scored) -> PictureStatistics:
        pictures = good_pictures(scored, self.normals, dropped=self.wanted.drop_suspects)
        used = (pixels for _, role, pixels in pictures if role != DROPPED)
        return summarise_pictures(used, self.inside)

    def _spec(
        self, scored: Scored, limits: Thresholds, digest: str, parameters: Mapping[str, Any]
    ) -> EngineSpec:
        info, normals, wanted = self.extractor.info, self.normals, self.wanted
        drawing: dict[str, Any] = {"sigma": self.canvas.sigma}
        if wanted.method.top_fraction is not None:
            drawing |= {
                "top_fraction": self.canvas.top_fraction,
                "score_step": self.canvas.step,
                "score_top_k": self.canvas.top_k,
            }
        return EngineSpec(
            name=wanted.name,
            method=wanted.method.name,
            backbone=info.name,
            layers=self.extractor.layers,
            frame_hw=normals.frame_hw,
            resize=normals.rule,
            map_hw=self.canvas.map_hw,
            image_threshold=limits.image,
            pixel_threshold=limits.pixel,
            threshold_rule=limits.rule,
            display_range=limits.display_range,
            graph_hash=digest,
            precision=wanted.method.precision,
            roi=wanted.roi,
            parameters=drawing | wanted.method.describe(scored.model) | dict(parameters),
            trained_on=trained_on(scored, normals, wanted.drop_suspects),
            left_out=_record(scored),
            good_pictures=self._good_pictures(scored),
            licence=info.licence,
            seed=wanted.seed,
            versions=_versions() | {"backbone_sha256": info.sha256},
            created_utc=utc_now(),
        )

    def _checked(
        self, graph: onnx.ModelProto, spec: EngineSpec, model: Any, out: Path
    ) -> EngineSpec:
        """The spec with the figures of the check and golden pictures."""
        pixels = parity.unseen(self.normals.pixels, parity.PICTURES, self.wanted.seed)
        with on_trial(out, graph, spec, threads=self.wanted.threads) as engine:
            outputs = parity.outputs(engine, pixels)
        # Only now, or the memory of the engine and of the reference would add up.
        found, maps, scores = parity.check(
            outputs,
            self.wanted.method,
            model,
            self.canvas,
            pixels,
            self.features,
            limit=spec.image_threshold,
        )
        self.progress("parity", len(pixels), len(pixels))
        kept = golden.pack(pixels[:GOLDEN], maps[:GOLDEN], scores[:GOLDEN])
        return dataclasses.replace(spec, parity=dataclasses.asdict(found), golden=kept)


def inspected(roi: Roi | None, rule: ResizeRule) -> Mask | None:
    """(H, W) of the input, None for all. Raises DataError where nothing is left."""
    if roi is None:
        return None
    inside = draw_mask(roi, rule.input_hw, rule.crop)
    if not inside.any():
        raise DataError("the region of interest leaves no pixel of the engine's input")
    return inside


def _top_fraction(wanted: Wanted) -> float:
    own = wanted.method.top_fraction
    if own is None and wanted.top_fraction is not None:
        raise ConfigError(
            f"method {wanted.method.name} does not read its score off the map, so there is no "
            "top_fraction to choose"
        )
    return (own or 0.0) if wanted.top_fraction is None else wanted.top_fraction


def _refuse_unreachable(limits: Thresholds, method: Scorer[Any]) -> None:
    if max(limits.image, limits.pixel) > method.highest:
        raise DataError(
            f"normal pictures reach the highest score that method {method.name} gives "
            f"({method.highest:g}), so no threshold could tell a defect: the model does not know "
            "these pictures as normal"
        )


def _record(scored: Scored) -> LeftOutRecord:
    fitted = scored.fitted
    return record(scored.left_out, () if fitted is None else fitted.pixels)


def _versions() -> dict[str, str]:
    found = {name: version(name) for name in ("numpy", "onnx", "spox")}
    return found | {"python": platform.python_version()}
