"""The whole program on a web with defects of known size: fit, inspect, compare with the truth."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import run_inspector
from inspector.core.arrays import Image
from inspector.core.errors import InspectorError
from inspector.core.files import write_whole
from inspector.outputs.folder import DEFECTS, LOG, SIGHTINGS, SNAPSHOTS, SUMMARY, VIDEO
from inspector.outputs.json_log import read_log
from inspector.synthetic.contact_sheet import draw_sheet, draw_tile
from inspector.synthetic.demo_scene import (
    FRAME_HW,
    MM_PER_PX,
    TEXTURES,
    Scene,
    inspected_scene,
    normal_frames,
)
from inspector.synthetic.truth import MeasuredRegion, TruthComparison, compare
from inspector.synthetic.truth_table import RULE, TruthRow, format_table, make_rows, summarize
from learning.methods.registry import fitted_methods, trained_methods
from tools import calibrate, fit, train
from tools._cli import guarded, program
from tools._media import H264Writer, write_picture

FITTED = fitted_methods()[0]
EPOCHS = 30
"""Of four steps each: a few minutes on two cores."""

EVAL_EVERY = 5
"""Epochs; the same for every length, for a training that goes on must be judged alike."""

FPS = 25.0
TOLERANCE_PX = 5.0
"""A region up to this far beside a defect still counts as found there."""


class DemoFailed(InspectorError):
    """A step of the demo that ended with an exit code other than 0."""


@guarded
def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    demo = _Demo(args.out, args.texture, args.seed)
    demo.prepare()
    if args.method in trained_methods():
        demo.step("train the engine", lambda: demo.train(args.method, args.epochs))
    else:
        demo.step("fit the engine", demo.fit)
    demo.step("inspect the video", demo.inspect)
    result = demo.step("compare with the truth", demo.compare)
    demo.report(*result)
    return 0


class _Demo:
    """The steps, their files and their seconds."""

    def __init__(self, out: Path, texture: str, seed: int) -> None:
        self.out, self.inputs = out, out / "input"
        self.texture, self.seed = texture, seed
        self.seconds: dict[str, float] = {}
        self.engine = self.inputs / "engine.onnx"
        self.scene: Scene

    def step(self, name: str, action: Callable[[], Any]) -> Any:
        print(f"\n== {name}", flush=True)
        start = time.monotonic()
        result = action()
        self.seconds[name] = time.monotonic() - start
        return result

    def prepare(self) -> None:
        self.step("record good web", self._record_normal)
        self.step("record web with defects", self._record_inspected)

    def _record_normal(self) -> None:
        self._record("good.mp4", normal_frames(self.texture, self.seed))

    def _record_inspected(self) -> None:
        self.scene = inspected_scene(self.texture, self.seed)
        web = self.scene.web
        self._record("web.mp4", (web.frame(index)[0] for index in range(self.scene.frames)))

    def _record(self, name: str, images: Iterable[Image]) -> None:
        path = self.inputs / name
        with H264Writer(path, FRAME_HW, FPS, crf=12, preset="ultrafast") as video:
            for image in images:
                video.write(image)
        print(f"{path}: {video.frames} frames of {FRAME_HW[1]}x{FRAME_HW[0]}")

    def fit(self) -> None:
        self._run(
            "python -m tools.fit",
            fit.main,
            ("--method", FITTED, "--normal", self.inputs / "good.mp4"),
            ("--radius", "all", "--coreset", "1500", "--name", "demo", "--out", self.engine),
        )

    def train(self, method: str, epochs: int) -> None:
        """In a folder of its own for every web, so that another run goes on with it."""
        out = self.inputs / f"{method}-{self.texture}-{self.seed}"
        self._run(
            "python -m tools.train",
            train.main,
            ("--method", method, "--data", self.inputs / "good.mp4", "--epochs", epochs),
            ("--eval-every", EVAL_EVERY, "--name", "demo", "--out", out),
        )
        self.engine = out / "engine.onnx"

    def inspect(self) -> None:
        size = f"{FRAME_HW[1]}x{FRAME_HW[0]}"
        calibration = self.inputs / "calibration.yaml"
        self._run(
            "python -m tools.calibrate",
            calibrate.main,
            ("scale", "--mm-per-px", MM_PER_PX, "--frame-size", size),
            ("--out", calibration, "--overwrite"),
        )
        self._run(
            "python run_inspector.py",
            run_inspector.main,
            ("--source", self.inputs / "web.mp4", "--engine", self.engine),
            ("--calibration", calibration, "--output", self.out, "--overwrite"),
        )

    def compare(self) -> tuple[TruthComparison, list[dict[str, Any]]]:
        _, records = read_log(self.out / LOG)
        frames = (
            (
                record["frame_id"],
                self.scene.web.visible(record["frame_id"]),
                [MeasuredRegion.from_record(defect) for defect in record["defects"]],
            )
            for record in records
        )
        comparison = compare(frames, FRAME_HW, TOLERANCE_PX)
        write_picture(self.out / "contact_sheet.png", self._contact_sheet(comparison))
        return comparison, records

    def report(self, comparison: TruthComparison, records: list[dict[str, Any]]) -> None:
        made = make_rows(comparison)
        print("\n" + "\n".join(format_table(made)))
        print(RULE + "\n")
        for one in summarize(made):
            found = f"{one.found} of {one.rendered}, {one.steady} in most frames"
            ratio = "length {:.2f}, width {:.2f}, area {:.2f}".format(*one.ratios or [np.nan] * 3)
            print(f"{one.kind:13} found {found}; median measured / true {ratio}")
        alarms = _alarms(comparison, records, self.scene)
        print("\n{clean_failed} of {clean} frames without a defect failed".format(**alarms))
        print("{shown_failed} of {shown} frames with a defect failed".format(**alarms))
        print(
            "{false_regions} regions on no rendered defect, in {false_frames} frames, {near} of "
            "them in frames with a defect".format(**alarms)
        )
        summary = json.loads((self.out / SUMMARY).read_text(encoding="utf-8"))
        print(f"\nthroughput {summary['throughput_per_s']:.1f} frames per s")
        for name, seconds in self.seconds.items():
            print(f"{seconds:6.1f} s  {name}")
        self._write_comparison(made, alarms)
        self._tell_where()

    def _contact_sheet(self, comparison: TruthComparison) -> Image:
        grid: dict[str, list[Image]] = {}
        for row in make_rows(comparison):
            track = comparison.tracks[row.web_id]
            sighting = track.best or (track.complete or track.sightings)[0]
            image, _ = self.scene.web.frame(sighting.frame_id)
            text = "missed" if row.measured is None else f"measured {row.measured[0]:.2f} mm"
            label = f"{row.kind} {row.true[0]:.2f} mm, {text}"
            one = draw_tile(image, sighting.visible.defect, sighting.regions, label)
            grid.setdefault(row.kind, []).append(one)
        return draw_sheet(list(grid.values()))

    def _write_comparison(self, made: list[TruthRow], alarms: dict[str, int]) -> None:
        path = self.out / "comparison.json"
        content = {
            "seed": self.seed,
            "texture": self.texture,
            "rule": RULE,
            "rows": [asdict(row) for row in made],
            "summaries": [asdict(one) for one in summarize(made)],
            "alarms": alarms,
            "seconds": self.seconds,
        }
        write_whole(path, json.dumps(content, indent=1).encode())

    def _tell_where(self) -> None:
        print(f"\nin {self.out}:")
        for name, what in (
            (VIDEO, "original | heatmap"),
            (SIGHTINGS, "one row per defect and frame"),
            (DEFECTS, "the same, as long as defects are not tracked"),
            (LOG, "one line per frame"),
            (SUMMARY, "counts, throughput, latency, engine, configuration"),
            (SNAPSHOTS + "/", "failing frames"),
            ("contact_sheet.png", "true and measured outlines"),
            ("comparison.json", "the table above"),
            ("input/", "both videos, the engine, the calibration"),
        ):
            print(f"  {name:18} {what}")

    def _run(self, command: str, action: Callable[..., int], *arguments: tuple[Any, ...]) -> None:
        words = [str(word) for words in arguments for word in words]
        print(" ".join((command, *words)), flush=True)
        code = action(words)
        if code != 0:
            raise DemoFailed(f"{command} ended with exit code {code}")


def _alarms(
    comparison: TruthComparison, records: list[dict[str, Any]], scene: Scene
) -> dict[str, int]:
    failed = {record["frame_id"] for record in records if record["verdict"] == "FAIL"}
    clean = {r["frame_id"] for r in records if not scene.web.visible(r["frame_id"])}
    false = [frame_id for frame_id, _ in comparison.false]
    return {
        "clean": len(clean),
        "clean_failed": len(clean & failed),
        "shown": len(records) - len(clean),
        "shown_failed": len(failed - clean),
        "false_regions": len(false),
        "false_frames": len(set(false)),
        "near": len([frame_id for frame_id in false if frame_id not in clean]),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program("demo"), description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("artifacts/demo"), metavar="DIR")
    parser.add_argument("--texture", choices=list(TEXTURES), default="gravel")
    parser.add_argument(
        "--method",
        choices=(FITTED, *trained_methods()),
        default=FITTED,
        help="of the engine; a trained method takes minutes and needs torch (%(default)s)",
    )
    parser.add_argument(
        "--epochs",
        type=int,
        default=EPOCHS,
        help="of a training; more go on with it (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=11, help="of web, light, noise and defects")
    return parser


if __name__ == "__main__":
    sys.exit(main())
