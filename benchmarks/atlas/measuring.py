"""Measures the rendered defects of a cell with the product."""

import time
from dataclasses import dataclass

import numpy as np

from benchmarks.atlas.scenes import MAP_HW, Cell, Scene, Target, render
from benchmarks.atlas.shapes import MM_PER_PX, Sizes
from benchmarks.atlas.textures import FRAME_HW
from calibration.plane import Calibration
from calibration.scale import from_scale
from inspector.core.geometry import Affine
from inspector.core.types import Defect
from inspector.measure.analyzer import MapAnalyzer
from inspector.measure.options import MeasureOptions

NAMES = ("area", "length", "width")


@dataclass(frozen=True, slots=True)
class Example:
    """One rendered defect, or one of two that touch nearly.

    rows: rows in the result for this target. parts: separate outlines in these rows. true,
    measured, u: area in mm2, length and width in mm; measured and u are None if nothing was
    reported. refined: whether the size is from the frame, not from the map.
    """

    rows: int
    parts: int
    true: Sizes
    measured: Sizes | None
    u: Sizes | None
    refined: bool


@dataclass(frozen=True, slots=True)
class CellResult:
    """cpu_ms: CPU time of measuring, over all frames."""

    cell: Cell
    examples: list[Example]
    cpu_ms: float


def measure_cell(cell: Cell, frames: int, seed: int) -> CellResult:
    examples: list[Example] = []
    cpu_ns = 0
    for number in range(frames):
        scene = render(cell, number, seed)
        analyzer = MapAnalyzer(_calibration(cell, scene), MeasureOptions(max_refined=100))
        height, width = FRAME_HW
        to_frame = Affine(width / MAP_HW[1], height / MAP_HW[0])
        start = time.thread_time_ns()
        defects = analyzer.analyze(scene.image, scene.anomaly_map, to_frame, 1.0)
        cpu_ns += time.thread_time_ns() - start
        for target in scene.targets:
            examples += _compare(target, [d for d in defects if _is_in(d, target.box)])
    return CellResult(cell, examples, cpu_ns / 1e6)


def _calibration(cell: Cell, scene: Scene) -> Calibration:
    if cell.tilt == 0:
        return from_scale(MM_PER_PX, FRAME_HW)
    rows = tuple(tuple(float(value) for value in row) for row in scene.to_plane)
    return Calibration("homography", FRAME_HW, "rendered", "2026-01-01T00:00:00Z", homography=rows)


def _is_in(defect: Defect, box: tuple[float, float, float, float]) -> bool:
    x, y = defect.centroid_px
    return box[0] <= x < box[2] and box[1] <= y < box[3]


def _compare(target: Target, defects: list[Defect]) -> list[Example]:
    """One example per target. Two separate defects in two rows are two examples."""
    defects = sorted(defects, key=lambda defect: -defect.area_px)
    parts = sum(len(d.polygons) - d.holes for d in defects if d.size_source == "refined")
    rows = len(defects)
    if len(target.parts) > 1 and rows == len(target.parts):
        pairs = []
        for centre, true in zip(target.centres, target.parts, strict=True):
            near = min(defects, key=lambda d: float(np.hypot(*np.subtract(d.centroid_px, centre))))
            pairs.append(_example(rows, parts, true, near))
        return pairs
    return [_example(rows, parts, target.whole, defects[0] if defects else None)]


def _example(rows: int, parts: int, true: Sizes, defect: Defect | None) -> Example:
    if defect is None:
        return Example(rows, parts, true, None, None, False)
    names = [f"{name}_mm2" if name == "area" else f"{name}_mm" for name in NAMES]
    names_u = [name.replace("_mm", "_u_mm") for name in names]
    return Example(
        rows,
        parts,
        true,
        Sizes(*(getattr(defect, name) for name in names)),
        Sizes(*(getattr(defect, name) for name in names_u)),
        defect.size_source == "refined",
    )
