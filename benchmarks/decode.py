"""Measures how long reading a video file takes: decoding, conversion to BGR, and both together.

python -m benchmarks.decode [--frames N] [--repeats N] prints milliseconds per frame.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np

from inspector.sources.options import VideoFileOptions
from inspector.sources.pictures import PictureConverter
from inspector.sources.video_file import VideoFileSource

SIZES_HW = ((720, 1280), (1080, 1920))


def write_texture(path: Path, hw: tuple[int, int], frames: int) -> None:
    """Writes H.264 of a texture that moves by 3 px per frame. Each picture is one slice."""
    height, width = hw
    noise = np.random.default_rng(0).integers(0, 256, (height, width + 3 * frames, 3), np.uint8)
    texture = cv2.GaussianBlur(noise, (0, 0), 1.5)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_type = "FRAME"
        stream.options = {"preset": "veryfast", "crf": "23"}
        for index in range(frames):
            left = 3 * index
            image = np.ascontiguousarray(texture[:, left : left + width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode(None))


def read(path: Path, threads: int) -> int:
    source = VideoFileSource(path, VideoFileOptions(decode_threads=threads))
    while source.read() is not None:
        pass
    count = source.info.frame_count or 0
    source.close()
    return count


def decode_only(path: Path) -> int:
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_type = "NONE"
        return sum(1 for _ in container.decode(video=0))


def convert_only(path: Path) -> Callable[[], int]:
    with av.open(str(path)) as container:
        frames = [frame for _, frame in zip(range(20), container.decode(video=0), strict=False)]
    converter = PictureConverter()

    def run() -> int:
        for frame in frames:
            converter.bgr(frame)
        return len(frames)

    return run


def read_with_opencv(path: Path) -> int:
    capture = cv2.VideoCapture(str(path))
    count = 0
    while capture.read()[0]:
        count += 1
    capture.release()
    return count


def measure(task: Callable[[], int], repeats: int) -> tuple[float, float]:
    """Medians of (wall ms, CPU ms) per frame."""
    wall, cpu = [], []
    for _ in range(repeats):
        start, start_cpu = time.perf_counter(), time.process_time()
        frames = task()
        wall.append((time.perf_counter() - start) / frames * 1e3)
        cpu.append((time.process_time() - start_cpu) / frames * 1e3)
    return float(np.median(wall)), float(np.median(cpu))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for hw in SIZES_HW:
            path = Path(folder) / f"{hw[0]}.mp4"
            write_texture(path, hw, options.frames)
            tasks: dict[str, Callable[[], int]] = {
                "decode alone": lambda path=path: decode_only(path),
                "to BGR alone": convert_only(path),
                "VideoFileSource, 1 thread": lambda path=path: read(path, 1),
                "VideoFileSource, 2 threads": lambda path=path: read(path, 2),
                "cv2.VideoCapture": lambda path=path: read_with_opencv(path),
            }
            for name, task in tasks.items():
                wall_ms, cpu_ms = measure(task, options.repeats)
                rows.append({"size": f"{hw[1]}x{hw[0]}", "what": name} | _ms(wall_ms, cpu_ms))
    print(f"{'size':<10} {'what':<27} {'wall ms':>8} {'CPU ms':>8}")
    for row in rows:
        print(f"{row['size']:<10} {row['what']:<27} {row['wall_ms']:>8} {row['cpu_ms']:>8}")
    print(json.dumps({"decode": rows}))


def _ms(wall_ms: float, cpu_ms: float) -> dict[str, float]:
    return {"wall_ms": round(wall_ms, 2), "cpu_ms": round(cpu_ms, 2)}


if __name__ == "__main__":
    main()
