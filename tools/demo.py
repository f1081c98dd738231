"""Runs the complete program on a web with defects of known size: fit, inspect, compare."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import run_inspector
from inspector.command_line import CommandParser
from inspector.core.arrays import Image
from inspector.core.errors import InspectorError
from inspector.core.files import write_whole
from inspector.outputs.folder import (
    DEFECT_PICTURES,
    DEFECTS,
    LOG,
    SIGHTINGS,
    SNAPSHOTS,
    SUMMARY,
    VIDEO,
)
from inspector.outputs.json_log import read_log
from inspector.synthetic.demo_result import (
    AlarmCounts,
    compare_with_scene,
    count_alarms,
    draw_contact_sheet,
    result_lines,
)
from inspector.synthetic.demo_scene import (
    FRAME_HW,
    MM_PER_PX,
    TEXTURES,
    Scene,
    inspected_scene,
    normal_frames,
)
from inspector.synthetic.media import H264Writer, write_picture
from inspector.synthetic.truth import TruthComparison
from inspector.synthetic.truth_table import RULE, make_rows, summarize
from learning.methods.registry import fitted_methods, trained_methods
from tools import calibrate, fit, train
from tools._cli import CONSOLE_COMMAND, guarded, program

FITTED = fitted_methods()[0]
EPOCHS = 30
"""Of four steps each: a few minutes on two cores."""

EVAL_EVERY = 5
"""Epochs; the same for every length, because a training can be resumed only with the same value."""

FPS = 25.0


class DemoFailed(InspectorError):
    """A step of the demo that ended with an exit code other than 0."""


@guarded
def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    demo = _Demo(args.out, args.texture, args.seed)
    demo.step("record good web", demo.record_normal)
    demo.step("record web with defects", demo.record_inspected)
    if args.method in trained_methods():
        demo.step("train the engine", lambda: demo.train(args.method, args.epochs))
    else:
        demo.step("fit the engine", demo.fit)
    demo.step("inspect the video", demo.inspect)
    comparison, alarms = demo.step("compare with the truth", demo.compare)
    demo.report(comparison, alarms)
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

    def record_normal(self) -> None:
        self._record("good.mp4", normal_frames(self.texture, self.seed))

    def record_inspected(self) -> None:
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
        _run(
            "fit",
            fit.main,
            ("--method", FITTED, "--normal", self.inputs / "good.mp4"),
            ("--radius", "all", "--coreset", "1500", "--lines", "--name", "demo"),
            ("--out", self.engine, "--overwrite"),
        )

    def train(self, method: str, epochs: int) -> None:
        """Each web has a separate folder, so that another run can resume its training."""
        out = self.inputs / f"{method}-{self.texture}-{self.seed}"
        _run(
            "train",
            train.main,
            ("--method", method, "--data", self.inputs / "good.mp4", "--epochs", epochs),
            ("--eval-every", EVAL_EVERY, "--name", "demo", "--out", out),
        )
        self.engine = out / "engine.onnx"

    def inspect(self) -> None:
        size = f"{FRAME_HW[1]}x{FRAME_HW[0]}"
        calibration = self.inputs / "calibration.yaml"
        _run(
            "calibrate",
            calibrate.main,
            ("scale", "--mm-per-px", MM_PER_PX, "--frame-size", size),
            ("--scale-u-rel", 0, "--out", calibration, "--overwrite"),
        )
        _run(
            "run",
            run_inspector.main,
            ("--source", self.inputs / "web.mp4", "--engine", self.engine),
            ("--calibration", calibration, "--output", self.out, "--overwrite"),
        )

    def compare(self) -> tuple[TruthComparison, AlarmCounts]:
        _, records = read_log(self.out / LOG)
        comparison = compare_with_scene(records, self.scene)
        write_picture(self.out / "contact_sheet.png", draw_contact_sheet(comparison, self.scene))
        return comparison, count_alarms(comparison, records, self.scene)

    def report(self, comparison: TruthComparison, alarms: AlarmCounts) -> None:
        print("\n" + "\n".join(result_lines(comparison, alarms)))
        summary = json.loads((self.out / SUMMARY).read_text(encoding="utf-8"))
        print(f"\nthroughput {summary['throughput_per_s']:.1f} frames per s")
        for name, seconds in self.seconds.items():
            print(f"{seconds:6.1f} s  {name}")
        self._write_comparison(comparison, alarms)
        self._print_files()

    def _write_comparison(self, comparison: TruthComparison, alarms: AlarmCounts) -> None:
        table_rows = make_rows(comparison)
        content = {
            "seed": self.seed,
            "texture": self.texture,
            "rule": RULE,
            "rows": [asdict(row) for row in table_rows],
            "summaries": [asdict(summary) for summary in summarize(table_rows)],
            "alarms": asdict(alarms),
            "seconds": self.seconds,
        }
        write_whole(self.out / "comparison.json", json.dumps(content, indent=1).encode())

    def _print_files(self) -> None:
        print(f"\nin {self.out}:")
        for name, content in (
            (VIDEO, "original | heatmap"),
            (SIGHTINGS, "one row per defect and frame"),
            (DEFECTS, "the same, as long as defects are not tracked"),
            (DEFECT_PICTURES + "/", "a picture of every defect"),
            (LOG, "a header, then two lines per frame: verdict and measured"),
            (SUMMARY, "counts, throughput, latency, engine, configuration"),
            (SNAPSHOTS + "/", "failing frames"),
            ("contact_sheet.png", "true and measured outlines"),
            ("comparison.json", "the table above"),
            ("input/", "both videos, the engine, the calibration"),
        ):
            print(f"  {name:18} {content}")


def _run(command: str, action: Callable[..., int], *arguments: tuple[Any, ...]) -> None:
    words = [str(word) for words in arguments for word in words]
    print(" ".join((CONSOLE_COMMAND, command, *words)), flush=True)
    code = action(words)
    if code != 0:
        raise DemoFailed(f"{CONSOLE_COMMAND} {command} ended with exit code {code}")


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(prog=program("demo"), description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("artifacts/demo"), metavar="DIR")
    parser.add_argument("--texture", choices=list(TEXTURES), default="gravel")
    parser.add_argument(
        "--method",
        choices=(FITTED, *trained_methods()),
        default=FITTED,
        help="of the engine; training takes minutes and needs torch (default: %(default)s)",
    )
    parser.add_argument(
        "--epochs",
        type=int,
        default=EPOCHS,
        help="of a training; a larger number resumes an earlier one (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=11, help="of web, light, noise and defects")
    return parser


if __name__ == "__main__":
    sys.exit(main())
