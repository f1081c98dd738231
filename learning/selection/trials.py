"""Tries candidates: scores good pictures and simulated defects by models of other pictures."""

import dataclasses
import time
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from engines.spec import Roi
from inspector.core.errors import DataError
from learning.anomalous import ReadAnomalous
from learning.defect_scores import count_defects, draw_defect
from learning.graph.maps import MapCanvas, top_mean_numpy
from learning.graph.pixels import blank_outside
from learning.job import BATCH, inspected_pixels
from learning.methods.base import Embeddings
from learning.methods.feature_source import FeatureSource, SourceRequest
from learning.methods.registry import make_method
from learning.normals import Normals, spread
from learning.selection.candidates import FRACTIONS, Candidate
from learning.simulation.plans import plan_defects
from learning.thresholds.folds import Indices, for_each_fold, split_folds

PICTURES: Final = 48
"""Most good pictures that candidates are tried on."""

DEFECTS: Final = 160
"""Most simulated defects."""

FOLDS: Final = 3

ALARMS: Final = 0.2
"""The figure of a candidate is the share of defects found, averaged over thresholds at which up to
this share of the good pictures fails."""

Scores = npt.NDArray[np.float32]

AS_SURE: Final = 10
"""This many real defects count as much as all simulated ones. Simulated defects are many, but they
are not those of the product; few real defects say little."""

HalfFeatures = dict[str, npt.NDArray[np.float16]]
"""Half precision is enough to compare candidates and needs half the memory."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Result of a candidate. figure: from 0 to 1, see `detection`; with real defects `weigh_real`
    of both. normal, defect: image scores of the good pictures and of the simulated defects, in the
    order of the plans. real: of the real defects, the means over the models of the folds; None if
    there are none."""

    candidate: Candidate
    figure: float
    seconds: float
    normal: Scores
    defect: Scores
    real: Scores | None = None

    @property
    def value(self) -> float:
        """The figure less the handicap of the candidate. The handicap is about simulated defects,
        so it weighs as much as they do."""
        weight = 1.0 if self.real is None else 1 - real_share(len(self.real))
        return self.figure - weight * self.candidate.handicap


class TrialPictures:
    """Good pictures, simulated and real defects at one size of the input.

    normals: all good pictures at that size. pixels, defects: (n, H, W, 3) uint8 RGB. plans: of the
    defects; plans[i].picture is an index of `pixels`. real: None if there are no real defects.
    """

    def __init__(
        self,
        normals: Normals,
        roi: Roi | None,
        seed: int,
        read_real: ReadAnomalous | None = None,
    ) -> None:
        chosen = spread(len(normals.names), PICTURES)
        self.normals, self.inside = normals, inspected_pixels(roi, normals.rule)
        self.pixels = normals.pixels[chosen]
        self.seed = seed
        count = count_defects(DEFECTS, normals.rule.input_hw)
        self.real = None if read_real is None else read_real(normals)
        drawn = [
            (plan, picture)
            for plan in plan_defects(count, len(chosen), seed)
            if (picture := draw_defect(self.pixels, plan, self.inside)) is not None
        ]
        if not drawn:
            raise DataError("no defect can be simulated in the region of interest: make it larger")
        self.plans = [plan for plan, _ in drawn]
        self.defects = np.stack([picture for _, picture in drawn])
        self._sources: dict[tuple[Any, ...], HalfFeatures] = {}

    @property
    def input_hw(self) -> tuple[int, int]:
        return self.normals.rule.input_hw

    def features(self, source: FeatureSource) -> HalfFeatures:
        """Of the good pictures, then of the simulated and of the real defects. Those of the last
        source are kept."""
        key = (*source.files.values(), *source.layers)
        if key not in self._sources:
            self._sources = {key: self._extract(source)}
        return self._sources[key]

    def _extract(self, source: FeatureSource) -> HalfFeatures:
        real = () if self.real is None else (self.real.pixels,)
        pictures = np.concatenate([self.pixels, self.defects, *real])
        features: dict[str, npt.NDArray[np.float16]] = {}
        for start in range(0, len(pictures), BATCH):
            batch = pictures[start : start + BATCH]
            for name, values in source.extract(blank_outside(batch, self.inside)).items():
                if name not in features:
                    features[name] = np.empty((len(pictures), *values.shape[1:]), np.float16)
                features[name][start : start + len(batch)] = values
        return features


