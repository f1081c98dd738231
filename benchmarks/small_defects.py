"""Measures what small defects cost: larger inputs and `fit --lines`, against the default.

python -m benchmarks.small_defects [--data DIR] fits RAD with several sizes of the input and with
lines. It prints the CPU time of the engine for one picture (one thread) and the defects that it
misses at equal false alarms: no frame of the demo's web without a defect, and 5 % of the good test
pictures of ballscrew and cookie in DIR.
"""

import argparse
import contextlib
import dataclasses
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engines.opening import Engine, open_engine
from engines.pictures import decode_picture
from engines.resize import to_input
from engines.spec import ResizeRule
from inspector.core.arrays import Image
from inspector.synthetic.demo_scene import Scene, inspected_scene, normal_frames
from inspector.synthetic.web import VisibleDefect
from learning.datasets.layouts import load
from learning.fitting import fit_engine
from learning.job import FitOptions
from learning.methods.registry import make_method
from learning.normals import Normals, from_pictures, from_stream
from learning.thresholds.folds import Scheme

SETS = ("ballscrew", "cookie")
TEXTURE, SEED = "gravel", 11
ALARMS = 0.05
"""Share of the good test pictures that may fail."""

EVERY = 3
"""One of so many frames of the web is judged."""

TIMED = 12
"""Pictures that each engine is timed with; the engines take turns."""


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """size: short side of the input, px."""

    size: int
    lines: bool = False

    def __str__(self) -> str:
        return f"--size {self.size}{' --lines' if self.lines else ''}"


SETTINGS = (Setting(256), Setting(384), Setting(512), Setting(256, True))
"""The first one is the default of fit."""


@dataclasses.dataclass(frozen=True, slots=True)
class Fitted:
    setting: Setting
    engine: Engine
    rule: ResizeRule


def open_fitted(normals: Normals, setting: Setting, options: dict[str, Any], out: Path) -> Fitted:
    """Two folds, because the thresholds of the engine are not used."""
    method = make_method("rad", options)
    settings = FitOptions(
        out.stem,
        method,
        method.find_backbone(None),
        threads=1,
        scheme=Scheme(folds=2),
        simulated=0,
        checked=3,
        lines=setting.lines,
    )
    result = fit_engine(normals, settings, out, lambda *_: None)
    return Fitted(setting, open_engine(result.path, backend="onnx", threads=1), normals.rule)


def cpu_ms(fitted: Sequence[Fitted], pictures: Sequence[Image]) -> list[float]:
    """Median CPU time of the engine for one picture."""
    times: list[list[float]] = [[] for _ in fitted]
    for picture in pictures:
        for each, mine in zip(fitted, times, strict=True):
            pixels = to_input(picture, each.rule)[0][None]
            started = time.process_time()
            each.engine.infer(pixels)
            mine.append(time.process_time() - started)
    return [1000 * float(np.median(mine)) for mine in times]


def report(name: str, fitted: Sequence[Fitted], ms: Sequence[float], misses: Iterable[str]) -> None:
    print(f"{name}\n{'':4}{'fit':22}{'CPU-ms':>8}{'times':>7}  missed", flush=True)
    for each, cost, missed in zip(fitted, ms, misses, strict=True):
        print(f"{'':4}{each.setting!s:22}{cost:8.1f}{cost / ms[0]:7.2f}  {missed}", flush=True)


@contextlib.contextmanager
def all_fitted(read: Any, options: dict[str, Any]) -> Iterator[list[Fitted]]:
    """read: short side of the input -> Normals."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        fitted = []
        for index, setting in enumerate(SETTINGS):
            out = Path(folder) / f"{index}.onnx"
            fitted.append(open_fitted(read(setting.size), setting, options, out))
            stack.callback(fitted[-1].engine.close)
        yield fitted


def measure_set(folder: Path) -> None:
    (data,) = load(folder, None)
    named = [(each.name, each.path) for each in data.normals()]
    tests = [(decode_picture(test.path), test.defective) for test in data.tests()]
    with all_fitted(lambda size: from_pictures(data.name, named, input_hw=size), {}) as fitted:
        ms = cpu_ms(fitted, [picture for picture, _ in tests[:TIMED]])
        misses = [count_missed(each, tests) for each in fitted]
        report(f"{data.name}, RAD", fitted, ms, misses)


def count_missed(fitted: Fitted, tests: Sequence[tuple[Image, bool]]) -> str:
    good, defective = [], []
    for picture, is_defective in tests:
        score = float(fitted.engine.infer(to_input(picture, fitted.rule)[0][None])[1][0])
        (defective if is_defective else good).append(score)
    threshold = sorted(good, reverse=True)[int(ALARMS * len(good))]
    missed = sum(score <= threshold for score in defective)
    return f"{missed} of {len(defective)} pictures"


def measure_demo() -> None:
    scene = inspected_scene(TEXTURE, SEED)
    good = list(normal_frames(TEXTURE, SEED))
    options = {"radius": None, "coreset": 1500}
    with all_fitted(lambda size: from_stream("web", good, input_hw=size), options) as fitted:
        ms = cpu_ms(fitted, good[:TIMED])
        misses = [list_missed(each, scene) for each in fitted]
        report(f"the demo's web ({TEXTURE}), RAD --radius all", fitted, ms, misses)


def list_missed(fitted: Fitted, scene: Scene) -> str:
    """The defects that are below the threshold in most of the frames that show all of them."""
    clean, peaks = [], []
    for index in range(0, scene.frames, EVERY):
        image, visible = scene.web.frame(index)
        anomaly_map = fitted.engine.infer(to_input(image, fitted.rule)[0][None])[0][0]
        if not visible:
            clean.append(float(anomaly_map.max()))
        for defect in (each for each in visible if each.complete):
            scale = anomaly_map.shape[0] / image.shape[0]
            peaks.append((defect, float(anomaly_map[shape_of(defect, scale, anomaly_map)].max())))
    above: dict[int, list[bool]] = {}
    names = {defect.web_id: defect.defect for defect, _ in peaks}
    for defect, peak in peaks:
        above.setdefault(defect.web_id, []).append(peak > max(clean))
    missed = [names[key] for key, values in above.items() if np.mean(values) <= 0.5]
    texts = [f"{each.kind} {each.length_mm:.0f} x {each.width_mm:.1f} mm" for each in missed]
    return f"{len(missed)} of {len(above)} defects" + "".join(f", {text}" for text in texts)


def shape_of(defect: VisibleDefect, scale: float, anomaly_map: Any) -> Any:
    """Mask of the defect and a pixel around it, on the map."""
    mask = np.zeros(anomaly_map.shape, np.uint8)
    outline = np.round(defect.defect.polygon * scale).astype(np.int32)
    cv2.fillPoly(mask, [outline], 1)
    cv2.polylines(mask, [outline], True, 1, 3)
    return mask > 0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.small_defects", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of class folders")
    arguments = parser.parse_args(argv)
    measure_demo()
    if arguments.data is not None:
        for name in SETS:
            measure_set(arguments.data / name)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
