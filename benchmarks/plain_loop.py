"""Inspects a clip in a simple OpenCV loop with default settings, to compare the pipeline with.

python -m benchmarks.plain_loop CLIP ENGINE OUT SCALE prints one JSON line. SCALE is the size of
each half of the video relative to the frame; with 0 it draws and writes nothing.
"""

import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

from engines.spec import EngineSpec
from engines.spec_file import read_spec
from inspector.core.arrays import Image, Map
from inspector.core.memory import peak_memory_mb


class PlainEngine:
    """Runs an engine file and draws its map, in the way of most examples on the web."""

    def __init__(self, path: str) -> None:
        self.spec: EngineSpec = read_spec(Path(path))
        self._session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])

    def infer(self, frame: Image) -> tuple[Map, float]:
        """frame: (H, W, 3) uint8 BGR."""
        pixels = self.prepare(frame)[np.newaxis]
        anomaly_map, score = self._session.run(None, {"pixels": pixels})
        return anomaly_map[0], float(score[0])

    def prepare(self, frame: Image) -> Image:
        """(h, w, 3) uint8 RGB of the engine's input size."""
        height, width = self.spec.resize.input_hw
        small = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
        return cv2.cvtColor(small, cv2.COLOR_BGR2RGB)

    def draw(self, frame: Image, anomaly_map: Map) -> Image:
        """The frame with the colours of the map."""
        low, high = self.spec.display_range
        grey = np.clip((anomaly_map - low) / (high - low) * 255, 0, 255).astype(np.uint8)
        heat = cv2.applyColorMap(
            cv2.resize(grey, (frame.shape[1], frame.shape[0])), cv2.COLORMAP_JET
        )
        return cv2.addWeighted(frame, 0.5, heat, 0.5, 0)


def run(clip: str, plain: PlainEngine, out: str, scale: float = 1.0) -> dict[str, float]:
    """The figures of one run. out: the video that is written, unless scale is 0."""
    capture = cv2.VideoCapture(clip)
    writer, frames, failed = None, 0, 0
    start, start_cpu = time.perf_counter(), time.process_time()
    while True:
        ok, frame = capture.read()
        if not ok:
            break
        anomaly_map, score = plain.infer(frame)
        failed += score >= plain.spec.image_threshold
        frames += 1
        if not scale:
            continue
        if scale != 1:
            frame = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        both = np.hstack([frame, plain.draw(frame, anomaly_map)])
        if writer is None:
            fps = capture.get(cv2.CAP_PROP_FPS)
            code = cv2.VideoWriter.fourcc(*"mp4v")
            writer = cv2.VideoWriter(out, code, fps, (both.shape[1], both.shape[0]))
        writer.write(both)
    if writer is not None:
        writer.release()
    return figures(frames, failed, start, start_cpu)


def figures(frames: int, failed: int, start: float, start_cpu: float) -> dict[str, float]:
    """start, start_cpu: perf_counter() and process_time() before the first frame."""
    seconds, cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
    return {
        "throughput_per_s": round(frames / seconds, 1),
        "cpu_ms_per_frame": round(cpu_s * 1e3 / frames, 2),
        "peak_mb": round(peak_memory_mb() or 0),
        "failed": failed,
        "frames": frames,
    }


if __name__ == "__main__":
    clip, engine, out, scale = sys.argv[1:5]
    print(json.dumps(run(clip, PlainEngine(engine), out, float(scale))))
