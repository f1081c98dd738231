"""Whether memory stays flat: python -m benchmarks.memory [--frames 20000]

One run over a long source with the RAD engine and the video on; resident memory is read while the
first and the last thousand frames pass.
"""

import argparse
import json
import os
import shutil
import threading
from pathlib import Path
from statistics import median

from benchmarks.clips import FOLDER, engine
from inspector.build import build
from inspector.config import load_config
from inspector.core.protocols import Picture
from inspector.core.types import Inspection

PAGE = os.sysconf("SC_PAGE_SIZE")


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6


def main(frames: int = 20_000) -> dict[str, float]:
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
            "source.frame_hw": [360, 640],
            "engine.path": str(engine("256x256")),
            "output.dir": str(out),
        },
    )
    run = build(config, [read])
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
