"""Shows how well the autoencoder works with each of its options.

python -m benchmarks.autoencoder --data DIR trains a small network per option and class of DIR, on
few pictures of 64x64. It prints figures on the held-out good pictures with simulated defects, and
on the test pictures. "left" is the share of the contrast of a simulated defect that is left in the
redrawn picture: 1 if the network copies its input, 0 if it redraws the picture without the defect.
A last table has the error maps of the default network. `benchmarks.accuracy --methods autoencoder`
compares the method with others.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from benchmarks.accuracy import SETS
from inspector.core.arrays import Image
from learning.graph.maps import MapCanvas, anomaly_map_numpy, top_mean_numpy
from learning.methods.autoencoder.error_maps import ERRORS, error_map_numpy
from learning.methods.autoencoder.method import Autoencoder, PictureSource, to_planes
from learning.methods.autoencoder.train import AutoencoderTraining
from learning.methods.autoencoder.training.networks import AutoencoderUNetLite
from learning.methods.autoencoder.training.run import prepare
from learning.metrics.image import auroc
from learning.simulation.plans import plan_defects
from learning.simulation.simulate import simulate
from learning.training import TrainingJob, Watch
from learning.training_data import Labelled, TrainingData, data_of_class

SIDE: Final = 64
DEFECTS: Final = 160
STRIDE: Final = 2
"""The pixel AUROC uses every second pixel."""

SMALL: Final[Mapping[str, Any]] = MappingProxyType(
    {"widths": (16, 32, 64, 128), "amp": True, "threads": 1, "every": 30}
)
"""Options of every training here."""

VARIANTS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "default": {},
        "--first-skip": {"first_skip": True},
        "--first-skip --corruption 0": {"first_skip": True, "corruption": 0.0},
        "--first-skip --corruption-weight 0": {"first_skip": True, "corruption_weight": 0.0},
        "--first-skip --skip-dropout 0.3": {"first_skip": True, "skip_dropout": 0.3},
        "--reconstruction l1": {"reconstruction": "l1"},
        "--ssim-weight 0": {"ssim_weight": 0.0},
        "--perceptual-weight 0": {"perceptual_weight": 0.0},
    }
)


@dataclass(frozen=True, slots=True)
class Simulated:
    """pictures: the good ones, then those with a defect. clean: of each defect, the picture without
    it, (n, H, W, 3) uint8 RGB."""

    pictures: Labelled
    clean: Image


@dataclass(frozen=True, slots=True)
class Redrawn:
    """What a network redraws. planes, drawn: (n, 3, H, W) in [-1, 1], before and after."""

    labelled: Labelled
    planes: npt.NDArray[np.float32]
    drawn: npt.NDArray[np.float32]

    def figures(self, error: str, share: float) -> dict[str, float | None]:
        """Image and pixel AUROC; the second is None without masks."""
        canvas = MapCanvas((SIDE, SIDE), top_fraction=Autoencoder.top_fraction or 0.0)
        grids = error_map_numpy(self.planes, self.drawn, error, share)
        maps = anomaly_map_numpy({"error": grids}, canvas)
        masks = self.labelled.masks
        image = auroc(top_mean_numpy(maps, canvas), self.labelled.defective).value
        if masks is None:
            return {"image": image, "pixel": None}
        thin = (slice(None), slice(None, None, STRIDE), slice(None, None, STRIDE))
        return {"image": image, "pixel": auroc(maps[thin], masks[thin]).value}


def read_set(folder: Path, most: int) -> TrainingData:
    return data_of_class(
        folder,
        None,
        input_hw=(SIDE, SIDE),
        max_pictures=most,
        hold_out=None,
        seed=0,
        paper_protocol=True,
    )


def simulate_defects(normals: Image) -> Simulated:
    """normals: (n, H, W, 3) uint8 RGB, pictures that were not trained on."""
    plans = plan_defects(DEFECTS, len(normals), seed=1)
    drawn = [simulate(normals[plan.picture], plan, list(normals)) for plan in plans]
    empty = np.zeros(normals.shape[:3], bool)
    pictures = Labelled(
        np.concatenate([normals, np.stack([each.pixels for each in drawn])]),
        np.arange(len(normals) + len(drawn)) >= len(normals),
        np.concatenate([empty, np.stack([each.mask for each in drawn])]),
        "simulated defects",
    )
    return Simulated(pictures, normals[[plan.picture for plan in plans]])


def share_left(simulated: Redrawn, clean: Image) -> float:
    """Median over the defects of the share of a defect's contrast that the redrawn picture has."""
    count = len(clean)
    shown, drawn, target = simulated.planes[-count:], simulated.drawn[-count:], to_planes(clean)
    contrast = shown - target
    axes = (1, 2, 3)
    left = (contrast * (drawn - target)).sum(axis=axes) / np.square(contrast).sum(axis=axes)
    return float(np.median(left))


