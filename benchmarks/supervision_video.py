"""Inspects a clip with supervision's process_video and the same engine and drawing as the loop.

`make peers` installs supervision in an environment of its own; benchmarks.pipeline then runs
python -m benchmarks.supervision_video CLIP ENGINE OUT SCALE there. It prints one JSON line.
"""

import json
import sys
import time

import supervision

from benchmarks.plain_loop import PlainEngine, figures
from inspector.core.arrays import Image


def run(clip: str, engine: str, out: str, scale: float) -> dict[str, float]:
    """scale: above 0, because process_video always writes a video."""
    plain = PlainEngine(engine)
    counts = {"frames": 0, "failed": 0}

    def annotate(frame: Image, _: int) -> Image:
        anomaly_map, score = plain.infer(frame)
        counts["frames"] += 1
        counts["failed"] += score >= plain.spec.image_threshold
        return plain.draw(frame, anomaly_map, scale)

    start, start_cpu = time.perf_counter(), time.process_time()
    supervision.process_video(source_path=clip, target_path=out, callback=annotate)
    return figures(counts["frames"], counts["failed"], start, start_cpu)


if __name__ == "__main__":
    print(json.dumps(run(*sys.argv[1:4], scale=float(sys.argv[4]))))
