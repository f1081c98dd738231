"""Fits an engine from pictures of good parts, then judges new pictures with it.

How to run it:
    python examples/fit_and_predict.py OUT.onnx

The script draws its own pictures. OUT.onnx is the engine file that it writes.
"""

import argparse
from pathlib import Path

import numpy as np

import engines
import learning

HEIGHT, WIDTH = 64, 96


def draw_part(seed: int, *, scratch: bool = False) -> np.ndarray:
    """(64, 96, 3) uint8 BGR: grey grain with a dark bar; a bright line is the defect."""
    picture = np.random.default_rng(seed).normal(120, 6, (HEIGHT, WIDTH, 3))
    picture[24:40] -= 50
    if scratch:
        picture[10:14, 20:70] = 230
    return picture.clip(0, 255).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()

    good = [draw_part(seed) for seed in range(12)]
    result = learning.fit(good, method="rad", out=arguments.out, size=HEIGHT)
    suspects = ", ".join(result.suspects) or "none"
    print(f"image threshold {result.thresholds.image:.3f}, suspects: {suspects}")

    pictures = {"good": draw_part(100), "scratched": draw_part(101, scratch=True)}
    with engines.open_engine(result.path) as engine:
        for name, picture in pictures.items():
            prediction = engine.predict(picture)
            anomaly_map = prediction.anomaly_map
            row, column = np.unravel_index(np.argmax(anomaly_map), anomaly_map.shape)
            print(
                f"{name}: {prediction.verdict}, score {prediction.score:.3f}, "
                f"highest at row {row}, column {column} of the map"
            )


if __name__ == "__main__":
    main()
