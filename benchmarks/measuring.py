"""Compares measured with true sizes on the web of the demo, and times the measure stage.

python -m benchmarks.measuring fits a RAD engine per texture. It measures every rendered defect in
the frame that shows it nearest the middle, and prints tables and JSON. Its seeds differ from those
of the demo and from those that tuned the refinement.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from calibration.scale import from_scale
from engines.opening import Engine, open_engine
from engines.resize import to_input
from inspector.core.arrays import Image, Map
from inspector.core.geometry import Affine
from inspector.core.types import Defect
from inspector.measure.analyzer import MapAnalyzer
from inspector.measure.options import MeasureOptions
from inspector.synthetic.demo_scene import (
    FRAME_HW,
    MM_PER_PX,
    TEXTURES,
    Scene,
    inspected_scene,
    normal_frames,
)
from inspector.synthetic.rendered_defects import RenderedDefect, mask, random_defect, render
from inspector.synthetic.truth import MeasuredRegion, compare
from tools.fit import main as fit

FIT_SEED = 5100
SCENE_SEEDS = (5201, 5202)
TOLERANCE_PX = 10.0
SIZES = ("area_mm2", "length_mm", "width_mm")
UNCERTAINTIES = ("area_u_mm2", "length_u_mm", "width_u_mm")
COUNTS = (0, 1, 20)
REPEATS = 15


@dataclass(frozen=True, slots=True)
class SizePair:
    """A rendered defect and the measured one, None if it was missed."""

    texture: str
    true: RenderedDefect
    measured: Defect | None


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        pairs = [pair for texture in TEXTURES for pair in inspect(texture, Path(folder))]
    sizes, covered, times = ratios(pairs), coverage(pairs), stage_times()
    _print_ratios(sizes)
    _print_coverage(covered)
    print("\nmeasure stage, map 256x256, frame 1280x720, ms median of", REPEATS)
    for count, row in times.items():
        print(f"{count:>3} defects: {row['refined']:7.2f} refined, {row['map']:7.2f} from the map")
    figures = {"sizes": sizes, "coverage": covered, "stage_ms": times}
    print(json.dumps({"measuring": figures}))


def inspect(texture: str, folder: Path) -> list[SizePair]:
    engine = _fit_engine(texture, folder)
    return [
        pair
        for seed in SCENE_SEEDS
        for pair in _measure_scene(texture, engine, inspected_scene(texture, seed))
    ]


def _fit_engine(texture: str, folder: Path) -> Engine:
    normal = folder / texture
    normal.mkdir()
    for number, image in enumerate(normal_frames(texture, FIT_SEED)):
        cv2.imwrite(str(normal / f"{number:04d}.png"), image, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    path = folder / f"{texture}.onnx"
    arguments = ["--method", "rad", "--normal", str(normal), "--radius", "all"]
    if fit([*arguments, "--coreset", "1500", "--out", str(path)]) != 0:
        raise SystemExit(f"fitting on {texture} failed")
    return open_engine(path)


def _measure_scene(texture: str, engine: Engine, scene: Scene) -> list[SizePair]:
    analyzer = _analyzer(refine=True)
    defects: dict[int, Defect] = {}
    frames = []
    for index in _best_frames(scene):
        image, visible = scene.web.frame(index)
        pixels, of_input = to_input(image, engine.spec.resize)
        maps, _ = engine.infer(pixels[None])
        to_frame = of_input.after(_between(engine.spec.map_hw, pixels.shape[:2]))
        measured = analyzer.analyze(image, maps[0], to_frame, engine.spec.pixel_threshold)
        findings = [_finding(defect) for defect in measured]
        defects |= {id(finding): defect for finding, defect in zip(findings, measured, strict=True)}
        frames.append((index, visible, findings))
    comparison = compare(frames, FRAME_HW, TOLERANCE_PX)
    pairs = []
    for track in comparison.tracks.values():
        if track.complete:
            best = track.best
            pairs.append(
                SizePair(texture, track.truth, defects[id(best.regions[0])] if best else None)
            )
    return pairs


def _between(map_hw: tuple[int, int], input_hw: Sequence[int]) -> Affine:
    return Affine(input_hw[1] / map_hw[1], input_hw[0] / map_hw[0])


def _best_frames(scene: Scene) -> list[int]:
    """For every defect, the frame that shows it completely and nearest the middle."""
    nearest: dict[int, tuple[float, int]] = {}
    for index in range(scene.frames):
        for shown in scene.web.visible(index):
            if shown.complete:
                off = abs(shown.defect.centroid[1] - FRAME_HW[0] / 2)
                nearest[shown.web_id] = min(nearest.get(shown.web_id, (off, index)), (off, index))
    return sorted({index for _, index in nearest.values()})


def _analyzer(*, refine: bool) -> MapAnalyzer:
    return MapAnalyzer(
        from_scale(MM_PER_PX, FRAME_HW),
        MeasureOptions(refine=refine, max_refined=20),
    )


def _finding(defect: Defect) -> MeasuredRegion:
    area, length, width = (getattr(defect, name) for name in SIZES)
    outer = defect.polygons[: len(defect.polygons) - defect.holes]
    return MeasuredRegion(outer, area, length, width, defect.size_source)


def ratios(pairs: list[SizePair]) -> list[dict[str, Any]]:
    """Medians of measured / true per kind and half of the sizes, before and after refinement."""
    table = []
    for kind in dict.fromkeys(pair.true.kind for pair in pairs):
        of_kind = [pair for pair in pairs if pair.true.kind == kind]
        middle = statistics.median(pair.true.length_mm for pair in of_kind)
        for name, below in (("smaller", True), ("larger", False)):
            group = [pair for pair in of_kind if (pair.true.length_mm <= middle) is below]
            table.append({"kind": kind, "sizes": name} | _ratios(group))
        table.append({"kind": kind, "sizes": "all"} | _ratios(of_kind))
    return table


def _ratios(group: list[SizePair]) -> dict[str, Any]:
    pairs = [(pair.true, pair.measured) for pair in group if pair.measured is not None]
    row: dict[str, Any] = {
        "true": len(group),
        "found": len(pairs),
        "refined": sum(m.size_source == "refined" for _, m in pairs),
    }
    for name in SIZES:
        row[f"{name}_map"] = _median(
            (getattr(m, f"map_{name}"), getattr(t, name)) for t, m in pairs
        )
        row[f"{name}_reported"] = _median((getattr(m, name), getattr(t, name)) for t, m in pairs)
        row[f"{name}_refined"] = _median(
            (getattr(m, name), getattr(t, name)) for t, m in pairs if m.size_source == "refined"
        )
    return row


def _median(pairs: Any) -> float | None:
    values = [measured / true for measured, true in pairs]
    return round(statistics.median(values), 3) if values else None


def coverage(pairs: list[SizePair]) -> dict[str, dict[str, float | int]]:
    """Share of true values within two standard uncertainties of the measured ones."""
    table: dict[str, dict[str, float | int]] = {}
    for source in ("refined", "map"):
        values = [
            (pair.true, pair.measured)
            for pair in pairs
            if pair.measured is not None and pair.measured.size_source == source
        ]
        row: dict[str, float | int] = {"defects": len(values)}
        for name, u_name in zip(SIZES, UNCERTAINTIES, strict=True):
            inside = [
                abs(getattr(m, name) - getattr(t, name)) <= 2 * getattr(m, u_name)
                for t, m in values
            ]
            if inside:
                row[name] = round(sum(inside) / len(inside), 3)
        table[source] = row
    return table


def stage_times() -> dict[str, dict[str, float]]:
    """Milliseconds of analyze() at 256x256 with 0, 1 and 20 defects, refined and from the map."""
    plain = next(iter(normal_frames("gravel", FIT_SEED)))
    table = {}
    for count in COUNTS:
        image, anomaly_map = _crowded(plain, count)
        to_frame = _between((256, 256), FRAME_HW)
        row = {}
        for name, refine in (("refined", True), ("map", False)):
            analyzer = _analyzer(refine=refine)
            defects = analyzer.analyze(image, anomaly_map, to_frame, 1.0)
            if len(defects) < count:
                raise SystemExit(f"only {len(defects)} of {count} defects were found")
            row[name] = _time(partial(analyzer.analyze, image, anomaly_map, to_frame, 1.0))
        table[str(count)] = row
    return table


def _crowded(plain: Image, count: int) -> tuple[Image, Map]:
    """A picture with a grid of holes, and their blurred mask, which is like a map of an engine."""
    rng = np.random.default_rng(5)
    covered = np.zeros(FRAME_HW, np.float32)
    image = plain
    for number in range(count):
        centre = 128.0 + 256 * (number % 5), 90.0 + 180 * (number // 5)
        hole = random_defect("hole", rng, centre_px=centre, mm_per_px=MM_PER_PX, length_mm=4.0)
        image = render(image, hole)
        covered += mask(hole, FRAME_HW) / np.float32(255)
    small = cv2.resize(covered, (256, 256), interpolation=cv2.INTER_AREA)
    swollen = cv2.GaussianBlur(small, (0, 0), 5.0)
    return image, np.asarray(3 * swollen / max(float(swollen.max()), 1e-6), np.float32)


def _time(action: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        action()
        times.append((time.perf_counter() - start) * 1e3)
    return round(statistics.median(times), 3)


def _print_ratios(table: list[dict[str, Any]]) -> None:
    print("\nmeasured / true, medians: map contour -> refined contour (as reported)")
    print(f"{'kind':13}{'sizes':9}{'found':>7}{'refined':>9}", end="")
    print("".join(f"{name:>24}" for name in ("area", "length", "width")))
    for row in table:
        print(f"{row['kind']:13}{row['sizes']:9}{row['found']:>3}/{row['true']:<3}", end="")
        print(f"{row['refined']:>9}", end="")
        for name in SIZES:
            before, after = row[f"{name}_map"], row[f"{name}_refined"]
            cell = f"{_text(before)} -> {_text(after)} ({_text(row[f'{name}_reported'])})"
            print(f"{cell:>24}", end="")
        print()


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _print_coverage(table: dict[str, dict[str, float | int]]) -> None:
    print("\nshare of true values within two standard uncertainties")
    for source, row in table.items():
        shares = ", ".join(f"{name} {row[name]:.2f}" for name in SIZES if name in row)
        print(f"{source:8} {row['defects']:>3} defects: {shares}")


if __name__ == "__main__":
    main()
