"""How fast every method runs on an NVIDIA card by its own clock, and how near that is to its limit.

python -m benchmarks.card [ENGINE.onnx ...] takes an engine of every method at 256x256 on the
embedded backbone, and those that are named, makes one in half precision of each, and times them all
on onnxruntime's CUDA and TensorRT providers and on TensorRT, with 1 and 8 pictures, as tools.bench
does. Without a card it says so and ends with exit code 2.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import clips
from engines.backends.trt.driver import Cuda
from inspector.core.errors import EngineError
from learning.backbones.features import FeatureExtractor
from learning.backbones.zoo import DEFAULT, resolve
from learning.finishing import Wanted, engine_of_model
from learning.methods.base import METHODS
from learning.methods.glass.method import Glass, trained_glass
from learning.methods.glass.model import State
from learning.normals import from_folder
from tools._cli import guarded
from tools.bench import main as bench
from tools.convert import main as convert

SIZE = (256, 256)
DIMS, HIDDEN = 152, 101
"""Of the networks that tools.train makes for the embedded backbone."""


@guarded
def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.card", description=__doc__)
    parser.add_argument("engines", type=Path, nargs="*", help="more engines, in float32")
    parser.add_argument("--seconds", default="2.0", help="for each row (%(default)s)")
    parser.add_argument("--batch", default="1,8", help="sizes (%(default)s)")
    given = parser.parse_args(argv)
    _need_a_card()
    text = f"{SIZE[1]}x{SIZE[0]}"
    engines = [clips.engine(text, method=method) for method in METHODS]
    engines += [_glass(clips.FOLDER / f"glass_{text}.onnx"), *given.engines]
    # One after the other: a process of every engine on every runtime at once fills small cards.
    return max(_timed(engine, given.batch, given.seconds) for engine in engines)


def _need_a_card() -> None:
    """Before engines are fitted, which takes minutes."""
    try:
        Cuda().close()
    except EngineError as exc:
        raise EngineError(f"there is no NVIDIA card to time here: {exc}") from exc


def _timed(engine: Path, batch: str, seconds: str) -> int:
    files = [file for file in (engine, _halved(engine)) if file is not None]
    return bench(
        [
            *map(str, files),
            *("--all", "--device", "cuda", "--device", "tensorrt"),
            *("--batch", batch, "--seconds", seconds),
            *("--json", str(clips.FOLDER / f"card_{engine.stem}.json")),
        ]
    )


def _glass(out: Path) -> Path:
    """An engine with networks that nobody trained, which take as long as trained ones."""
    if out.exists():
        return out
    normals = from_folder(clips.normal(), input_hw=SIZE)
    wanted = Wanted("glass", Glass(), resolve(DEFAULT))
    with FeatureExtractor(wanted.backbone, layers=("stride8", "stride16")) as extractor:
        model = trained_glass(_untrained(), extractor, SIZE)
    engine_of_model(model, normals, wanted, out, lambda *_: None)
    return out


def _untrained() -> State:
    random = np.random.default_rng(0)

    def drawn(*shape: int) -> np.ndarray:
        return random.normal(0, (2 / sum(shape)) ** 0.5, shape).astype(np.float32)

    ones, zeros = np.ones(HIDDEN, np.float32), np.zeros(HIDDEN, np.float32)
    return {
        "pre_projection": {"layers.0fc.weight": drawn(DIMS, DIMS), "layers.0fc.bias": drawn(DIMS)},
        "discriminator": {
            "body.block1.0.weight": drawn(HIDDEN, DIMS),
            "body.block1.0.bias": drawn(HIDDEN),
            "body.block1.1.weight": ones,
            "body.block1.1.bias": zeros,
            "body.block1.1.running_mean": zeros,
            "body.block1.1.running_var": ones,
            "tail.0.weight": drawn(1, HIDDEN),
        },
    }


def _halved(engine: Path) -> Path | None:
    """Made anew, for the engine may be another one of that name. None where half precision is not
    enough; tools.convert has said why."""
    out = clips.FOLDER / f"{engine.stem}_fp16.onnx"
    return out if convert([str(engine), "--out", str(out)]) == 0 else None


if __name__ == "__main__":
    sys.exit(main())
