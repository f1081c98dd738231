"""Measures what defects cost: CPU time of the measure stage, and throughput of whole runs."""

import statistics
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks.atlas.engine_map import FOLDER, fit_rad
from benchmarks.atlas.kinds import Draw, draw_defect
from benchmarks.atlas.scene import FRAME_HW, MM_PER_PX, Canvas, Scene, compose, view_plane
from benchmarks.atlas.textures import Float, draw_texture
from benchmarks.atlas.trial import measure, use_one_thread, use_rendered_map
from benchmarks.clips import FOLDER as RUN_FOLDER
from benchmarks.pipeline import inspect

MEASURED_COUNTS = (0, 1, 4, 20)
FILMED_COUNTS = (0, 1, 4)
COST_KINDS = ("compact", "scratch", "square", "soft")
FRAMES = 120
REPEATS = 3
NORMALS = 60
TEXTURE = "concrete"
LIGHT = (0.97, 1.03)
LISTED = 0.1
"""Largest difference between the listed and the true defects of a frame, on average."""

CONTRAST = 0.5


def measure_cost(seed: int, frames: int = FRAMES, repeats: int = REPEATS) -> dict[str, Any]:
    """Prints and returns the cost of the measure stage and of whole runs on a video."""
    use_one_thread()
    stage = {str(count): time_stage(count, seed) for count in MEASURED_COUNTS}
    print("measure stage of a 720p frame, CPU-ms, median of 8 frames")
    for count, cpu_ms in stage.items():
        print(f"{count:>3} defects: {cpu_ms:8.2f}")
    runs = time_runs(seed, frames, repeats)
    print(f"\nwhole runs on a 720p video of {frames} frames, median of {repeats}")
    for count, row in runs.items():
        print(
            f"{count:>3} defects: {row['throughput_per_s']:6.1f} frames/s "
            f"({row['ratio']:.2f} of 0 defects), {row['cpu_ms_per_frame']:6.1f} CPU-ms per frame, "
            f"{row['defects_per_frame']:.2f} defects listed per frame"
        )
    return {"measure_cpu_ms": stage, "runs": runs}


def time_stage(count: int, seed: int) -> float:
    """CPU-ms of the measure stage: the median of eight frames, after a first one."""
    times = []
    for frame in range(9):
        scene = draw_frame(count, np.random.default_rng((seed, count, frame)), None)
        times.append(measure(scene, use_rendered_map)[1])
    return round(statistics.median(times[1:]), 3)


def draw_frame(count: int, rng: np.random.Generator, background: Float | None) -> Scene:
    """A frame with `count` defects of mixed kinds on a grid. background: None for a new texture."""
    columns, rows = (5, 4) if count > 4 else (2, 2)
    frame_mm = FRAME_HW[1] * MM_PER_PX, FRAME_HW[0] * MM_PER_PX
    defects = []
    for number in range(count):
        place = np.array((number % columns + 0.5, number // columns + 0.5)) / (columns, rows)
        centre = place * frame_mm + rng.uniform(-2, 2, 2)
        kind = COST_KINDS[number % len(COST_KINDS)]
        size = 0.4 if kind == "scratch" else 4.0
        contrast = CONTRAST * rng.choice((-1, 1))
        defects.append(draw_defect(kind, Draw(rng, centre, size, contrast, frame_mm)))
    canvas = Canvas(view_plane(0.0, 0.0))
    return compose(tuple(defects), canvas, TEXTURE, rng, background=background)


def time_runs(seed: int, frames: int, repeats: int) -> dict[str, dict[str, float]]:
    """Whole runs without and with defects in every frame. They alternate, so that other programs
    slow them equally."""
    background = draw_texture(TEXTURE, np.random.default_rng(seed), FRAME_HW)
    folder = FOLDER / f"cost-{seed}-{frames}"
    engine = folder / "engine.onnx"
    # The normals are compressed like the inspected clips. Sharper normals would raise false alarms.
    normals = _write_clip(folder, "normal", 0, background, NORMALS)
    if not engine.exists():
        fit_rad(engine, str(normals), "--keep-similar")
    clips = {
        count: _write_clip(folder, str(count), count, background, frames) for count in FILMED_COUNTS
    }
    runs: dict[int, list[dict[str, Any]]] = {count: [] for count in clips}
    for _ in range(repeats):
        for count, clip in clips.items():
            result = inspect(clip, engine)
            listed = _count_lines(RUN_FOLDER / "run" / "sightings.csv") / frames
            runs[count].append(result | {"defects_per_frame": listed})
    table = {}
    for count, rows in runs.items():
        medians = {
            name: statistics.median(row[name] for row in rows)
            for name in ("throughput_per_s", "cpu_ms_per_frame", "defects_per_frame")
        }
        table[str(count)] = medians
    for shown, row in table.items():
        if abs(row["defects_per_frame"] - int(shown)) > LISTED:
            raise SystemExit(
                f"{row['defects_per_frame']:.2f} defects per frame were listed in place of {shown}"
            )
    base = table["0"]["throughput_per_s"]
    for row in table.values():
        row["ratio"] = round(row["throughput_per_s"] / base, 3)
    return table


def _write_clip(folder: Path, name: str, count: int, background: Float, frames: int) -> Path:
    """An H.264 file with moving defects on a still background. It is made if it is missing."""
    path = folder / f"{name}.mp4"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    seed = zlib.crc32(name.encode())
    part = path.with_suffix(".part.mp4")
    with av.open(str(part), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "fast", "crf": "20"})
        stream.height, stream.width, stream.pix_fmt = *FRAME_HW, "yuv420p"
        stream.time_base = Fraction(1, 30)
        for frame in range(frames):
            rng = np.random.default_rng((seed, frame))
            light = np.float32(rng.uniform(*LIGHT))
            image = draw_frame(count, rng, background * light).image
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    part.rename(path)
    return path


def _count_lines(table: Path) -> int:
    """Lines below the header."""
    return len(table.read_text(encoding="utf-8").splitlines()) - 1
