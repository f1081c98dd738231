"""Measures quality against CPU time for settings of the annotated video.

python -m benchmarks.video_settings [--frames N] [--repeats N] inspects a short clip with defects,
draws its pictures at two scales, and writes them with x264. It prints a row for each setting:

- draw, write: CPU-ms per frame to draw the picture, and to encode it and write it to the file
- wall: ms per frame to encode and write
- kB: per frame
- SSIM: of the picture in the file against the picture that was drawn, on the luma
- frame: SSIM of its left panel, enlarged to the size of the frame, against the frame
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from statistics import mean, median
from typing import Any, Final

import av
import cv2
import numpy as np
from av.filter import Graph

from benchmarks.clips import FPS, clip, engine
from inspector.build import build_run
from inspector.config import load_config
from inspector.core.arrays import Image
from inspector.core.types import Frame, Inspection
from inspector.outputs.mp4 import Mp4Writer
from inspector.outputs.mp4_file import Mp4File
from inspector.outputs.options import X264
from inspector.outputs.video_encoders import open_encoder
from inspector.outputs.video_file import GOP
from inspector.pipeline.stages import infer
from inspector.render.side_by_side import SideBySide

HW: Final = (720, 1280)
DEFECT_SHARE: Final = 0.25
SCALES: Final = (1.0, 0.5)
PRESETS: Final = ("ultrafast", "superfast", "veryfast", "faster")
CRFS: Final = (18, 23, 28)
SETTINGS: Final = (
    *((preset, crf, 1) for preset in PRESETS for crf in CRFS),
    *((preset, 23, 2) for preset in PRESETS[:2]),
)
TIME_BASE: Final = Fraction(1, FPS)


def inspect(frames: int) -> tuple[list[Inspection], Callable[[float], SideBySide]]:
    """The inspections of the clip, and the function that makes the renderer of a scale."""
    with tempfile.TemporaryDirectory() as folder:
        overrides = {
            "source.uri": str(clip(HW, frames, DEFECT_SHARE)),
            "engine.path": str(engine("256x256", HW)),
            "output.dir": f"{folder}/out",
        }
        run = build_run(load_config(None, overrides))
        running = run.stages.open_engine()
        inspections = []
        while (frame := run.source.read()) is not None:
            assert isinstance(frame, Frame)
            prepared = run.stages.preprocess(frame)
            (result,) = infer(running, run.stages.no_product, [prepared])
            inspections.append(run.stages.judge(result))
            inspections[-1].timings_ms["latency"] = 61.2
        run.source.close()
        running.close()
    low, high = run.info.engine["display_range"]

    def make(scale: float) -> SideBySide:
        return SideBySide(display_range=(low, high), unit="mm", scale=scale, frame_hw=HW)

    return inspections, make


def draw(render: SideBySide, inspections: list[Inspection]) -> tuple[list[Image], float]:
    """The pictures, and the CPU-ms of one of them."""
    pictures, spent = [], 0.0
    for inspection in inspections:
        start = time.process_time()
        planes = render(inspection).i420()
        spent += time.process_time() - start
        pictures.append(planes.copy())
    return pictures, spent * 1e3 / len(pictures)


def write(
    path: Path, pictures: list[Image], preset: str, crf: int, threads: int
) -> tuple[float, float]:
    """Writes the video. Returns CPU-ms and wall ms per frame."""
    hw = (pictures[0].shape[0] * 2 // 3, pictures[0].shape[1])
    encoder = open_encoder(
        X264, hw=hw, time_base=TIME_BASE, preset=preset, crf=crf, threads=threads, gop=GOP
    )
    writer = Mp4Writer(Mp4File(path), encoder=encoder, gop=GOP, sound=None)
    start, start_cpu = time.perf_counter(), time.process_time()
    for number, picture in enumerate(pictures):
        writer.write(picture, number)
    writer.drain()
    cpu_s, wall_s = time.process_time() - start_cpu, time.perf_counter() - start
    writer.finish()
    return cpu_s * 1e3 / len(pictures), wall_s * 1e3 / len(pictures)


def read_lumas(path: Path) -> Iterator[Image]:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            plane = frame.planes[0]
            rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
            yield np.ascontiguousarray(rows[: frame.height, : frame.width])


class Ssim:
    """SSIM of two lumas (H, W) uint8, 0 to 1, by FFmpeg's filter."""

    def __init__(self, hw: tuple[int, int]) -> None:
        self._graph = Graph()
        inputs = [
            self._graph.add_buffer(width=hw[1], height=hw[0], format="gray", time_base=TIME_BASE)
            for _ in range(2)
        ]
        ssim, sink = self._graph.add("ssim"), self._graph.add("buffersink")
        for place, source in enumerate(inputs):
            source.link_to(ssim, 0, place)
        ssim.link_to(sink)
        self._graph.configure()
        self._inputs, self._sink, self._count = inputs, sink, 0

    def __call__(self, first: Image, second: Image) -> float:
        for source, luma in zip(self._inputs, (first, second), strict=True):
            frame = av.VideoFrame.from_ndarray(luma, format="gray")
            frame.pts, frame.time_base = self._count, TIME_BASE
            source.push(frame)
        self._count += 1
        return float(self._sink.pull().metadata["lavfi.ssim.Y"])