def try_candidate(
    candidate: Candidate,
    pictures: TrialPictures,
    *,
    backbone: str | None,
    sigma: float,
    threads: int,
) -> tuple[Trial, ...]:
    """The candidate with each of FRACTIONS, or as it is if it does not read its score off the map.

    Each good picture, and the defects on it, are scored by a model of the other folds. Real defects
    are scored by all models.
    """
    started = time.monotonic()
    method = make_method(candidate.method, candidate.options)
    fractions = FRACTIONS if candidate.reads_map else (None,)
    canvases = [
        MapCanvas(pictures.input_hw, sigma, fraction or 0.0, pictures.inside)
        for fraction in fractions
    ]
    request = SourceRequest(method.find_backbone(backbone), pictures.input_hw, threads)
    with method.open_source(request) as source:
        features = pictures.features(source)
    count, simulated = len(pictures.pixels), len(pictures.pixels) + len(pictures.defects)
    real_count = 0 if pictures.real is None else len(pictures.real.names)
    real_rows = np.arange(simulated, simulated + real_count)
    scores = np.zeros((len(fractions), simulated + real_count), np.float32)
    on_picture = np.array([*range(count), *(plan.picture for plan in pictures.plans)])

    def embed(rows: Indices) -> Embeddings:
        return method.embed(
            {key: values[rows].astype(np.float32) for key, values in features.items()}
        )

    def score(part: Indices, model: Any) -> None:
        mine = np.concatenate([np.flatnonzero(np.isin(on_picture, part)), real_rows])
        for start in range(0, len(mine), BATCH):
            batch = mine[start : start + BATCH]
            maps, usual_scores = method.measure(model, embed(batch), canvases[0])
            for row, fraction in enumerate(fractions):
                scores[row, batch] += (
                    usual_scores if fraction is None else top_mean_numpy(maps, canvases[row])
                )

    parts = split_folds(
        count,
        ordered=pictures.normals.ordered,
        seed=pictures.seed,
        folds=min(FOLDS, count),
    )
    for_each_fold(method, embed(np.arange(count)), parts, pictures.seed, score)
    scores[:, real_rows] /= len(parts)
    usual = method.top_fraction
    seconds = (time.monotonic() - started) / len(fractions)
    kinds = np.array([plan.kind for plan in pictures.plans])
    return tuple(
        Trial(
            dataclasses.replace(candidate, top_fraction=None if fraction == usual else fraction),
            weigh_real(
                detection(row[:count], row[count:simulated], kinds),
                row[:count],
                row[simulated:],
            ),
            seconds,
            row[:count],
            row[count:simulated],
            row[simulated:] if real_count else None,
        )
        for fraction, row in zip(fractions, scores, strict=True)
    )


def detection(normal: Scores, defect: Scores, kinds: npt.NDArray[np.str_]) -> float:
    """Share of the defects found, the mean over their kinds and over the thresholds at which 1, 2,
    ... up to a share ALARMS of the good pictures fail. So a few odd pictures weigh little.

    normal: (n,). defect, kinds: (m,), the kind of each defect.
    """
    most = max(1, int(ALARMS * len(normal)))
    thresholds = np.sort(normal)[::-1][:most]
    shares = [
        np.mean([np.mean(defect[kinds == kind] > threshold) for kind in np.unique(kinds)])
        for threshold in thresholds
    ]
    return float(np.mean(shares))


def real_share(count: int) -> float:
    """Weight of the figure of so many real defects; the simulated ones have the rest."""
    return count / (count + AS_SURE)


def weigh_real(simulated: float, normal: Scores, real: Scores) -> float:
    """The figure of simulated defects, and `detection` of the real ones, by `real_share`."""
    if not len(real):
        return simulated
    share = real_share(len(real))
    return (1 - share) * simulated + share * detection(normal, real, np.full(len(real), "real"))
