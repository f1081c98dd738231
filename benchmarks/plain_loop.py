"""Inspects a clip in a simple OpenCV loop with default settings, to compare the pipeline with.

python -m benchmarks.plain_loop CLIP ENGINE OUT prints one JSON line.
"""

import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

from engines.spec_file import read_spec
from inspector.core.memory import peak_memory_mb


def run(clip: str, engine: str, out: str) -> dict[str, float]:
    spec = read_spec(Path(engine))
    height, width = spec.resize.input_hw
    low, high = spec.display_range
    session = ort.InferenceSession(engine, providers=["CPUExecutionProvider"])
    capture = cv2.VideoCapture(clip)
    writer, frames = None, 0
    start, start_cpu = time.perf_counter(), time.process_time()
    while True:
        ok, frame = capture.read()
        if not ok:
            break
        small = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
        rgb = cv2.cvtColor(small, cv2.COLOR_BGR2RGB)
        anomaly_map, _ = session.run(None, {"pixels": rgb[np.newaxis]})
        grey = np.clip((anomaly_map[0] - low) / (high - low) * 255, 0, 255).astype(np.uint8)
        heat = cv2.applyColorMap(
            cv2.resize(grey, (frame.shape[1], frame.shape[0])), cv2.COLORMAP_JET
        )
        both = np.hstack([frame, cv2.addWeighted(frame, 0.5, heat, 0.5, 0)])
        if writer is None:
            fps = capture.get(cv2.CAP_PROP_FPS)
            code = cv2.VideoWriter.fourcc(*"mp4v")
            writer = cv2.VideoWriter(out, code, fps, (both.shape[1], both.shape[0]))
        writer.write(both)
        frames += 1
    assert writer is not None
    writer.release()
    seconds, cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
    return {
        "throughput_per_s": round(frames / seconds, 1),
        "cpu_ms_per_frame": round(cpu_s * 1e3 / frames, 1),
        "peak_mb": round(peak_memory_mb() or 0),
    }


if __name__ == "__main__":
    print(json.dumps(run(*sys.argv[1:4])))
