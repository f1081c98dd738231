"""Times the measure stage with 0, 1 and 20 defects, refined and from the map.

python -m benchmarks.measuring prints the times. `python -m benchmarks.atlas` compares measured with
true sizes.
"""

import json
import statistics
import time
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from calibration.scale import from_scale
from inspector.core.arrays import Image, Map
from inspector.core.geometry import Affine
from inspector.measure.analyzer import MapAnalyzer
from inspector.measure.options import MeasureOptions
from inspector.synthetic.demo_scene import FRAME_HW, MM_PER_PX, normal_frames
from inspector.synthetic.rendered_defects import mask, random_defect, render

SEED = 5100
COUNTS = (0, 1, 20)
REPEATS = 15


def main() -> None:
    times = stage_times()
    print("measure stage, map 256x256, frame 1280x720, ms median of", REPEATS)
    for count, row in times.items():
        print(f"{count:>3} defects: {row['refined']:7.2f} refined, {row['map']:7.2f} from the map")
    print(json.dumps({"measuring": {"stage_ms": times}}))


def stage_times() -> dict[str, dict[str, float]]:
    """Milliseconds of analyze() at 256x256 with 0, 1 and 20 defects, refined and from the map."""
    plain = next(iter(normal_frames("gravel", SEED)))
    table = {}
    for count in COUNTS:
        image, anomaly_map = _crowded(plain, count)
        to_frame = Affine.between((256, 256), (0, 0, FRAME_HW[1], FRAME_HW[0]))
        row = {}
        for name, refine in (("refined", True), ("map", False)):
            analyzer = _analyzer(refine=refine)
            defects = analyzer.analyze(image, anomaly_map, to_frame, 1.0)
            if len(defects) < count:
                raise SystemExit(f"only {len(defects)} of {count} defects were found")
            row[name] = _time(partial(analyzer.analyze, image, anomaly_map, to_frame, 1.0))
        table[str(count)] = row
    return table


def _crowded(plain: Image, count: int) -> tuple[Image, Map]:
    """A picture with a grid of holes, and their blurred mask, which is like a map of an engine."""
    rng = np.random.default_rng(5)
    covered = np.zeros(FRAME_HW, np.float32)
    image = plain
    for number in range(count):
        centre = 128.0 + 256 * (number % 5), 90.0 + 180 * (number // 5)
        hole = random_defect("hole", rng, centre_px=centre, mm_per_px=MM_PER_PX, length_mm=4.0)
        image = render(image, hole)
        covered += mask(hole, FRAME_HW) / np.float32(255)
    small = cv2.resize(covered, (256, 256), interpolation=cv2.INTER_AREA)
    swollen = cv2.GaussianBlur(small, (0, 0), 5.0)
    return image, np.asarray(3 * swollen / max(float(swollen.max()), 1e-6), np.float32)


def _time(action: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        action()
        times.append((time.perf_counter() - start) * 1e3)
    return round(statistics.median(times), 3)


def _analyzer(*, refine: bool) -> MapAnalyzer:
    return MapAnalyzer(
        from_scale(MM_PER_PX, FRAME_HW),
        MeasureOptions(refine=refine, max_refined=20),
    )


if __name__ == "__main__":
    main()
