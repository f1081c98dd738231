"""Measures false alarms of camera health on good frames, what it detects, and its cost.

python -m benchmarks.camera_health [--frames 100000] [--data DIR]. Each scene has 60 good pictures
from which the limits follow, as in `fit`. Other frames of it are checked. DIR: classes in MVTec
layout (train/good, test/good) whose good test pictures are checked, too, and video/*.mp4.
"""

import argparse
import dataclasses
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np
from loguru import logger

from benchmarks.health_scenes import HW, SICKNESSES, HealthScene, make_scenes
from engines.backends.fake import fake_spec
from engines.pictures import decode_picture
from engines.spec import EngineSpec
from inspector.core.actions import IGNORE
from inspector.core.arrays import Image, freeze
from inspector.core.picture_files import pictures_in
from inspector.core.types import Frame
from inspector.health.check import HealthCheck
from inspector.health.condition_log import ConditionLog
from inspector.health.conditions import FROZEN, LASTING, PICTURE_CONDITIONS, Symptom
from inspector.health.options import HealthOptions
from learning.picture_limits import summarise_pictures

TEACHING: Final = 60
SPREAD: Final = 331
"""The good pictures are frames 0, SPREAD, 2 SPREAD and so on."""

FIRST: Final = 20_000
"""Number of the first frame that is checked."""

WELL: Final = 210
"""Frames before the camera becomes sick."""

MOST: Final = 1600
"""Frames of a sickness until it counts as not detected."""

FPS: Final = 25.0


def teach(pictures: Iterable[Image]) -> EngineSpec:
    good = summarise_pictures(pictures)
    return dataclasses.replace(fake_spec(), good_pictures=good.statistics, reference_view=good.view)


def frame_of(pixels: Image, number: int) -> Frame:
    return Frame(number, "cam", freeze(pixels), int(number / FPS * 1e9), None, "")


class Camera:
    """Checks frames as a run does. frames, errors: number of all, and of those that are ERROR."""

    def __init__(self, spec: EngineSpec, options: HealthOptions, *, live: bool = True) -> None:
        self.log = ConditionLog()
        self.frames = self.errors = 0
        self._symptoms: Sequence[Symptom] = ()
        self._check = HealthCheck(spec, options, live=live, report=self._take)

    def see(self, pixels: Image) -> None:
        frame = frame_of(pixels, self.frames)
        self.errors += self._check(frame, pixels).fault is not None
        self.log.see(frame, self._symptoms)
        self.frames += 1

    def see_all(self, pictures: Iterable[Image]) -> None:
        for pixels in pictures:
            self.see(pixels)

    def _take(self, _: int, symptoms: Sequence[Symptom]) -> None:
        self._symptoms = symptoms


