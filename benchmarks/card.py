"""Times every method on an NVIDIA card by the clock of the card, and compares it with the limit.

python -m benchmarks.card [ENGINE.onnx ...] makes an engine of every method at 256x256 on the
embedded backbone. It converts these engines to half precision and to int8, the named ones to half
precision, and times them all with the command bench: on onnxruntime's CUDA and TensorRT providers
and on TensorRT, with 1 and 8 pictures. Without a card it ends with exit code 2.
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
from learning.finishing import make_engine
from learning.job import MakeOptions
from learning.methods.glass.method import Glass, trained_glass
from learning.methods.glass.model import Checkpoint
from learning.methods.registry import fitted_methods
from learning.normals import from_folder
from tools._cli import guarded
from tools.bench import main as bench
from tools.convert import main as convert

SIZE = (256, 256)
DIMS, HIDDEN = 152, 101
"""Sizes of the networks that the command train makes for the embedded backbone."""


@guarded
def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.card", description=__doc__)
    parser.add_argument("engines", type=Path, nargs="*", help="more engines, in float32")
    parser.add_argument("--seconds", default="2.0", help="to time each row (default: %(default)s)")
    parser.add_argument("--batch", default="1,8", help="batch sizes (default: %(default)s)")
    options = parser.parse_args(argv)
    _check_card()
    text = f"{SIZE[1]}x{SIZE[0]}"
    engines = [clips.engine(text, method=method) for method in fitted_methods()]
    engines.append(_make_glass(clips.FOLDER / f"glass_{text}.onnx"))
    converted = [
        (engine, _convert_to_half(engine), clips.int8_engine(engine)) for engine in engines
    ]
    converted += [(engine, _convert_to_half(engine), None) for engine in options.engines]
    # One engine at a time: processes for all engines and runtimes together fill small cards.
    return max(_time_engine(files, options.batch, options.seconds) for files in converted)


def _check_card() -> None:
    """Raises EngineError without a card, before engines are fitted, which takes minutes."""
    try:
        Cuda().close()
    except EngineError as exc:
        raise EngineError(f"this benchmark needs an NVIDIA card: {exc}") from exc


def _time_engine(files: Sequence[Path | None], batch: str, seconds: str) -> int:
    """files: the engine in float32 and its other forms. None: it could not be made."""
    engine, *_ = made = [file for file in files if file is not None]
    return bench(
        [
            *map(str, made),
            *("--all", "--device", "cuda", "--device", "tensorrt"),
            *("--batch", batch, "--seconds", seconds),
            *("--json", str(clips.FOLDER / f"card_{engine.stem}.json")),
        ]
    )


def _make_glass(out: Path) -> Path:
    """An engine with random networks, which take as long as trained networks."""
    if out.exists():
        return out
    normals = from_folder(clips.normal(), input_hw=SIZE)
    options = MakeOptions("glass", Glass(), resolve(DEFAULT))
    with FeatureExtractor(options.backbone, layers=("stride8", "stride16")) as extractor:
        model = trained_glass(_random_networks(), extractor, SIZE)
    make_engine(model, normals, options, out, lambda *_: None)
    return out


def _random_networks() -> Checkpoint:
    random = np.random.default_rng(0)

    def draw(*shape: int) -> np.ndarray:
        return random.normal(0, (2 / sum(shape)) ** 0.5, shape).astype(np.float32)

    ones, zeros = np.ones(HIDDEN, np.float32), np.zeros(HIDDEN, np.float32)
    return {
        "pre_projection": {"layers.0fc.weight": draw(DIMS, DIMS), "layers.0fc.bias": draw(DIMS)},
        "discriminator": {
            "body.block1.0.weight": draw(HIDDEN, DIMS),
            "body.block1.0.bias": draw(HIDDEN),
            "body.block1.1.weight": ones,
            "body.block1.1.bias": zeros,
            "body.block1.1.running_mean": zeros,
            "body.block1.1.running_var": ones,
            "tail.0.weight": draw(1, HIDDEN),
        },
    }


def _convert_to_half(engine: Path) -> Path | None:
    """Always converts again, because the engine may have changed.

    None if half precision is not accurate enough; the command convert has printed the reason.
    """
    out = clips.FOLDER / f"{engine.stem}_fp16.onnx"
    return out if convert([str(engine), "--out", str(out)]) == 0 else None


if __name__ == "__main__":
    sys.exit(main())