def compare(path: Path, pictures: list[Image], frames: list[Image]) -> tuple[float, float]:
    """SSIM of the pictures, and of their left panels against the frames."""
    rows, columns = pictures[0].shape[0] * 2 // 3, pictures[0].shape[1]
    of_picture, of_frame = Ssim((rows, columns)), Ssim(HW)
    values, of_frames = [], []
    for luma, picture, frame in zip(read_lumas(path), pictures, frames, strict=True):
        values.append(of_picture(luma, picture[:rows]))
        height = columns // 2 * HW[0] // HW[1]
        panel = luma[rows - height :, : columns // 2]
        enlarged = cv2.resize(panel, HW[::-1], interpolation=cv2.INTER_CUBIC)
        of_frames.append(of_frame(np.asarray(enlarged, np.uint8), frame))
    return mean(values), mean(of_frames)


def measure(frames: int, repeats: int) -> list[dict[str, Any]]:
    inspections, make = inspect(frames)
    images = [inspection.frame.image for inspection in inspections]
    originals = [cv2.cvtColor(i, cv2.COLOR_BGR2YUV_I420)[: HW[0]] for i in images if i is not None]
    rows: list[dict[str, Any]] = []
    for scale in SCALES:
        draws = [draw(make(scale), inspections) for _ in range(repeats)]
        pictures, draw_ms = draws[0][0], median(ms for _, ms in draws)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "out.mp4"
            # The settings take turns, so that other programs slow them equally.
            times = [[write(path, pictures, *s) for s in SETTINGS] for _ in range(repeats)]
            for number, (preset, crf, threads) in enumerate(SETTINGS):
                write(path, pictures, preset, crf, threads)
                ssim, of_frame = compare(path, pictures, originals)
                rows.append(
                    {
                        "scale": scale,
                        "preset": preset,
                        "crf": crf,
                        "threads": threads,
                        "draw_cpu_ms": round(draw_ms, 2),
                        "write_cpu_ms": round(median(turn[number][0] for turn in times), 2),
                        "write_wall_ms": round(median(turn[number][1] for turn in times), 2),
                        "kb": round(path.stat().st_size / 1e3 / len(pictures), 1),
                        "ssim": round(ssim, 4),
                        "ssim_of_frame": round(of_frame, 4),
                    }
                )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    rows = measure(options.frames, options.repeats)
    print(
        f"{'scale':>5} {'preset':<10} {'crf':>3} {'threads':>7} {'draw':>6} {'write':>6} ", end=""
    )
    print(f"{'wall':>6} {'kB':>6} {'SSIM':>7} {'frame':>7}")
    for row in rows:
        print(
            f"{row['scale']:5} {row['preset']:<10} {row['crf']:3d} {row['threads']:7d} "
            f"{row['draw_cpu_ms']:6.2f} {row['write_cpu_ms']:6.2f} {row['write_wall_ms']:6.2f} "
            f"{row['kb']:6.1f} {row['ssim']:7.4f} {row['ssim_of_frame']:7.4f}"
        )
    print(json.dumps({"video_settings": rows}))


if __name__ == "__main__":
    main()
