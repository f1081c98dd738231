"""The program with a live view in a real window under Xvfb, driven by keys."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from flow_rig import RESULTS

ROOT = Path(__file__).parents[2]
WEB = ["--source", "synthetic", "--set", "engine.backend=fake", "--set", "source.fps=20"]
WEB += ["--set", "source.frame_size=320x240", "--set", "verdict.pixel_threshold=9"]


@pytest.fixture(scope="module")
def display(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A screen of 800x600, and the file that holds its picture."""
    for tool in ("Xvfb", "xdotool"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    folder = tmp_path_factory.mktemp("screen")
    reader, writer = os.pipe()
    argv = ["Xvfb", "-displayfd", str(writer), "-screen", "0", "800x600x24", "-fbdir", str(folder)]
    server = subprocess.Popen(argv, pass_fds=[writer], stderr=subprocess.DEVNULL)
    os.close(writer)
    with os.fdopen(reader) as told:
        number = told.readline().strip()
    yield f":{number}", folder / "Xvfb_screen0"
    server.terminate()
    server.wait(10)


def until(condition: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.03)
    return False


class Running:
    """The program in a window of that display."""

    def __init__(self, display: tuple[str, Path], out: Path, *arguments: str) -> None:
        self._screen = display[1]
        self._env = {**os.environ, "DISPLAY": display[0]}
        self._env.pop("SDL_VIDEODRIVER", None)
        self.out = out
        argv = [sys.executable, "run_inspector.py", "--output", str(out), "--show"]
        argv += ["--set", "log.path=null", *arguments]
        self.process = subprocess.Popen(argv, cwd=ROOT, env=self._env)

    def press(self, key: str) -> None:
        done = subprocess.run(["xdotool", "key", key], env=self._env, check=False)
        assert done.returncode == 0

    def point(self) -> None:
        subprocess.run(["xdotool", "mousemove", "400", "300"], env=self._env, check=True)

    def lit(self) -> bool:
        """Whether anything but black is on the screen."""
        return bool((np.frombuffer(self._screen.read_bytes()[-800 * 600 * 4 :], np.uint8)).any())

    def rows(self) -> int:
        log = self.out / "inspections.jsonl"
        return log.read_bytes().count(b'"type":"measured"') if log.exists() else 0

    def summary(self) -> dict[str, int]:
        return json.loads((self.out / "summary.json").read_text())


@pytest.fixture
def running(display: tuple[str, Path], tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(*arguments: str) -> Running:
        made = Running(display, tmp_path / "out", *arguments)
        started.append(made)
        made.point()
        assert until(made.lit), "no window"
        return made

    yield start
    for made in started:
        made.process.kill()
        made.process.wait()
        assert until(lambda run=made: not run.lit())  # type: ignore[misc]


def test_q_quits_and_keeps_the_results(running: Callable[..., Running]) -> None:
    run = running(
        *WEB, "--set", "source.synthetic.paced=true", "--set", "source.synthetic.frames=null"
    )
    assert until(lambda: run.rows() > 5)
    run.press("q")
    assert run.process.wait(20) == 0
    assert sorted(p.name for p in run.out.iterdir()) == RESULTS
    summary = run.summary()
    assert summary["captured"] == summary["inspected"] + summary["dropped"] > 5


def test_p_pauses_a_file_and_goes_on(running: Callable[..., Running]) -> None:
    run = running(*WEB, "--set", "source.synthetic.frames=2000")
    assert until(lambda: run.rows() > 5)
    run.press("p")
    time.sleep(0.5)
    paused = run.rows()
    time.sleep(0.5)
    assert run.rows() == paused < 2000
    run.press("p")
    assert until(lambda: run.rows() > paused + 5)
    run.press("q")
    assert run.process.wait(20) == 0


def test_escape_closes_the_window_while_inspection_goes_on(
    running: Callable[..., Running],
) -> None:
    run = running(
        *WEB, "--set", "source.synthetic.paced=true", "--set", "source.synthetic.frames=60"
    )
    run.press("Escape")
    assert until(lambda: not run.lit())
    assert run.process.poll() is None
    assert run.process.wait(30) == 0
    assert run.summary()["captured"] == 60
