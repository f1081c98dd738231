"""From normal pictures to one engine file: embed, score, fit, assemble, check, write."""

import dataclasses
import hashlib
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx

from engines.backbones.features import FeatureExtractor
from engines.export import parity
from engines.graph.assemble import build_graph
from engines.graph.maps import Canvas
from engines.graph.pixels import blanked
from engines.methods.base import Embeddings, Features, Method
from engines.onnx_engine import OnnxEngine
from engines.roi import mask
from engines.spec import EngineSpec, Roi
from engines.spec_file import write_engine
from engines.training import thresholds
from engines.training.data import Normals
from engines.training.folds import Scheme
from engines.training.scoring import Scored, Scoring
from engines.training.thresholds import Thresholds
from engines.training.thresholds_record import record
from engines.training.thresholds_rules import Rule
from inspector.core.arrays import Image, Mask
from inspector.core.clock import utc_now
from inspector.core.errors import ConfigError, DataError

BATCH: Final = 8
GOLDEN: Final = 2

MAX_EMBEDDING_BYTES: Final = 2_000_000_000
"""Of the normals' features, which are all held while fitting."""

Progress = Callable[[str, int, int], None]
"""Told a step's name, how many of its pictures were done since the last time, and its total."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to fit. sigma: in map pixels. top_fraction: None for the method's own. rule: how the
    thresholds are chosen, and scheme: from which scores. drop_suspects: fit without the pictures
    that thresholds.suspects finds, instead of naming them only."""

    name: str
    method: Method[Any]
    backbone: Path
    sigma: float = 4.0
    top_fraction: float | None = None
    rule: Rule = field(default_factory=Rule)
    scheme: Scheme = field(default_factory=Scheme)
    roi: Roi | None = None
    seed: int = 0
    threads: int = 0
    drop_suspects: bool = False


@dataclass(frozen=True, slots=True)
class Fitted:
    """What came of it. seconds: step -> wall time."""

    spec: EngineSpec
    file_bytes: int
    seconds: dict[str, float]


def fit_engine(normals: Normals, recipe: Recipe, out: Path, progress: Progress) -> Fitted:
    """Writes the engine file. Raises ParityError, leaving no file, where it does not compute what
    its method says."""
    with FeatureExtractor(recipe.backbone, layers=None) as backbone:
        outputs = recipe.method.outputs(backbone.info)
        backbone.info.check_size(normals.rule.input_hw)
    with FeatureExtractor(recipe.backbone, layers=outputs, threads=recipe.threads) as extractor:
        spec, seconds = _Fit(normals, recipe, extractor, progress).run(out)
    return Fitted(spec, out.stat().st_size, seconds)


