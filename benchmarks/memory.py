"""Measures whether the memory of a long run grows.

python -m benchmarks.memory [--frames 20000] inspects a long source with a RAD engine and writes the
video. It compares the resident memory during the first and the last thousand frames.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from statistics import median

import cv2

from benchmarks.clips import FOLDER
from inspector.build import build_run
from inspector.config import load_config
from inspector.core.memory import share_heaps
from inspector.core.protocols import Picture
from inspector.core.types import Inspection
from inspector.sources.options import SyntheticOptions, WebOptions
from inspector.sources.synthetic import SyntheticSource

SIZE = "640x360"
PAGE = os.sysconf("SC_PAGE_SIZE")


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6


def web_engine() -> Path:
    """An engine fitted on the web of the synthetic source, without defects."""
    path = FOLDER / "rad_web.onnx"
    if path.exists():
        return path
    normal = FOLDER / "normal_web"
    normal.mkdir(parents=True, exist_ok=True)
    web = WebOptions(frames=80, defect_rate=0.0)
    source = SyntheticSource("synthetic", SyntheticOptions(frame_size=SIZE, synthetic=web))
    while (frame := source.read()) is not None:
        cv2.imwrite(str(normal / f"{frame.frame_id:04d}.png"), frame.image)
    arguments = ["--method", "rad", "--normal", str(normal), "--radius", "all"]
    arguments += ["--size", "256x256", "--out", str(path)]
    # In a separate process, so that its memory is not measured.
    subprocess.run(
        [sys.executable, "-m", "tools.fit", *arguments], stdout=subprocess.DEVNULL, check=True
    )
    return path


def main(frames: int = 20_000) -> dict[str, float]:
    share_heaps()
    out = FOLDER / "memory"
    shutil.rmtree(out, ignore_errors=True)
    readings: list[tuple[int, float]] = []

    def read(inspection: Inspection, _: Picture) -> None:
        if inspection.frame_id % 20 == 0:
            readings.append((inspection.frame_id, resident_mb()))

    config = load_config(
        None,
        {
            "source.uri": "synthetic",
            "source.synthetic.frames": frames,
            "source.frame_size": SIZE,
            "source.synthetic.defect_rate": 0.01,
            "engine.path": str(web_engine()),
            "output.dir": str(out),
        },
    )
    run = build_run(config, [read])
    run.pipeline.start()
    run.pipeline.finish()
    run.write_summary("finished", 0, None)
    first = [mb for frame_id, mb in readings if 100 <= frame_id < 1100]
    last = [mb for frame_id, mb in readings if frame_id >= frames - 1000]
    figures = {
        "frames": run.pipeline.stats.inspected,
        "first_thousand_mb": round(median(first), 1),
        "last_thousand_mb": round(median(last), 1),
        "threads_left": threading.active_count() - 1,
    }
    print(
        f"{figures['frames']} frames: {figures['first_thousand_mb']} MB in the first thousand, "
        f"{figures['last_thousand_mb']} MB in the last"
    )
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=20_000)
    print(json.dumps({"memory": main(parser.parse_args().frames)}))
