"""Fits an engine from pictures of good parts, then inspects new pictures with it.

Run it in the folder of the project: `python examples/fit_and_predict.py`. It draws its own
pictures and writes the engine file to a temporary folder.
"""

import tempfile
from pathlib import Path

import numpy as np

import learning
from engines.backends.onnx import OnnxEngine

HEIGHT, WIDTH = 64, 96


def draw_part(seed: int, *, scratch: bool = False) -> np.ndarray:
    """(64, 96, 3) uint8 BGR: grey grain with a dark bar; a bright line is the defect."""
    picture = np.random.default_rng(seed).normal(120, 6, (HEIGHT, WIDTH, 3))
    picture[24:40] -= 50
    if scratch:
        picture[10:14, 20:70] = 230
    return picture.clip(0, 255).astype(np.uint8)


def main() -> dict[str, bool]:
    """Whether each picture fails, by its name."""
    good = [draw_part(seed) for seed in range(12)]
    with tempfile.TemporaryDirectory() as folder:
        result = learning.fit(good, method="rad", out=Path(folder) / "part.onnx", size=HEIGHT)
        print(
            f"image threshold {result.thresholds.image:.3f}, suspects: {result.suspects or 'none'}"
        )
        engine = OnnxEngine(result.path)
        pictures = {"good": draw_part(100), "scratched": draw_part(101, scratch=True)}
        pixels = np.stack([picture[:, :, ::-1] for picture in pictures.values()])
        maps, scores = engine.infer(np.ascontiguousarray(pixels))
        engine.close()
    fails = scores >= result.thresholds.image
    for name, score, anomaly_map, fail in zip(pictures, scores, maps, fails, strict=True):
        row, column = np.unravel_index(np.argmax(anomaly_map), anomaly_map.shape)
        verdict = "FAIL" if fail else "PASS"
        print(f"{name}: {verdict}, score {score:.3f}, highest at row {row}, column {column}")
    return {name: bool(fail) for name, fail in zip(pictures, fails, strict=True)}


if __name__ == "__main__":
    main()
