"""How well engines with default settings separate real good and defective pictures.

python -m benchmarks.accuracy --data DIR fits one engine per folder of DIR (MVTec layout:
train/good, test/<kind>, ground_truth/<kind>/<stem>*) and prints a table and JSON.
"""

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from engines.backbones.zoo import DEFAULT, resolve
from engines.base import Engine, open_engine
from engines.datasets.pictures import read_picture
from engines.export.fitting import Recipe, fit_engine
from engines.methods.base import make_method
from engines.metrics.image import auroc
from engines.resize import to_input
from engines.training.data import from_folder
from inspector.core.arrays import Map, Mask
from inspector.core.errors import DataError

SETS = ("cookie", "ballscrew", "cubes")


@dataclass(frozen=True, slots=True)
class Accuracy:
    """pixel_auroc: on the map's own grid, None without masks. false_alarms, found: shares of good
    and defective test pictures at or above the image threshold. found_without_region: share of
    those found whose map stays below the pixel threshold. good_with_region: of good pictures.
    """

    name: str
    normals: int
    good: int
    defective: int
    image_auroc: float
    pixel_auroc: float | None
    false_alarms: float
    found: float
    found_without_region: float
    good_with_region: float
    fit_s: float


@dataclass(frozen=True, slots=True)
class Judged:
    """One test picture. truth: mask on the map's grid, None where there is no mask for it."""

    score: float
    anomaly_map: Map
    defective: bool
    truth: Mask | None


def measure(folder: Path, method: str = "rad") -> Accuracy:
    """Fits on train/good with the defaults of tools.fit and judges all test pictures."""
    start = time.perf_counter()
    normals = from_folder(folder)
    recipe = Recipe(folder.name, make_method(method, {}), resolve(DEFAULT))
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "engine.onnx"
        fit_engine(normals, recipe, path, lambda *_: None)
        fit_s = time.perf_counter() - start
        engine = open_engine(path)
    judged = [
        _judge(engine, picture, folder / "ground_truth" / kind.name, kind.name != "good")
        for kind in sorted((folder / "test").iterdir())
        for picture in sorted(kind.iterdir())
    ]
    return _summary(engine, folder.name, len(normals.pixels), judged, fit_s)


def _judge(engine: Engine, path: Path, masks: Path, defective: bool) -> Judged:
    image = read_picture(path)
    if image is None:
        raise DataError(f"test picture {path} cannot be read")
    pixels, _ = to_input(image, engine.spec.resize)
    maps, scores = engine.infer(pixels[None])
    height, width = engine.spec.map_hw
    truth: Mask | None = np.zeros((height, width), bool)
    if defective:
        # By stem: pairing by sorted position shifts every mask when one file is missing.
        found = sorted(masks.glob(f"{path.stem}*")) if masks.is_dir() else []
        drawn = cv2.imread(str(found[0]), cv2.IMREAD_GRAYSCALE) if found else None
        truth = None
        if drawn is not None:
            truth = cv2.resize(drawn, (width, height), interpolation=cv2.INTER_NEAREST) > 0
    return Judged(float(scores[0]), maps[0], defective, truth)


def _summary(
    engine: Engine, name: str, normals: int, judged: list[Judged], fit_s: float
) -> Accuracy:
    spec = engine.spec
    scores = np.array([one.score for one in judged])
    peaks = np.array([one.anomaly_map.max() for one in judged])
    bad = np.array([one.defective for one in judged])
    fails, regions = scores >= spec.image_threshold, peaks >= spec.pixel_threshold
    truths = [one.truth for one in judged if one.truth is not None]
    pixel = None
    if len(truths) == len(judged):
        pixel = auroc(np.stack([one.anomaly_map for one in judged]), np.stack(truths)).value
    return Accuracy(
        name=name,
        normals=normals,
        good=int((~bad).sum()),
        defective=int(bad.sum()),
        image_auroc=auroc(scores, bad).value,
        pixel_auroc=pixel,
        false_alarms=float(fails[~bad].mean()),
        found=float(fails[bad].mean()),
        found_without_region=float((~regions[fails]).mean()) if fails.any() else 0.0,
        good_with_region=float(regions[~bad].mean()),
        fit_s=fit_s,
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of class folders")
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    arguments = parser.parse_args(argv)
    found = [measure(arguments.data / name) for name in arguments.sets]
    print(
        f"{'set':12}{'normals':>8}{'good':>6}{'bad':>5}{'image':>8}{'pixel':>8}"
        f"{'alarms':>8}{'found':>8}{'no region':>10}{'fit s':>7}"
    )
    for one in found:
        pixel = "-" if one.pixel_auroc is None else f"{one.pixel_auroc:.4f}"
        print(
            f"{one.name:12}{one.normals:8}{one.good:6}{one.defective:5}{one.image_auroc:8.4f}"
            f"{pixel:>8}{one.false_alarms:8.1%}{one.found:8.1%}{one.found_without_region:10.1%}"
            f"{one.fit_s:7.1f}"
        )
    print(json.dumps({"accuracy": [dataclasses.asdict(one) for one in found]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
