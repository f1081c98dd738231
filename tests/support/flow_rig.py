"""Fixtures of the flow tests: a small clip, a small engine, and a way to run the program."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import yaml

import run_inspector
from engines.spec_file import read_spec
from inspector.core.arrays import Image
from inspector.outputs.json_log import read_log
from tools.fit import main as fit

HW = (192, 256)
RESULTS = ["annotated.mp4", "defects", "defects.csv", "inspections.jsonl", "sightings.csv"]
RESULTS += ["snapshots", "summary.json"]


def good_picture(seed: int, hw: tuple[int, int] = HW) -> Image:
    """A fixed pattern with a little noise, like a part that is always in the same place."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: hw[0], : hw[1]]
    base = 128 + 40 * np.sin(x / 9) * np.cos(y / 11)
    return np.clip(base[..., np.newaxis] + rng.normal(0, 4, (*hw, 3)), 0, 255).astype(np.uint8)


def bad_picture(seed: int) -> Image:
    picture = good_picture(seed)
    cv2.circle(picture, (130, 90), 20, (0, 0, 255), -1, cv2.LINE_AA)
    return picture


def write_clip(path: Path, pictures: list[Image], fps: int = 10) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "12", "g": "5"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, fps)
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())
    return path


def write_pictures(folder: Path, pictures: list[Image]) -> Path:
    folder.mkdir(parents=True)
    for i, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{i:03d}.png"), picture)
    return folder


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("engine")
    normal = write_clip(folder / "good.mp4", [good_picture(i) for i in range(40)])
    out = folder / "engine.onnx"
    arguments = ["--method", "rad", "--normal", str(normal), "--size", "128x96"]
    assert fit([*arguments, "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 frames, of which 10 to 14 show a red disc of 40 px."""
    pictures = [bad_picture(i) if 10 <= i < 15 else good_picture(100 + i) for i in range(30)]
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", pictures)


@pytest.fixture(scope="session")
def margin(engine: Path) -> list[str]:
    """Options for higher thresholds, with which no good frame of the clip fails."""
    spec = read_spec(engine)
    return [
        *("--set", f"verdict.image_threshold={1.5 * spec.image_threshold}"),
        *("--set", f"verdict.pixel_threshold={1.5 * spec.pixel_threshold}"),
    ]


@dataclass
class RunResult:
    """Exit code, folder and printed errors of a run of the program."""

    code: int
    out: Path
    stderr: str

    @property
    def summary(self) -> dict[str, Any]:
        return json.loads((self.out / "summary.json").read_text())

    @property
    def records(self) -> list[dict[str, Any]]:
        """The inspections of the log, without its header."""
        return read_log(self.out / "inspections.jsonl")[1]


Inspect = Callable[..., RunResult]


@pytest.fixture
def inspect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Inspect:
    """inspect(source, engine, *arguments) runs the program in this process."""

    def run(source: Path | str, engine: Path | None, *arguments: str) -> RunResult:
        out = tmp_path / "out"
        argv = ["--source", str(source), "--output", str(out), "--set", "log.path=null"]
        if engine is not None:
            argv += ["--engine", str(engine)]
        code = run_inspector.main([*argv, *arguments])
        return RunResult(code, out, capsys.readouterr().err)

    return run


def write_config(folder: Path, sources: list[dict[str, Any]], **shared: Any) -> Path:
    """Writes line.yaml with several sources and the fake engine."""
    values: dict[str, Any] = {
        "engine": {"backend": "fake"},
        "output": {"dir": str(folder / "out"), "video": {"enabled": False}},
        "log": {"path": None},
        "sources": sources,
    }
    path = folder / "line.yaml"
    path.write_text(yaml.safe_dump(values | shared))
    return path
