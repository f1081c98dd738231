"""Measures the frames of a cell with the product, and pairs its defects with the true defects."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from benchmarks.atlas.cells import FRAMES, Cell
from benchmarks.atlas.kinds import TrueDefect
from benchmarks.atlas.scene import FRAME_HW, MAP_HW, MM_PER_PX, THRESHOLD, Scene, render_scene
from benchmarks.atlas.shapes import Shape
from calibration.plane import Calibration
from calibration.scale import from_scale
from inspector.core.arrays import Map
from inspector.core.clock import utc_now
from inspector.core.geometry import Affine
from inspector.core.types import Defect
from inspector.measure.analyzer import MapAnalyzer
from inspector.measure.options import MeasureOptions

NAMES = ("area", "length", "width")
MEASURED_FIELDS = ("area_mm2", "length_mm", "width_mm")
U_FIELDS = ("area_u_mm2", "length_u_mm", "width_u_mm")
FAR_MM = 4.0
"""A measured outline that is farther than this from each true defect is a false alarm."""

LISTED_SHARE = 0.85
"""Of the true area. Below it, a part of the defect is not listed in any row."""

_FROM_MAP = "map"


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured row beside its true shape: area, length, width. u: standard uncertainties."""

    true: tuple[float, float, float]
    measured: tuple[float, float, float]
    u: tuple[float, float, float]
    refined: bool


@dataclass(frozen=True, slots=True)
class Example:
    """One true defect. rows: how many rows it came as. whole: it came in the right number of rows,
    and nothing of it is missing. samples: none if it was not found."""

    rows: int
    whole: bool
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class CellResult:
    """cpu_ms: CPU time of the measure stage in all frames of the cell."""

    cell: Cell
    examples: tuple[Example, ...]
    false_alarms: int
    cpu_ms: float


MapSource = Callable[[Scene], tuple[Map, Affine, float]]
"""Scene -> map, map to frame pixels, threshold."""


def use_rendered_map(scene: Scene) -> tuple[Map, Affine, float]:
    height, width = FRAME_HW
    return scene.anomaly_map, Affine.between(MAP_HW, (0, 0, width, height)), THRESHOLD


def try_cell(cell: Cell, seed: int, map_source: MapSource) -> CellResult:
    examples: list[Example] = []
    false_alarms, cpu_ms = 0, 0.0
    for frame in range(FRAMES):
        scene = render_scene(cell, frame, seed)
        defects, spent = measure(scene, map_source)
        groups = assign(scene, defects)
        examples += [
            judge(true, rows) for true, rows in zip(scene.defects, groups[:-1], strict=True)
        ]
        false_alarms += len(groups[-1])
        cpu_ms += spent
    return CellResult(cell, tuple(examples), false_alarms, cpu_ms)


def measure(scene: Scene, map_source: MapSource) -> tuple[tuple[Defect, ...], float]:
    """The defects of a frame, and the CPU time of the measure stage in ms."""
    anomaly_map, to_frame, threshold = map_source(scene)
    analyzer = MapAnalyzer(calibration_of(scene), MeasureOptions(max_refined=20))
    start = time.process_time()
    defects = analyzer.analyze(scene.image, anomaly_map, to_frame, threshold)
    return defects, 1e3 * (time.process_time() - start)


def calibration_of(scene: Scene) -> Calibration:
    plain = np.diag((MM_PER_PX, MM_PER_PX, 1.0))
    if np.allclose(scene.homography, plain, atol=1e-9):
        return from_scale(MM_PER_PX, FRAME_HW)
    rows = [tuple(row) for row in scene.homography.tolist()]
    return Calibration(
        kind="homography",
        frame_hw=FRAME_HW,
        how="exact",
        made_utc=utc_now(),
        homography=(rows[0], rows[1], rows[2]),
    )


def assign(scene: Scene, defects: tuple[Defect, ...]) -> list[list[Defect]]:
    """The rows of each true defect, and last the rows that are near none."""
    calibration = calibration_of(scene)
    groups: list[list[Defect]] = [[] for _ in range(len(scene.defects) + 1)]
    for defect in defects:
        points = np.concatenate([calibration.to_plane(polygon) for polygon in defect.polygons])
        distances = [
            float(np.abs(true.whole.level(points[:, 0], points[:, 1])).mean())
            for true in scene.defects
        ]
        nearest = int(np.argmin(distances))
        groups[nearest if distances[nearest] <= FAR_MM else -1].append(defect)
    return groups


def judge(true: TrueDefect, rows: list[Defect]) -> Example:
    rows = sorted(rows, key=lambda row: -_sizes(row)[0])
    if not rows:
        return Example(0, False, ())
    pieces = len(rows[0].polygons) - rows[0].holes
    as_parts = len(true.parts) == len(rows) > 1
    listed = sum(_sizes(row)[0] for row in rows)
    complete = bool(listed >= LISTED_SHARE * true.whole.area)
    if as_parts:
        samples = tuple(_pair(part, _nearest(part, rows)) for part in true.parts)
    else:
        samples = (_pair(true.whole, rows[0]),)
    whole = as_parts or (len(rows) == 1 and pieces == len(true.parts))
    return Example(len(rows), whole and complete, samples)


def _pair(shape: Shape, row: Defect) -> Sample:
    u = tuple(float(getattr(row, name)) for name in U_FIELDS)
    true = (shape.area, shape.length, shape.width)
    return Sample(true, _sizes(row), (u[0], u[1], u[2]), row.size_source != _FROM_MAP)


def _sizes(row: Defect) -> tuple[float, float, float]:
    area, length, width = (float(getattr(row, name)) for name in MEASURED_FIELDS)
    return area, length, width


def _nearest(part: Shape, rows: list[Defect]) -> Defect:
    middle = part.boundary.mean(axis=0)
    places = [np.asarray(row.centroid_mm) for row in rows]
    return rows[int(np.argmin([np.hypot(*(place - middle)) for place in places]))]


def use_one_thread() -> None:
    """So that CPU times do not count waiting threads."""
    cv2.setNumThreads(1)
