"""Places patches of clean and shifted pictures in a plane by t-SNE, and draws their features."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from engines.pictures import reading_for
from engines.resize import to_input
from engines.spec import EngineSpec
from engines.spec_file import read_spec
from evaluation.report.panels import Panel, encode_panel
from inspector.core.arrays import Image
from inspector.core.errors import ConfigError, DataError
from learning.backbones.features import FeatureExtractor, Features
from learning.backbones.zoo import DEFAULT, resolve
from learning.datasets.layouts import load
from learning.datasets.masks import MaskReader
from learning.datasets.pictures import read_picture
from learning.datasets.types import TEST, ClassData, Sample
from learning.graph.patch_embedding import PatchEmbedding
from learning.normals import spread
from studies.shift.cells import Cell
from studies.shift.drawing import make_generator
from studies.shift.method_names import folder_name
from studies.shift.picture_sets import CLEAN_CONDITION, Condition

GOOD_CLEAN, GOOD_SHIFTED = "good, clean", "good, shifted"
DEFECT_CLEAN, DEFECT_SHIFTED = "defect, clean", "defect, shifted"
GROUPS: Final = (GOOD_CLEAN, GOOD_SHIFTED, DEFECT_CLEAN, DEFECT_SHIFTED)

PICTURES: Final = 10
"""Most good and most defective test pictures of a class."""

PATCHES: Final = 200
"""Most patches of a group."""

PERPLEXITY: Final = 30.0
NEIGHBOURS: Final = 10
Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Patch:
    """group: of GROUPS. picture: its name. row, column: on the grid of the first layer. x, y: its
    place in the plane. alike: share of its NEIGHBOURS nearest patches, by the distance of their
    features, that are of its group."""

    group: str
    picture: str
    row: int
    column: int
    x: float
    y: float
    alike: float


@dataclass(frozen=True, slots=True)
class FeatureView:
    """A picture and the features of each layer as colours: their first three principal components.
    The colours are the same for clean and shifted pictures."""

    name: str
    shifted: bool
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Embedding:
    """Of one class. views: for each picture clean, then shifted."""

    class_name: str
    transform: str
    severity: str
    patches: tuple[Patch, ...]
    views: tuple[FeatureView, ...]


@dataclass(frozen=True, slots=True)
class _Read:
    """A picture at the input of the engine. pixels: (H, W, 3) uint8 RGB. inside: (h, w) of the grid
    of the first layer, where its mask is defective; None without a mask."""

    sample: Sample
    pixels: Image
    features: Features
    inside: npt.NDArray[np.bool_] | None


def load_tsne() -> tuple[Any, Any]:
    """TSNE of scikit-learn, and threadpool_limits of threadpoolctl, which it needs. Raises
    ConfigError with what to install. Call it before any work."""
    try:
        from sklearn.manifold import TSNE
        from threadpoolctl import threadpool_limits
    except ImportError as exc:
        raise ConfigError("embeddings need scikit-learn: pip install '.[study]'") from exc
    return TSNE, threadpool_limits


def make_embedding(out: Path, shifted: Cell, seed: int, threads: int) -> Embedding:
    """Of the class and the shift of a cell of a finished study, whose folder is `out`. The features
    are those of the default backbone, averaged over 3x3 positions, as PatchCore uses them.

    Raises ConfigError without scikit-learn, and DataError if a picture is missing.
    """
    key = shifted.key
    spec = read_spec(out / "engines" / key.class_name / folder_name(key.method) / "clean.onnx")
    conditions = (CLEAN_CONDITION, Condition(key.transform, key.severity))
    with FeatureExtractor(resolve(DEFAULT), layers=None, threads=threads) as extractor:
        read = [
            _read(out / "pictures" / condition.name / key.class_name, spec, extractor)
            for condition in conditions
        ]
    vectors, names = _patches(read, make_generator(seed, "patches", key.class_name))
    places = _place(vectors, seed)
    alike = _alike(vectors, [group for group, *_ in names])
    patches = tuple(
        Patch(*name, float(place[0]), float(place[1]), float(share))
        for name, place, share in zip(names, places, alike, strict=True)
    )
    return Embedding(key.class_name, key.transform, key.severity, patches, _views(read))


def _read(folder: Path, spec: EngineSpec, extractor: FeatureExtractor) -> list[_Read]:
    """Some good and some defective test pictures of a copy of a class."""
    (data,) = load(folder, "mvtec")
    masks = MaskReader(data.samples, "any")
    read = []
    for sample in _some(data):
        image = read_picture(sample.path, reading_for(spec))
        if image is None:
            raise DataError(f"picture {sample.path} can no longer be read")
        pixels, _ = to_input(image, spec.resize)
        features = extractor.extract(pixels[np.newaxis])
        grid_hw = next(iter(features.values())).shape[2:]
        inside = None
        if sample.masks:
            mask = masks.read(sample, (image.shape[0], image.shape[1])).astype(np.uint8)
            size = (grid_hw[1], grid_hw[0])
            inside = cv2.resize(255 * mask, size, interpolation=cv2.INTER_AREA) >= 128
        read.append(_Read(sample, pixels, features, inside))
    return read


def _some(data: ClassData) -> list[Sample]:
    tests = data.of_split(TEST)
    groups = ([s for s in tests if s.defective == defective] for defective in (False, True))
    return [group[index] for group in groups for index in spread(len(group), PICTURES)]


def _patches(
    read: Sequence[Sequence[_Read]], random: np.random.Generator
) -> tuple[Array, list[tuple[str, str, int, int]]]:
    """Vectors (n, C) of patches that are drawn at random, and the group, the picture, the row and
    the column of each. read: clean, then shifted pictures."""
    vectors, names = [], []
    for group in GROUPS:
        pictures = read[group in (GOOD_SHIFTED, DEFECT_SHIFTED)]
        defective = group in (DEFECT_CLEAN, DEFECT_SHIFTED)
        cells = [
            (number, row, column)
            for number, picture in enumerate(pictures)
            if picture.sample.defective == defective
            for row, column in _cells(picture)
        ]
        chosen = random.permutation(len(cells))[:PATCHES]
        for number in sorted({cells[index][0] for index in chosen}):
            embedded = _embed(pictures[number].features)
            for index in sorted(chosen):
                of, row, column = cells[index]
                if of == number:
                    vectors.append(embedded[:, row, column])
                    names.append((group, pictures[number].sample.name, row, column))
    return np.array(vectors, np.float32), names


def _cells(picture: _Read) -> list[tuple[int, int]]:
    """Of a good picture all positions of the grid; of a defective one those in its mask."""
    if not picture.sample.defective:
        height, width = next(iter(picture.features.values())).shape[2:]
        return [(row, column) for row in range(height) for column in range(width)]
    if picture.inside is None:
        return []
    return [(row, column) for row, column in np.argwhere(picture.inside).tolist()]


def _embed(features: Features) -> Array:
    """(C, h, w): of PatchCore."""
    layers = list(features.values())
    return PatchEmbedding.averaged([layer.shape[1] for layer in layers]).numpy(layers)[0]


def _place(vectors: Array, seed: int) -> npt.NDArray[np.float64]:
    """(n, 2) by t-SNE (L. van der Maaten and G. Hinton, JMLR 9, 2008)."""
    make_tsne, threadpool_limits = load_tsne()
    tsne = make_tsne(
        perplexity=min(PERPLEXITY, (len(vectors) - 1) / 3),
        init="pca",
        random_state=seed,
        n_jobs=1,
    )
    # Several threads would add up in any order, and they wait for each other on a busy machine.
    with threadpool_limits(1):
        return np.asarray(tsne.fit_transform(vectors), np.float64)


def _alike(vectors: Array, groups: Sequence[str]) -> npt.NDArray[np.float64]:
    wide = vectors.astype(np.float64)
    squares = np.einsum("ij,ij->i", wide, wide)
    apart = squares[:, None] + squares - 2 * wide @ wide.T
    np.fill_diagonal(apart, np.inf)
    nearest = np.argsort(apart, axis=1, kind="stable")[:, :NEIGHBOURS]
    names = np.array(groups)
    return np.asarray((names[nearest] == names[:, None]).mean(axis=1), np.float64)


def _views(read: Sequence[Sequence[_Read]]) -> tuple[FeatureView, ...]:
    """The first good and the first defective picture, clean and shifted."""
    shown = []
    for defective in (False, True):
        first = next((p for p in read[0] if p.sample.defective == defective), None)
        other = next((p for p in read[1] if first and p.sample.name == first.sample.name), None)
        if first is not None and other is not None:
            colours = _colours([first.features, other.features])
            for shifted, picture in enumerate((first, other)):
                panels = [encode_panel(picture.pixels[..., ::-1], "picture")]
                panels += [
                    encode_panel(_enlarge(layer[shifted], picture.pixels), name)
                    for name, layer in colours.items()
                ]
                shown.append(FeatureView(picture.sample.name, bool(shifted), tuple(panels)))
    return tuple(shown)


def _colours(features: Sequence[Features]) -> dict[str, list[Image]]:
    """Layer -> (h, w, 3) uint8 of each picture: three principal components of all of them."""
    layers = {}
    for name in features[0]:
        grids = [each[name][0] for each in features]
        cells = np.concatenate([grid.reshape(len(grid), -1).T for grid in grids])
        centred = cells - cells.mean(axis=0)
        _, vectors = np.linalg.eigh(np.cov(centred.T.astype(np.float64)))
        values = centred @ vectors[:, :-4:-1].astype(np.float32)
        low, high = np.percentile(values, (2, 98), axis=0)
        levels = np.clip(255 * (values - low) / np.maximum(high - low, 1e-6), 0, 255)
        parts = np.split(levels.astype(np.uint8), len(grids))
        layers[name] = [
            part.reshape(*grid.shape[1:], 3) for part, grid in zip(parts, grids, strict=True)
        ]
    return layers


def _enlarge(cells: Image, pixels: Image) -> Image:
    size = (pixels.shape[1], pixels.shape[0])
    return np.asarray(cv2.resize(cells, size, interpolation=cv2.INTER_NEAREST), np.uint8)