@dataclass
class _Fit:
    """One run of fit_engine."""

    normals: Normals
    recipe: Recipe
    extractor: FeatureExtractor
    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        input_hw = self.normals.rule.input_hw
        roi = self.recipe.roi
        self.inside: Mask | None = None if roi is None else mask(roi, input_hw)
        if self.inside is not None and not self.inside.any():
            raise DataError("the region of interest leaves no pixel of the engine's input")
        self.canvas = Canvas(input_hw, self.recipe.sigma, _top_fraction(self.recipe), self.inside)
        self.held = self.recipe.scheme.held(
            self.normals.names, ordered=self.normals.ordered, seed=self.recipe.seed
        )
        scored = int(np.count_nonzero(self.held)) or len(self.held)
        thresholds.check_supported(self.recipe.rule, scored)
        self.started = time.monotonic()

    def run(self, out: Path) -> tuple[EngineSpec, dict[str, float]]:
        embeddings = self._embed()
        self._lap("features")
        scored = self._scoring().run(self.normals, embeddings, self.held)
        limits = thresholds.choose(scored.left_out, self.recipe.rule, note=self._note(scored))
        self._lap("left out and fit")
        graph, digest = build_graph(
            self.recipe.backbone,
            self.extractor.layers,
            lambda features: self.recipe.method.head(scored.model, features, self.canvas),
            input_hw=self.normals.rule.input_hw,
            map_hw=self.canvas.map_hw,
            inside=self.inside,
        )
        spec = self._spec(scored, limits, digest)
        self._lap("build")
        spec = self._checked(graph, spec, scored.model, out)
        write_engine(out, graph, spec)
        self._lap("parity")
        return spec, self.seconds

    def _lap(self, step: str) -> None:
        now = time.monotonic()
        self.seconds[step] = now - self.started
        self.started = now

    def _scoring(self) -> Scoring:
        return Scoring(
            self.recipe.method,
            self.canvas,
            self.recipe.scheme,
            self.recipe.seed,
            self.recipe.drop_suspects,
            lambda done, total: self.progress("left out", done, total),
        )

    def _features(self, pixels: Image) -> Features:
        return self.extractor.extract(blanked(pixels, self.inside))

    def _embed(self) -> Embeddings:
        """Features of all normals, batch by batch into arrays of their final size."""
        count = len(self.normals.pixels)
        kept: Embeddings = {}
        for start in range(0, count, BATCH):
            batch = self.normals.pixels[start : start + BATCH]
            for key, values in self.recipe.method.embed(self._features(batch)).items():
                if key not in kept:
                    _refuse_too_many(values, count)
                    kept[key] = np.empty((count, *values.shape[1:]), np.float32)
                kept[key][start : start + len(batch)] = values
            self.progress("features", len(batch), count)
        return kept

    def _note(self, scored: Scored) -> str:
        how = "contiguous blocks of one stream" if self.normals.ordered else "drawn at random"
        notes = [f"held out: {how}" if scored.held_out else f"folds: {how}"]
        if scored.suspects and self.recipe.drop_suspects:
            notes.append(thresholds.dropped_note(len(scored.suspects)))
        return "; ".join(notes)

    def _spec(self, scored: Scored, limits: Thresholds, digest: str) -> EngineSpec:
        info, normals, recipe = self.extractor.info, scored.fitted, self.recipe
        drawing: dict[str, Any] = {"sigma": self.canvas.sigma}
        if recipe.method.top_fraction is not None:
            drawing |= {
                "top_fraction": self.canvas.top_fraction,
                "score_step": self.canvas.step,
                "score_top_k": self.canvas.top_k,
            }
        return EngineSpec(
            name=recipe.name,
            method=recipe.method.name,
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
            precision=recipe.method.precision,
            roi=recipe.roi,
            parameters=drawing | recipe.method.describe(scored.model),
            trained_on=_trained_on(scored, recipe),
            left_out=record(scored.left_out, normals.pixels),
            licence=info.licence,
            seed=recipe.seed,
            versions=_versions() | {"backbone_sha256": info.sha256},
            created_utc=utc_now(),
        )

    def _checked(
        self, graph: onnx.ModelProto, spec: EngineSpec, model: Any, out: Path
    ) -> EngineSpec:
        """The spec with the figures of the check and golden pictures."""
        pixels = parity.unseen(self.normals.pixels, parity.PICTURES, self.recipe.seed)
        unchecked = out.with_name(out.name + ".unchecked")
        write_engine(unchecked, graph, spec)
        try:
            engine = OnnxEngine(unchecked, threads=self.recipe.threads)
            method = self.recipe.method
            found, maps, scores = parity.check(
                engine, method, model, self.canvas, pixels, self._features
            )
            engine.close()
        finally:
            unchecked.unlink()
        self.progress("parity", len(pixels), len(pixels))
        kept = parity.golden(pixels[:GOLDEN], maps[:GOLDEN], scores[:GOLDEN])
        return dataclasses.replace(spec, parity=dataclasses.asdict(found), golden=kept)


def _top_fraction(recipe: Recipe) -> float:
    own = recipe.method.top_fraction
    if own is None and recipe.top_fraction is not None:
        raise ConfigError(
            f"method {recipe.method.name} does not read its score off the map, so there is no "
            "top_fraction to choose"
        )
    return (own or 0.0) if recipe.top_fraction is None else recipe.top_fraction


def _refuse_too_many(values: npt.NDArray[np.float32], count: int) -> None:
    size = values[0].nbytes * count
    if size > MAX_EMBEDDING_BYTES:
        raise DataError(
            f"the features of {count} pictures would take {size / 1e9:.1f} GB of memory, above the "
            f"limit of {MAX_EMBEDDING_BYTES / 1e9:.1f}: use fewer pictures (max_pictures), fewer "
            "layers or a smaller input size"
        )


def _trained_on(scored: Scored, recipe: Recipe) -> dict[str, Any]:
    normals = scored.fitted
    listed = hashlib.sha256("\n".join(normals.names).encode()).hexdigest()
    return {
        "name": normals.name,
        "count": len(normals.names),
        "list_sha256": listed,
        "unreadable": len(normals.unread),
        "unused": normals.unused,
        "held_out": scored.held_out,
        "suspects": list(scored.suspects),
        "suspects_dropped": recipe.drop_suspects,
    }


def _versions() -> dict[str, str]:
    found = {name: version(name) for name in ("numpy", "onnx", "spox")}
    return found | {"python": platform.python_version()}
