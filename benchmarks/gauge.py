"""Gauge study of a rendered target of discs: ten discs, three lights as appraisers, three trials.

python -m benchmarks.gauge draws the target for each light and trial with new noise and a new
position, measures the discs on the frame, and prints %GRR, the bias and JSON. The map is the
blurred coverage of the discs, which is like a map of an engine, so the study is of the measuring
only.
"""

import json
from typing import Final

import cv2
import numpy as np

from calibration.scale import from_scale
from evaluation.gauge.design import Measurement
from evaluation.gauge.study import Subject, study_sizes
from evaluation.gauge.texts import conclusions
from inspector.core.arrays import Image, Map
from inspector.core.geometry import Affine
from inspector.measure.analyzer import MapAnalyzer
from inspector.measure.options import MeasureOptions

FRAME_HW, MAP_HW = (480, 800), (120, 200)
MM_PER_PX: Final = 0.1
DIAMETERS_MM: Final = tuple(2.0 + 0.5 * k for k in range(10))
LIGHTS: Final = {"dim": (0.6, 0.0), "bright": (1.15, 0.0), "from the side": (0.9, 0.35)}
"""Name -> brightness, and its loss from the left to the right of the frame."""

TRIALS: Final = 3
TOLERANCE_MM: Final = 1.0
BLUR_PX, NOISE, CONTRAST, SHIFT_PX = 1.2, 2.0, 0.45, 6.0


def main() -> None:
    rows = [
        row
        for number, light in enumerate(LIGHTS)
        for trial in range(TRIALS)
        for row in measure_target(light, trial, seed=1000 * number + trial)
    ]
    subject = Subject("Rendered target", "diameter of discs", "mm", "benchmarks.gauge", "-")
    study = study_sizes(subject, rows, TOLERANCE_MM, 0.25)
    assert study.variable is not None
    assert study.bias is not None
    for component in study.variable.components.values():
        low, high = component.interval
        print(f"{component.name:4} {component.deviation:.4f} mm ({low:.4f} to {high:.4f})")
    biases = [part.bias for part in study.bias.parts]
    print(f"bias {min(biases):+.4f} to {max(biases):+.4f} mm, mean {np.mean(biases):+.4f} mm")
    for sentence in conclusions(study):
        print(sentence)
    grr = study.variable.grr
    figures = {
        "grr_mm": grr.deviation,
        "grr_of_tolerance": grr.of_tolerance,
        "tolerance_mm": TOLERANCE_MM,
        "grr_of_total": grr.of_total,
        "categories": study.variable.categories,
        "mean_bias_mm": float(np.mean(biases)),
    }
    print(json.dumps({"gauge": figures}))


def measure_target(light: str, trial: int, seed: int) -> list[Measurement]:
    """The diameters of all discs in a new picture of the target: the mean of length and width."""
    random = np.random.default_rng(seed)
    centres = place_discs() + random.uniform(-SHIFT_PX, SHIFT_PX, 2)
    covered = draw_discs(centres)
    image = light_target(covered, random, *LIGHTS[light])
    analyzer = MapAnalyzer(from_scale(MM_PER_PX, FRAME_HW), MeasureOptions(max_refined=20))
    to_frame = Affine.between(MAP_HW, (0, 0, FRAME_HW[1], FRAME_HW[0]))
    defects = analyzer.analyze(image, make_map(covered), to_frame, 1.0)
    rows = []
    for centre, diameter in zip(centres, DIAMETERS_MM, strict=True):
        distances = [float(np.hypot(*(centre - defect.centroid_px))) for defect in defects]
        nearest = defects[int(np.argmin(distances))]
        if min(distances) > 5 or nearest.length_mm is None or nearest.width_mm is None:
            raise SystemExit(f"the disc of {diameter:g} mm was not measured, {light}, {trial}")
        value = (nearest.length_mm + nearest.width_mm) / 2
        rows.append(Measurement(f"{diameter:g}", light, str(trial + 1), value, diameter))
    return rows


def place_discs() -> np.ndarray:
    """Centres (10, 2) in two rows."""
    columns = np.linspace(100, FRAME_HW[1] - 100, 5)
    return np.array([(x, y) for y in (140.0, 340.0) for x in columns])


def draw_discs(centres: np.ndarray) -> Map:
    """Share of each pixel that the discs cover, by 8 x 8 points in each pixel."""
    steps = 8
    covered = np.zeros(FRAME_HW, np.float32)
    for (x, y), diameter in zip(centres, DIAMETERS_MM, strict=True):
        radius = diameter / MM_PER_PX / 2
        left, top = int(x - radius) - 2, int(y - radius) - 2
        side = int(2 * radius) + 5
        fine = (np.arange(side * steps) + 0.5) / steps - 0.5
        inside = np.hypot(fine[None, :] + left - x, fine[:, None] + top - y) <= radius
        share = inside.reshape(side, steps, side, steps).mean(axis=(1, 3))
        covered[top : top + side, left : left + side] += share.astype(np.float32)
    return covered


def light_target(
    covered: Map, random: np.random.Generator, brightness: float, loss: float
) -> Image:
    """Dark discs on paper with a fine structure, through a lens, with the noise of a camera."""
    grain = cv2.GaussianBlur(random.normal(size=FRAME_HW), (0, 0), 1.5)
    paper = 170 + 4 * grain / grain.std()
    scene = paper * (1 - CONTRAST * covered) * brightness
    scene *= np.linspace(1, 1 - loss, FRAME_HW[1])
    picture = cv2.GaussianBlur(scene, (0, 0), BLUR_PX) + NOISE * random.normal(size=FRAME_HW)
    grey = np.clip(np.round(picture), 0, 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def make_map(covered: Map) -> Map:
    small = cv2.resize(covered, MAP_HW[::-1], interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), 3.0)
    return np.asarray(6 * blurred / blurred.max(), np.float32)


if __name__ == "__main__":
    main()