def train_network(data: TrainingData, options: AutoencoderTraining) -> AutoencoderUNetLite:
    """The best network of a training, which never sees the test pictures."""
    with tempfile.TemporaryDirectory() as place:
        blind = replace(data, tests=None)
        job = TrainingJob(blind, PictureSource(), None, Path(place), Watch())
        model = prepare(options, job).run().model
    network = AutoencoderUNetLite(options.widths, skips=model.skips)
    state = {name: torch.from_numpy(values) for name, values in model.state.items()}
    network.load_state_dict(state, strict=False)
    return network.eval()


def redraw(network: AutoencoderUNetLite, labelled: Labelled) -> Redrawn:
    planes = to_planes(labelled.pixels)
    with torch.no_grad():
        parts: list[Tensor] = [network(part) for part in torch.from_numpy(planes).split(8)]
    return Redrawn(labelled, planes, torch.cat(parts).numpy())


def rows(
    name: str, data: TrainingData, epochs: int, variants: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """A row per variant, then one per error map of the default network."""
    simulated = simulate_defects(data.normals.pixels[data.held_out])
    tests = data.tests
    assert tests is not None
    for label in variants:
        changes = VARIANTS[label]
        options = AutoencoderTraining(epochs=epochs, **{**SMALL, **changes})
        started = time.perf_counter()
        network = train_network(data, options)
        seconds = time.perf_counter() - started
        by_set = [redraw(network, pictures) for pictures in (simulated.pictures, tests)]
        row = {"set": name, "variant": label, "seconds": seconds}
        row["left"] = share_left(by_set[0], simulated.clean)
        yield row | _both(by_set, options.error, options.share)
        if not changes:
            for error in ERRORS:
                shown = {"set": name, "variant": f"--error {error}"}
                yield shown | _both(by_set, error, options.share)


def _both(redrawn: list[Redrawn], error: str, share: float) -> dict[str, float | None]:
    return {
        f"{origin} {key}": value
        for origin, each in zip(("simulated", "test"), redrawn, strict=True)
        for key, value in each.figures(error, share).items()
    }


COLUMNS: Final = ("left", "simulated image", "simulated pixel", "test image", "test pixel")


def main(argv: list[str] | None = None) -> list[dict[str, Any]]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.autoencoder", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of class folders")
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--most", type=int, default=36, help="good pictures of each set")
    arguments = parser.parse_args(argv)
    print(f"| set | variant | {' | '.join(COLUMNS)} | s |")
    print("|---" * (len(COLUMNS) + 3) + "|")
    made = []
    for name in arguments.sets:
        data = read_set(arguments.data / name, arguments.most)
        for row in rows(name, data, arguments.epochs, arguments.variants):
            made.append(row)
            cells = [_cell(row.get(key), 3) for key in COLUMNS]
            seconds = _cell(row.get("seconds"), 0)
            print(f"| {name} | {row['variant']} | {' | '.join(cells)} | {seconds} |", flush=True)
    return made


def _cell(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    print(json.dumps({"autoencoder": main()}))
