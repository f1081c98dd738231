"""From normal pictures to one engine file: embed, score by k-fold, fit, assemble, check, write."""

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
from loguru import logger

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
from engines.training import folds, thresholds
from engines.training.data import Normals
from engines.training.folds import LeftOut
from engines.training.thresholds import Thresholds
from inspector.core.arrays import Image, Mask
from inspector.core.clock import utc_now
from inspector.core.errors import ConfigError, DataError

BATCH: Final = 8
GOLDEN: Final = 2

FEW: Final = 8
"""Fewer normal pictures than this are fitted with a warning."""

MAX_EMBEDDING_BYTES: Final = 2_000_000_000
"""Of the normals' features, which are all held while fitting."""

Progress = Callable[[str, int, int], None]
"""Told a step's name, how many of its pictures were done since the last time, and its total."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to fit. sigma: in map pixels. top_fraction: None for the method's own. rate: see
    thresholds.choose. drop_suspects: fit without the pictures that thresholds.suspects finds,
    instead of naming them only."""

    name: str
    method: Method[Any]
    backbone: Path
    sigma: float = 4.0
    top_fraction: float | None = None
    rate: float | None = None
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
        self.suspects: tuple[str, ...] = ()
        self.started = time.monotonic()

    def run(self, out: Path) -> tuple[EngineSpec, dict[str, float]]:
        embeddings = self._embed()
        self._lap("features")
        embeddings, left_out = self._doubted(embeddings, self._leave_out(embeddings))
        limits = thresholds.choose(left_out, rate=self.recipe.rate, note=self._note())
        self._lap("k-fold")
        model = self.recipe.method.fit(embeddings, self.recipe.seed)
        graph, digest = build_graph(
            self.recipe.backbone,
            self.extractor.layers,
            lambda features: self.recipe.method.head(model, features, self.canvas),
            input_hw=self.normals.rule.input_hw,
            map_hw=self.canvas.map_hw,
            inside=self.inside,
        )
        spec = self._spec(model, limits, digest)
        self._lap("fit and build")
        spec = self._checked(graph, spec, model, out)
        write_engine(out, graph, spec)
        self._lap("parity")
        return spec, self.seconds

    def _lap(self, step: str) -> None:
        now = time.monotonic()
        self.seconds[step] = now - self.started
        self.started = now

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

    def _leave_out(self, embeddings: Embeddings) -> LeftOut:
        count = len(self.normals.pixels)
        rate = thresholds.supported_rate(count, self.recipe.rate)
        if count < FEW:
            logger.warning(
                "only {} normal pictures: the false-alarm rate can be set no lower than {:.0%}, "
                "and what varies in good product is hardly known; take {} or more",
                count,
                rate,
                FEW,
            )
        return folds.leave_out(
            self.recipe.method,
            embeddings,
            self.canvas,
            folds.split(count, ordered=self.normals.ordered, seed=self.recipe.seed),
            seed=self.recipe.seed,
            progress=lambda done: self.progress("k-fold", done, count),
        )

    def _doubted(self, embeddings: Embeddings, left_out: LeftOut) -> tuple[Embeddings, LeftOut]:
        """Names the pictures that stand out; without them, scored anew, if the recipe says so."""
        found = thresholds.suspects(left_out.scores)
        if not len(found):
            return embeddings, left_out
        self.suspects = tuple(self.normals.names[index] for index in found)
        drop = self.recipe.drop_suspects
        logger.warning(
            "{} stand out among the normal pictures, the first with score {:.3f} where the median "
            "is {:.3f}: {}; {}",
            len(found),
            left_out.scores[found[0]],
            float(np.median(left_out.scores)),
            ", ".join(self.suspects),
            "left out" if drop else "kept: look at them, they raise the thresholds",
        )
        if not drop:
            return embeddings, left_out
        kept = np.setdiff1d(np.arange(len(self.normals.names)), found)
        self.normals = dataclasses.replace(
            self.normals,
            pixels=self.normals.pixels[kept],
            names=tuple(self.normals.names[index] for index in kept),
        )
        embeddings = {key: values[kept] for key, values in embeddings.items()}
        return embeddings, self._leave_out(embeddings)

    def _note(self) -> str:
        how = "contiguous blocks of one stream" if self.normals.ordered else "drawn at random"
        return f"folds: {how}"

    def _spec(self, model: Any, limits: Thresholds, digest: str) -> EngineSpec:
        info, normals, recipe = self.extractor.info, self.normals, self.recipe
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
            parameters=drawing | recipe.method.describe(model),
            trained_on=_trained_on(normals)
            | {"suspects": list(self.suspects), "suspects_dropped": recipe.drop_suspects},
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


def _trained_on(normals: Normals) -> dict[str, Any]:
    listed = hashlib.sha256("\n".join(normals.names).encode()).hexdigest()
    return {
        "name": normals.name,
        "count": len(normals.names),
        "list_sha256": listed,
        "unreadable": len(normals.unread),
        "unused": normals.unused,
    }


def _versions() -> dict[str, str]:
    found = {name: version(name) for name in ("numpy", "onnx", "spox")}
    return found | {"python": platform.python_version()}
