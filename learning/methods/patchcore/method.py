"""PatchCore: every patch is compared with a thinned bank of the patches of all normal pictures.

Method of "PatchCore" (CVPR 2022). Variant paper is the widely used form: channels averaged over
3x3 positions, Euclidean distance, and the image score reweighted by the bank's density around the
nearest row (section 3.3). Variant official is the authors' code: patches pooled to a fixed
length, squared distance, and the largest one as image score. Nothing is trained.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v17 as op
from spox import Var

from inspector.core.errors import EngineError
from learning.backbones.features import Features
from learning.graph import maps, nearest
from learning.graph.maps import MapCanvas
from learning.graph.patch_embedding import PatchEmbedding
from learning.methods import coreset
from learning.methods.base import (
    LAYERS,
    PRECISION,
    Embeddings,
    Maps,
    Method,
    Scores,
    check_model_size,
)
from learning.methods.closest import closest
from learning.methods.coreset import share_of_rows
from learning.methods.patchcore import bank as patchcore_bank
from learning.methods.patchcore import reference as patchcore_reference
from learning.methods.patchcore import search as patchcore_search
from learning.methods.patchcore.bank import PatchCoreModel
from learning.methods.patchcore.options import (
    check_settings,
    reduction_name,
    upsampling_name,
    variant_name,
)
from learning.options import option, read_options, whole_number

NEIGHBOURS: Final = 9
"""Default number of rows around the nearest one that variant paper reweights by."""

DIMS: Final = 1024
"""Default length of a patch of variant official."""

CANDIDATES: Final = 20_000
"""Patches that the bank is chosen from, or twice the bank if that is more; they are drawn at random
from all. With 10,000 the image AUROC of one real set fell by 0.011 (mean of three seeds)."""


@dataclass(frozen=True)
class PatchCore(Method[PatchCoreModel]):
    """neighbours: None is NEIGHBOURS for variant paper, and 1 for official, the only value there.
    dims: None is DIMS for official; paper keeps every channel unless there is a reduction. coreset,
    most_rows: 0 keeps all."""

    name: ClassVar[str] = "patchcore"
    takes_copies: ClassVar[bool] = False  # it compares all places, so they only cost time
    top_fraction: ClassVar[float | None] = None

    variant: str = field(
        default="paper",
        metadata=option(
            "paper: averaged patches, distance, reweighted score (default); official: pooled "
            "patches, squared distance, largest as score",
            variant_name,
        ),
    )
    neighbours: int | None = field(
        default=None,
        metadata=option(
            "rows that reweight the score of variant paper (default: 9); 1: no reweighting",
            whole_number,
        ),
    )
    coreset: float = field(
        default=0.1,
        metadata=option(
            "share of the patches that is kept (default: 0.1); 0 or 1: all", share_of_rows
        ),
    )
    most_rows: int = field(
        default=2000,
        metadata=option("most patches that are kept (default: 2000); 0: no limit", whole_number),
    )
    dims: int | None = field(
        default=None,
        metadata=option(
            "length of a patch of variant official (default: 1024), or after the reduction",
            whole_number,
        ),
    )
    reduction: str = field(
        default="none",
        metadata=option(
            "how patches of variant paper are made shorter, to --dims values: none (default), pca "
            "or random (random projection)",
            reduction_name,
        ),
    )
    score_patches: int | None = field(
        default=None,
        metadata=option(
            "score: mean distance of so many farthest patches, without reweighting (default: the "
            "farthest patch, reweighted)",
            whole_number,
        ),
    )
    upsampling: str = field(
        default="bilinear",
        metadata=option(
            "enlarging of the map before smoothing: bilinear (default) or nearest", upsampling_name
        ),
    )
    precision: str = field(default="float32", metadata=PRECISION)
    layers: tuple[str, ...] | None = field(default=None, metadata=LAYERS)

    def __post_init__(self) -> None:
        check_settings(read_options(self))

    @property
    def _official(self) -> bool:
        return self.variant == "official"

    @property
    def _is_reduced(self) -> bool:
        return self.reduction != "none"

    def _neighbours(self, rows: int) -> int:
        default = 1 if self._official or self.score_patches else NEIGHBOURS
        return min(rows, self.neighbours or default)

    def _embedding(self, channels: Sequence[int]) -> PatchEmbedding:
        if not self._official:
            return PatchEmbedding.averaged(channels)
        dims = self.dims or DIMS
        return PatchEmbedding.pooled(channels, dims, dims)

    def embed(self, features: Features) -> Embeddings:
        embedding = self._embedding([layer.shape[1] for layer in features.values()])
        return dict(zip(features, embedding.convolve(list(features.values())), strict=True))

    def fit(self, embeddings: Embeddings, seed: int) -> PatchCoreModel:
        return self.fit_chosen(embeddings, embeddings, seed)

    def fit_chosen(
        self, embeddings: Embeddings, chosen_by: Embeddings, seed: int
    ) -> PatchCoreModel:
        """chosen_by: embeddings of the same pictures, by which the rows of the bank are chosen."""
        first = next(iter(embeddings.values()))
        pictures, count = len(first), len(first) * first.shape[2] * first.shape[3]
        keep = coreset.rows_to_keep(count, self.coreset, self.most_rows)
        channels = sum(layer.shape[1] for layer in embeddings.values())
        self._refuse_if_too_large(keep, (self.dims if self._is_reduced else None) or channels)
        drawn = np.arange(count)
        if keep < count:
            drawn = coreset.draw(count, max(CANDIDATES, 2 * keep), seed)
        joining = self._joining(embeddings)
        pool = patchcore_bank.patches(joining, embeddings, drawn)
        other = chosen_by is not embeddings
        guide = patchcore_bank.patches(joining, chosen_by, drawn) if other else pool
        grids = {name: (layer.shape[2], layer.shape[3]) for name, layer in embeddings.items()}
        return patchcore_bank.build(
            pool,
            guide,
            keep,
            seed,
            precision=self.precision,
            grids=grids,
            pictures=pictures,
            basis=patchcore_bank.make_basis(guide, self.reduction, self.dims or 0, seed),
        )

    def _refuse_if_too_large(self, rows: int, dims: int) -> None:
        check_model_size(
            rows * dims * np.dtype(self.precision).itemsize,
            "the bank",
            "a smaller coreset or most_rows, fewer pictures or layers, or precision float16",
        )

    def _joining(self, embeddings: Embeddings) -> PatchEmbedding:
        """Only for `join_layers`, which needs the lengths of the results of the layers, not their
        inputs."""
        layers = list(embeddings.values())
        return self._embedding(
            [1] * len(layers) if self._official else [x.shape[1] for x in layers]
        )

    def measure(
        self, model: PatchCoreModel, embeddings: Embeddings, canvas: MapCanvas
    ) -> tuple[Maps, Scores]:
        joined = self._joining(embeddings).join_layers(list(embeddings.values()))
        counted, bank = maps.scored_cells(model.grid_hw, canvas), model.rows()
        grids = np.empty((len(joined), *joined.shape[2:]), np.float32)
        scores = np.empty(len(joined), np.float32)
        for index, picture in enumerate(joined):
            patches = picture.reshape(len(picture), -1).T - model.centre
            if model.basis is not None:
                patches = patches @ model.basis
            rows, squared = closest(patches, bank)
            top = int((squared * counted).argmax())
            distances = squared if self._official else np.sqrt(squared)
            grids[index] = distances.reshape(grids.shape[1:])
            scores[index] = patchcore_search.mean_of_largest(
                distances * counted, self.score_patches or 1
            )
            if (around := self._neighbours(len(bank))) > 1:
                scores[index] *= patchcore_search.reweighting(
                    patches[top], bank, int(rows[top]), around
                )
        enlarged, shape = grids, model.grid_hw
        if self.upsampling == "nearest":
            rows_at, columns_at = patchcore_bank.cells_under(shape, canvas.map_hw)
            enlarged = grids[:, rows_at][:, :, columns_at]
        return maps.anomaly_map_numpy({"all": enlarged}, canvas), scores

    def head(
        self, model: PatchCoreModel, features: Mapping[str, Var], canvas: MapCanvas
    ) -> tuple[Var, Var]:
        layers = [features[name] for name in model.grids]
        embedding = self._embedding([_channels(name, features[name]) for name in model.grids])
        joined = embedding.graph(layers, list(model.grids.values()))
        height, width = model.grid_hw
        lined = op.reshape(joined, op.const(np.array((0, embedding.dims, -1), np.int64)))
        patches = op.sub(op.transpose(lined, perm=[0, 2, 1]), op.const(model.centre))
        if model.basis is not None:
            patches = op.matmul(patches, op.const(model.basis))
        bank = nearest.BankRows(model.bank, model.scale)
        nearest_rows = nearest.closest(patches, bank, height * width)
        distances = nearest_rows[1] if self._official else op.sqrt(nearest_rows[1])
        grid = op.reshape(distances, op.const(np.array((-1, height, width), np.int64)))
        counted = maps.scored_cells(model.grid_hw, canvas)
        if (around := self._neighbours(len(model.bank))) > 1:
            rows = model.rows()
            table = patchcore_search.neighbours_of(rows, np.arange(len(rows)), around)
            score = nearest.reweight(patches, nearest_rows, bank, table, counted)
        else:
            within = op.mul(distances, op.const(counted))
            score = nearest.mean_of_largest(within, self.score_patches or 1, len(counted))
        shape = height, width
        if self.upsampling == "nearest":
            shape = canvas.map_hw
            for axis, cells in enumerate(
                patchcore_bank.cells_under((height, width), shape), start=1
            ):
                grid = op.gather(grid, op.const(cells), axis=axis)
        return maps.anomaly_map({"all": grid}, {"all": shape}, canvas), score

    def reference(
        self, model: PatchCoreModel, features: Features, canvas: MapCanvas
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        return patchcore_reference.maps_and_scores(
            [features[name] for name in model.grids],
            model.whole_rows(),
            canvas,
            pooled_to=(self.dims or DIMS) if self._official else None,
            neighbours=self._neighbours(len(model.bank)),
            farthest=self.score_patches or 1,
            nearest=self.upsampling == "nearest",
            basis=None if model.basis is None else model.basis.astype(np.float64),
        )

    def describe(self, model: PatchCoreModel) -> dict[str, Any]:
        settings = read_options(self)
        settings.pop("layers")
        around = self._neighbours(len(model.bank))
        table = len(model.bank) * around * 4 if around > 1 else 0
        basis = 0 if model.basis is None else model.basis.nbytes
        return settings | {
            "neighbours": around,
            "dims": model.bank.shape[1],
            "bank_pictures": model.pictures,
            "bank_rows": len(model.bank),
            "bank_candidates": model.candidates,
            "covering_radius": model.covering,
            "covering_projected_to": patchcore_bank.PROJECTION if model.projected else None,
            "model_bytes": model.bank.nbytes + model.centre.nbytes + basis + table,
        }


def _channels(name: str, layer: Var) -> int:
    shape = layer.unwrap_tensor().shape
    channels = None if shape is None else shape[1]
    if not isinstance(channels, int):
        raise EngineError(f"the backbone's output {name} does not state its channels")
    return channels
