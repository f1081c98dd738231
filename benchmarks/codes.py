"""Measures how well codes on parts are read, and what that costs (extra `codes`).

python -m benchmarks.codes [--pictures 100]. Each picture shows a code with another text, turned,
blurred and noisy, in a region of 600x400 px.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import zxingcpp

from inspector.core.arrays import Image
from inspector.parts.code_options import CodeOptions
from inspector.parts.codes import CodeReader

HW: Final = (400, 600)
READER: Final = CodeOptions(enabled=True, region=(0.0, 0.0, 1.0, 1.0))


@dataclass(frozen=True, slots=True)
class Conditions:
    """module_px: side of a module (smallest square) of the code. contrast: grey levels between dark
    and light. blur_px: sigma. noise: sigma in grey levels. turned: by any angle, otherwise upright.
    """

    module_px: float = 4.0
    contrast: float = 150.0
    blur_px: float = 0.5
    noise: float = 5.0
    turned: bool = True


CONDITIONS: Final = {
    "usual": Conditions(),
    "upright": Conditions(turned=False),
    "module of 2 px": Conditions(module_px=2.0),
    "module of 1.5 px": Conditions(module_px=1.5),
    "contrast 40": Conditions(contrast=40.0),
    "contrast 20": Conditions(contrast=20.0),
    "blur 2 px": Conditions(blur_px=2.0),
    "blur 3 px": Conditions(blur_px=3.0),
    "noise 30": Conditions(noise=30.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=100)
    count = parser.parse_args().pictures
    figures: dict[str, Any] = {}
    print("code | conditions | read | wrong | ms per picture")
    for code in ("DataMatrix", "QRCode"):
        for name, conditions in CONDITIONS.items():
            row = measure(code, conditions, count)
            print(" | ".join((code, name, *map(str, row))), flush=True)
            figures[f"{code}, {name}"] = row
    for name, noise in (("smooth", 2.0), ("rough", 30.0)):
        row = measure(None, Conditions(noise=noise), count)
        print(f"no code | {name} surface | {' | '.join(map(str, row))}")
        figures[f"no code, {name}"] = row
    print(json.dumps({"codes": figures}))


def measure(code: str | None, conditions: Conditions, count: int) -> tuple[int, int, float]:
    """Pictures whose code is read, pictures with a wrong text, and ms of CPU per picture. code:
    name of its format; None: there is none in the pictures."""
    reader, rng = CodeReader(READER), np.random.default_rng(0)
    read = wrong = 0
    spent_s = 0.0
    for _ in range(count):
        text = None if code is None else f"SN-{rng.integers(10**8):08d}"
        picture = draw(code, text, conditions, rng)
        start_s = time.process_time()
        result = reader.read(picture)
        spent_s += time.process_time() - start_s
        read += result is not None and result == text
        wrong += result is not None and result != text
    return read, wrong, round(1e3 * spent_s / count, 2)


def draw(
    code: str | None, text: str | None, conditions: Conditions, rng: np.random.Generator
) -> Image:
    """(H, W, 3) uint8 BGR of the size HW: a part with a code at any place."""
    light = 128 + conditions.contrast / 2
    scene = np.full(HW, light, np.float32)
    if code is not None:
        barcode = zxingcpp.create_barcode(text, zxingcpp.barcode_format_from_str(code))
        modules = np.array(zxingcpp.write_barcode_to_image(barcode, scale=1), np.float32)
        source = np.float32(light) - np.float32(conditions.contrast) * (modules < 128)
        angle = rng.uniform(0, 360) if conditions.turned else 0.0
        scene = _place(source, scene, conditions.module_px, angle, rng)
    scene = cv2.GaussianBlur(scene, (0, 0), conditions.blur_px)
    scene += rng.normal(0, conditions.noise, HW)
    return cv2.cvtColor(scene.clip(0, 255).astype(np.uint8), cv2.COLOR_GRAY2BGR)


def _place(
    source: np.ndarray, scene: np.ndarray, scale: float, angle: float, rng: np.random.Generator
) -> np.ndarray:
    """The scene with the source, enlarged, turned and put to a random place."""
    height, width = source.shape
    margin = 0.75 * scale * max(height, width)
    x = rng.uniform(margin, HW[1] - margin)
    y = rng.uniform(margin, HW[0] - margin)
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, scale)
    matrix[:, 2] += (x - (width - 1) / 2, y - (height - 1) / 2)
    # Each module is a square with sharp edges, as on a part; the blur of the optics follows.
    warp: Callable[..., Any] = cv2.warpAffine
    return np.asarray(
        warp(
            source,
            matrix,
            (HW[1], HW[0]),
            dst=scene,
            flags=cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_TRANSPARENT,
        )
    )


if __name__ == "__main__":
    main()
