"""Inspects a clip with supervision's process_video and the same engine and drawing as the loop.

`make peers` installs supervision in a separate environment, and benchmarks.pipeline then runs
python -m benchmarks.supervision_video CLIP ENGINE OUT there. It prints one JSON line. The video of
process_video always has the size of the clip. So it holds only the half with the colours.
"""

import json
import sys
import time

import supervision

from benchmarks.plain_loop import PlainEngine, figures
from inspector.core.arrays import Image


def run(clip: str, engine: str, out: str) -> dict[str, float]:
    plain = PlainEngine(engine)
    counts = {"frames": 0, "failed": 0}

    def annotate(frame: Image, _: int) -> Image:
        anomaly_map, score = plain.infer(frame)
        counts["frames"] += 1
        counts["failed"] += score >= plain.spec.image_threshold
        return plain.draw(frame, anomaly_map)

    start, start_cpu = time.perf_counter(), time.process_time()
    supervision.process_video(source_path=clip, target_path=out, callback=annotate)
    return figures(counts["frames"], counts["failed"], start, start_cpu)


if __name__ == "__main__":
    print(json.dumps(run(*sys.argv[1:4])))