def measure_false_alarms(scenes: Sequence[HealthScene], frames: int) -> dict[str, Any]:
    """Frames that show each condition, and how often it began, over all scenes."""
    shown: Counter[str] = Counter()
    begun: Counter[str] = Counter()
    total = errors = 0
    for scene in scenes:
        camera = Camera(teach(_teaching(scene)), HealthOptions())
        camera.see_all(map(scene.draw, range(FIRST, FIRST + frames // len(scenes))))
        total, errors = total + camera.frames, errors + camera.errors
        for name, counts in camera.log.summary().items():
            shown[name] += counts["frames"]
            begun[name] += counts["begun"]
            print(f"  {scene.name}: {name} in {counts['frames']} frames, begun {counts['begun']}")
    print(f"\n| condition | of {total} good frames | begun |\n|---|---|---|")
    for name in (FROZEN, *PICTURE_CONDITIONS, *LASTING):
        print(f"| {name} | {shown[name]} | {begun[name]} |")
    print(f"| any ERROR | {errors} | |")
    return {"frames": total, "errors": errors, "shown": dict(shown), "begun": dict(begun)}


def measure_standing(scenes: Sequence[HealthScene], frames: int) -> dict[str, int]:
    """How often each condition began on a product that stands still with a defect."""
    begun: Counter[str] = Counter()
    for scene in scenes:
        camera = Camera(teach(_teaching(scene)), HealthOptions(frozen_s=None))
        camera.see_all(map(scene.still, range(frames)))
        summary = camera.log.summary()
        begun.update({name: c["begun"] for name, c in summary.items() if name in LASTING})
    print(
        f"\nproduct that stands still with a defect, {frames} frames of each scene: {dict(begun)}"
    )
    return dict(begun)


def measure_detection(scenes: Sequence[HealthScene]) -> dict[str, Any]:
    """For each sickness and strength: in how many scenes its condition begins, and after how many
    frames; in how many another one begins; share of the frames that are ERROR."""
    print("\n| condition | strength | detected | frames until then | another condition | ERROR |")
    print("|---|---|---|---|---|---|")
    specs = [teach(_teaching(scene)) for scene in scenes]
    rows = {}
    for name, (unit, strengths, sicken) in SICKNESSES.items():
        for strength in strengths:
            results = []
            for scene, spec in zip(scenes, specs, strict=True):
                if name == "moved" and scene.moving:
                    continue  # only products that are always at the same place
                camera = Camera(spec, HealthOptions(frozen_s=None))
                well = WELL if name in LASTING else 5
                camera.see_all(map(scene.draw, range(FIRST, FIRST + well)))
                errors, number = camera.errors, 0
                while (
                    number < (MOST if name in LASTING else 60) and name not in camera.log.conditions
                ):
                    camera.see(sicken(scene.draw(FIRST + well + number), strength, number))
                    number += 1
                others = set(camera.log.conditions) - {name}
                share = (camera.errors - errors) / number
                results.append((name in camera.log.conditions, number, others, share))
            detected = [number for active, number, _, _ in results if active]
            others = sum(bool(other) and not active for active, _, other, _ in results)
            share = float(np.mean([each[3] for each in results]))
            frames = f"{np.median(detected):.0f} ({max(detected)})" if detected else "-"
            cells = f"{strength:g} ({unit})", f"{len(detected)} of {len(results)}", frames
            print(f"| {name} | {' | '.join(cells)} | {others} | {share:.0%} |")
            rows[f"{name} {strength:g}"] = [len(detected), len(results), others, share]
    return rows


def measure_cost(scene: HealthScene, repeats: int = 2000) -> dict[str, float]:
    """CPU time per frame, ms, at an input of 256x384 px."""
    pictures = [cv2.resize(scene.draw(FIRST + n), (384, 256)) for n in range(100)]
    spec = teach(cv2.resize(p, (384, 256)) for p in _teaching(scene))
    figures = {}
    off = HealthOptions(outside=IGNORE)
    for name, options in (
        ("off", off),
        ("figures", HealthOptions(light_drift=IGNORE, dirt=IGNORE)),
        ("and light drift", HealthOptions(dirt=IGNORE)),
        ("and dirt", HealthOptions()),
    ):
        camera = Camera(spec, options, live=False)
        start = time.process_time()
        for number in range(repeats):
            camera.see(pictures[number % 100])
        figures[name] = 1000 * (time.process_time() - start) / repeats
        print(f"{name}: {figures[name]:.3f} ms per frame ({scene.name})")
    return figures


def check_real(folder: Path) -> dict[str, Any]:
    """Good test pictures of each class that a run would refuse, and frames of the second half of
    each video, after a fit on the first half."""
    results = {}
    for path in sorted(folder.glob("video/*.mp4")):
        with av.open(str(path)) as container:
            frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
        frames = [np.asarray(cv2.resize(f, (384, 216)), np.uint8) for f in frames]
        half = len(frames) // 2
        results[path.stem] = _check(path.stem, frames[:half:6], frames[half:])
    for place in sorted(path.parents[1] for path in folder.glob("*/test/good")):
        good = (place / part / "good" for part in ("train", "test"))
        teaching, tests = ([_read(path) for path in pictures_in(each)] for each in good)
        results[place.name] = _check(place.name, teaching, tests)
    return results


def _check(name: str, teaching: Sequence[Image], tests: Sequence[Image]) -> list[Any]:
    camera = Camera(teach(teaching), HealthOptions(), live=False)
    camera.see_all(tests)
    shown = camera.log.summary()
    print(
        f"{name}: {len(teaching)} good pictures; {camera.errors} of {camera.frames} others are "
        f"ERROR; {shown}"
    )
    return [camera.frames, camera.errors, shown]


def _teaching(scene: HealthScene) -> list[Image]:
    return [scene.draw(SPREAD * number) for number in range(TEACHING)]


def _read(path: Path) -> Image:
    return np.asarray(cv2.resize(decode_picture(path)[..., ::-1], (256, 256)), np.uint8)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.camera_health", description=__doc__)
    parser.add_argument("--frames", type=int, default=100_000, help="good frames (100000)")
    parser.add_argument("--seeds", type=int, default=2, help="seeds of each texture (2)")
    parser.add_argument("--data", type=Path, help="folder with classes in MVTec layout")
    arguments = parser.parse_args()
    logger.remove()
    scenes = make_scenes(arguments.seeds)
    print(f"{len(scenes)} scenes of {HW[1]}x{HW[0]} px, {TEACHING} good pictures each")
    figures: dict[str, Any] = {"false_alarms": measure_false_alarms(scenes, arguments.frames)}
    first = scenes[: len(scenes) // arguments.seeds]
    figures["standing"] = measure_standing(first, 2000)
    figures["detection"] = measure_detection(first)
    print()
    figures["cost_ms"] = [measure_cost(scenes[0]), measure_cost(scenes[6])]
    if arguments.data is not None:
        figures["real"] = check_real(arguments.data)
    print(json.dumps({"camera_health": figures}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
