"""Tests the keys of the live view in a real window under Xvfb."""

import json
import os
import shutil
import signal
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
    with os.fdopen(reader) as output:
        number = output.readline().strip()
    yield f":{number}", folder / "Xvfb_screen0"
    server.terminate()
    server.wait(10)


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.03)
    return False


class WindowRun:
    """The program with a window on the display."""

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

    def is_lit(self) -> bool:
        """Whether the screen is not completely black."""
        return bool((np.frombuffer(self._screen.read_bytes()[-800 * 600 * 4 :], np.uint8)).any())

    def rows(self) -> int:
        log = self.out / "inspections.jsonl"
        return log.read_bytes().count(b'"type":"measured"') if log.exists() else 0

    def summary(self) -> dict[str, int]:
        return json.loads((self.out / "summary.json").read_text())


@pytest.fixture
def running(display: tuple[str, Path], tmp_path: Path) -> Iterator[Callable[..., WindowRun]]:
    started: list[WindowRun] = []

    def start(*arguments: str) -> WindowRun:
        run = WindowRun(display, tmp_path / "out", *arguments)
        started.append(run)
        run.point()
        assert wait_until(run.is_lit), "no window"
        return run

    yield start
    for run in started:
        run.process.kill()
        run.process.wait()
        assert wait_until(lambda run=run: not run.is_lit())  # type: ignore[misc]


def test_q_quits_and_keeps_the_results(running: Callable[..., WindowRun]) -> None:
    run = running(
        *WEB, "--set", "source.synthetic.paced=true", "--set", "source.synthetic.frames=null"
    )
    assert wait_until(lambda: run.rows() > 5)
    run.press("q")
    assert run.process.wait(20) == 0
    assert sorted(p.name for p in run.out.iterdir()) == RESULTS
    summary = run.summary()
    assert summary["captured"] == summary["inspected"] + summary["dropped"] > 5


def test_p_pauses_and_resumes_a_file(running: Callable[..., WindowRun]) -> None:
    run = running(*WEB, "--set", "source.synthetic.frames=2000")
    assert wait_until(lambda: run.rows() > 5)
    run.press("p")
    time.sleep(1.5)
    paused = run.rows()
    time.sleep(0.5)
    assert run.rows() == paused < 2000
    run.press("p")
    assert wait_until(lambda: run.rows() > paused + 5)
    run.press("q")
    assert run.process.wait(20) == 0


def test_escape_closes_the_window_and_inspection_continues(
    running: Callable[..., WindowRun],
) -> None:
    run = running(
        *WEB, "--set", "source.synthetic.paced=true", "--set", "source.synthetic.frames=60"
    )
    run.press("Escape")
    assert wait_until(lambda: not run.is_lit())
    assert run.process.poll() is None
    assert run.process.wait(30) == 0
    assert run.summary()["captured"] == 60


PACED = [*WEB, "--set", "source.synthetic.paced=true"]
ENDLESS = [*PACED, "--set", "source.synthetic.frames=null"]


def start_server() -> tuple["subprocess.Popen[bytes]", str]:
    reader, writer = os.pipe()
    argv = ["Xvfb", "-displayfd", str(writer), "-screen", "0", "800x600x24"]
    server = subprocess.Popen(argv, pass_fds=[writer], stderr=subprocess.DEVNULL)
    os.close(writer)
    with os.fdopen(reader) as output:
        return server, ":" + output.readline().strip()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize("stop", [signal.SIGTERM, None])
def test_the_inspection_goes_on_when_the_display_ends_or_hangs(
    tmp_path: Path, end: int, stop: int | None
) -> None:
    """stop: None: the source ends by itself."""
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed")
    server, name = start_server()
    source = ENDLESS if stop else [*PACED, "--set", "source.synthetic.frames=100"]
    run = WindowRun((name, tmp_path), tmp_path / "out", *source)
    try:
        assert wait_until(lambda: run.rows() > 10)
        server.send_signal(end)
        rows = run.rows()
        assert wait_until(lambda: run.rows() > rows + 40, 8), "the inspection is slower"
        if stop is not None:
            run.process.send_signal(stop)
        assert run.process.wait(20) == 0
    finally:
        run.process.kill()
        server.kill()
        server.wait()
    summary = run.summary()
    assert summary["captured"] == summary["inspected"] + summary["dropped"]
    assert summary["dropped"] <= 10  # on a busy machine a live source is too fast


def test_a_display_that_refuses_is_one_sentence(tmp_path: Path) -> None:
    argv = [sys.executable, "run_inspector.py", "--show", "--output", str(tmp_path / "out"), *WEB]
    env = {**os.environ, "DISPLAY": ":999"}
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=40)
    assert done.returncode == 2
    assert "display" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_window_process_ends_with_a_killed_run(running: Callable[..., WindowRun]) -> None:
    run = running(*ENDLESS)
    run.process.kill()
    assert wait_until(lambda: not run.is_lit())
