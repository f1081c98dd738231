"""Lost frames and latency of a live source with defects in every frame.

python -m benchmarks.live [--frames 400] inspects a source with 20 frames per s and 5 defects in
every frame. Refining a region is replaced by work of a set CPU time. Each cost is measured without
and with the limit of time for live sources.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np

from inspector.core.arrays import Image, Map
from inspector.core.geometry import Affine
from inspector.measure.budget import Budget, Term
from inspector.measure.contours import MapRegion
from inspector.measure.outline import Outline

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from slow_refining import run_live

COSTS_S = (0.005, 0.025, 0.113)
NOISE = np.random.default_rng(1).normal(size=(300, 300)).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__)
    parser.add_argument("--frames", type=int, default=400, help="(default: %(default)s)")
    frames = parser.parse_args().frames
    cv2.setNumThreads(1)
    print("CPU ms per region  limit     lost  p50 ms  p99 ms  refined")
    rows = [measure(cost_s, frames, limited=limited) for cost_s in COSTS_S for limited in (0, 1)]
    print(json.dumps({"live": rows}))


def measure(cost_s: float, frames: int, *, limited: int) -> dict[str, Any]:
    """Latency is the time from the capture until the row is written."""

    def refine(image: Image, region: MapRegion, _: Map, to_frame: Affine, *__: Any) -> Any:
        end_s = time.thread_time() + cost_s
        while time.thread_time() < end_s:
            cv2.GaussianBlur(NOISE, (0, 0), 3)
        outer = tuple(to_frame.apply(p) for p in region.polygons)
        return (Outline(outer, region.holes, Budget((Term("edge", 1.0, 0.5, 0.5),))),)

    with patch("inspector.measure.candidates.refine", refine):
        run = run_live(frames=frames, limited=bool(limited))
    defects = [d for i in run.sink.inspections for d in i.defects]
    refined = sum(d.size_source == "refined" for d in defects)
    p50, p99 = np.percentile(run.latencies_ms, (50, 99))
    lost, word = run.pipeline.stats.dropped, "with" if limited else "without"
    print(f"{1e3 * cost_s:17.0f}  {word:7} {lost:6} {p50:7.0f} {p99:7.0f}  {refined}", flush=True)
    return {
        "cost_ms": 1e3 * cost_s,
        "limited": bool(limited),
        "frames": frames,
        "lost": lost,
        "latency_p50_ms": round(p50, 1),
        "latency_p99_ms": round(p99, 1),
        "refined": refined,
        "defects": len(defects),
    }


if __name__ == "__main__":
    main()
