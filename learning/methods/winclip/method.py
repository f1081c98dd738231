"""WinCLIP: patches, windows and the picture are compared with texts and with a few good pictures.

Method of "WinCLIP" (Jeong et al., CVPR 2023). Without good pictures (`shots` 0), a score is the
softmax of the cosines with the mean vectors of prompts about a normal and about a damaged product,
at the damaged one. With some, it is half of 1 - the largest cosine with their vectors. The
backbone is that of a CLIP; see learning.backbones.clip_towers for its windows. With pooled windows,
the vector of a window is the mean of its projected patches from the pass of the whole picture.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, TypeVar

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v17 as op
from spox import Var

from inspector.core.errors import ConfigError, DataError
from learning.backbones.clip_towers import CLS, WINDOWS, last_block, windows_name
from learning.backbones.features import Features
from learning.backbones.zoo import BackboneInfo
from learning.graph import features as unit
from learning.graph import maps, nearest
from learning.graph import windows as window_graph
from learning.graph.maps import MapCanvas
from learning.methods import coreset
from learning.methods.base import Embeddings, Maps, Scores, check_model_size
from learning.methods.clip_method import MAKE_CLIP, ClipMethod
from learning.methods.winclip import reference as winclip_reference
from learning.methods.winclip.options import EXACT, POOLED, fusion_name, window_kind
from learning.options import option, whole_number

TEMPERATURE: Final = 0.07
"""Of the softmax. It is not the learned one of CLIP."""

Array = npt.NDArray[np.float32]
VectorsT = TypeVar("VectorsT", Array, Var)


@dataclass(frozen=True, slots=True)
class WinclipModel:
    """text: (2, E) unit vectors, of the normal and of the anomalous state. memories: feature ->
    (C, M) unit vectors of the good pictures; empty for `shots` 0. grid: (h, w) of the patches."""

    text: Array
    memories: dict[str, Array]
    grid: tuple[int, int]


@dataclass(frozen=True)
class Winclip(ClipMethod[WinclipModel]):
    """See ClipMethod for the options that are not here."""

    name: ClassVar[str] = "winclip"
    top_fraction: ClassVar[float | None] = None

    shots: int = field(
        default=4,
        metadata=option(
            "good pictures that are remembered (default: 4); 0: texts alone decide", whole_number
        ),
    )
    fusion: str = field(
        default="mean",
        metadata=option(
            "map of texts and memories: mean (as in anomalib; default) or sum (as in "
            "Accurate-WinCLIP)",
            fusion_name,
        ),
    )
    windows: str = field(
        default=EXACT,
        metadata=option(
            "vectors of windows: exact (each window passes through the network; default) or pooled "
            "(means of the patches of one pass, about 12 times as fast)",
            window_kind,
        ),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        fusion_name(self.fusion)
        window_kind(self.windows)
        if self.shots < 0:
            raise ConfigError(f"shots must be at least 0, not {self.shots}")

    @property
    def highest(self) -> float:
        return 2.0 if self._summed else 1.0

    @property
    def _summed(self) -> bool:
        return self.fusion == "sum" and self.shots > 0

    def outputs(self, info: BackboneInfo) -> tuple[str, ...]:
        needed = (CLS, *map(windows_name, WINDOWS))
        if self.windows == POOLED:
            needed = (CLS, last_block(info, projected=True))
        if not {output.name for output in info.outputs}.issuperset(needed):
            raise ConfigError(
                f"backbone {info.name} is no CLIP with windows, which method {self.name} needs: "
                f"make one by {MAKE_CLIP}"
            )
        return (*needed, last_block(info)) if self.shots else needed

    def embed(self, features: Features) -> Embeddings:
        windows = _pooled(features, window_graph.mean_vectors_numpy)
        return {name: unit.normalise_numpy(values) for name, values in windows.items()}

    def fit(self, embeddings: Embeddings, seed: int) -> WinclipModel:
        count = len(embeddings[CLS])
        if count < self.shots:
            raise DataError(
                f"{self.shots} good pictures are to be remembered, and each k-fold leaves some "
                f"out: give more pictures (fitting from {count}) or fewer --shots"
            )
        windows = embeddings[windows_name(WINDOWS[0])]
        grid = tuple(cells + WINDOWS[0] - 1 for cells in windows.shape[2:])
        chosen = coreset.draw(count, self.shots, seed)
        memories = {}
        if self.shots:
            sizes = [values[0].nbytes for name, values in embeddings.items() if name != CLS]
            check_model_size(sum(sizes) * self.shots, "the memory", "fewer --shots")
            memories = {
                name: np.ascontiguousarray(values[chosen].swapaxes(0, 1)).reshape(
                    values.shape[1], -1
                )
                for name, values in embeddings.items()
                if name != CLS
            }
        return WinclipModel(self.anchors, memories, (grid[0], grid[1]))

    def measure(
        self, model: WinclipModel, embeddings: Embeddings, canvas: MapCanvas
    ) -> tuple[Maps, Scores]:
        axis = (model.text[1] - model.text[0]) / np.float32(TEMPERATURE)
        count = len(embeddings[CLS])

        def share(vectors: Array) -> Array:
            similar = np.einsum("c,nc...->n...", axis, vectors)
            return np.asarray(1 / (1 + np.exp(-similar)), np.float32).reshape(count, -1)

        def apart(name: str) -> Array:
            vectors = embeddings[name].reshape(count, len(model.memories[name]), -1)
            best = (vectors.swapaxes(1, 2) @ model.memories[name]).max(axis=2)
            return np.maximum(1 - best, 0) * np.float32(0.5)

        whole = share(embeddings[CLS])
        sides = [(side, windows_name(side)) for side in WINDOWS]
        parts = [
            window_graph.patch_scores_numpy(share(embeddings[name]), model.grid, side)
            for side, name in sides
        ]
        grid, scores = window_graph.harmonic_mean_numpy([whole, *parts]), whole[:, 0]
        if model.memories:
            few = [apart(_patches(model))]
            few += [
                window_graph.patch_scores_numpy(apart(name), model.grid, side)
                for side, name in sides
            ]
            mean = sum(few) / np.float32(len(few))
            grid = (grid + mean) * np.float32(1 if self._summed else 0.5)
            scores = (scores + (mean * maps.scored_cells(model.grid, canvas)).max(axis=1)) / 2
        drawn = maps.anomaly_map_numpy({self.name: grid.reshape(count, *model.grid)}, canvas)
        return drawn, scores

    def head(
        self, model: WinclipModel, features: Mapping[str, Var], canvas: MapCanvas
    ) -> tuple[Var, Var]:
        windows = _pooled(features, window_graph.mean_vectors)
        vectors = {name: unit.normalise(values) for name, values in windows.items()}
        axis = (model.text[1] - model.text[0]) / np.float32(TEMPERATURE)
        flat = op.const(np.array((0, -1), np.int64))

        def share(name: str) -> Var:
            kernel = op.const(axis[None, :, None, None])
            return op.sigmoid(op.reshape(op.conv(vectors[name], kernel), flat))

        def apart(name: str, smaller: int) -> Var:
            shape = model.grid[0] - smaller, model.grid[1] - smaller
            gap = nearest.anywhere(vectors[name], model.memories[name], shape)
            return op.mul(op.reshape(gap, flat), op.const(np.float32(0.5)))

        whole = op.sigmoid(op.matmul(vectors[CLS], op.const(axis[:, None])))
        parts = [
            window_graph.patch_scores(share(windows_name(side)), model.grid, side)
            for side in WINDOWS
        ]
        grid = window_graph.harmonic_mean([whole, *parts])
        score = op.squeeze(whole, op.const(np.array([1], np.int64)))
        if model.memories:
            few = [apart(_patches(model), 0)]
            few += [
                window_graph.patch_scores(apart(windows_name(s), s - 1), model.grid, s)
                for s in WINDOWS
            ]
            mean = op.mul(op.sum(few), op.const(np.float32(1 / len(few))))
            grid = op.mul(op.add(grid, mean), op.const(np.float32(1 if self._summed else 0.5)))
            counted = op.mul(mean, op.const(maps.scored_cells(model.grid, canvas)))
            largest = op.reduce_max(counted, axes=[1], keepdims=0)
            score = op.mul(op.add(score, largest), op.const(np.float32(0.5)))
        cells = op.reshape(grid, op.const(np.array((-1, *model.grid), np.int64)))
        return maps.anomaly_map({self.name: cells}, {self.name: model.grid}, canvas), score

    def reference(
        self, model: WinclipModel, features: Features, canvas: MapCanvas
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        return winclip_reference.maps_and_scores(
            features,
            _patches(model) if model.memories else "",
            model.text.astype(np.float64),
            {name: memory.T.astype(np.float64) for name, memory in model.memories.items()},
            maps.scored_cells(model.grid, canvas).reshape(model.grid).astype(np.float64),
            canvas,
            temperature=TEMPERATURE,
            summed=self._summed,
            projected=_projected(features),
        )

    def describe(self, model: WinclipModel) -> dict[str, Any]:
        memory = sum(values.nbytes for values in model.memories.values())
        return self.describe_prompts() | {
            "shots": self.shots,
            "fusion": self.fusion,
            "windows": self.windows,
            "temperature": TEMPERATURE,
            "memory_vectors": {name: v.shape[1] for name, v in model.memories.items()},
            "model_bytes": model.text.nbytes + memory,
        }


def _patches(model: WinclipModel) -> str:
    """The feature with the vectors of single patches."""
    (name,) = set(model.memories) - {windows_name(side) for side in WINDOWS}
    return name


def _projected(features: Mapping[str, Any]) -> str:
    """The feature with the projected patches; "" with exact windows."""
    return next((name for name in features if name.endswith("_projected")), "")


def _pooled(
    features: Mapping[str, VectorsT], mean: Callable[[VectorsT, int], VectorsT]
) -> dict[str, VectorsT]:
    """With means of windows instead of the projected patches. Exact windows do not change."""
    name = _projected(features)
    result = {other: values for other, values in features.items() if other != name}
    if name:
        result |= {windows_name(side): mean(features[name], side) for side in WINDOWS}
    return result
