"""Tests signals that arrive before the first frame, and their exit codes."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from run_process import PACED, ROOT, start, wait_for_end, wait_for_frames

CODES = {signal.SIGINT: 130, signal.SIGTERM: 0, signal.SIGHUP: 0}


@pytest.fixture(autouse=True)
def default_hangup() -> Iterator[None]:
    """Under nohup the tests would inherit that SIGHUP is ignored, and the program too."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def wait_for_handlers(process: "subprocess.Popen[str]") -> None:
    """The first lines of the program set them, SIGHUP last. Before that, Python itself starts."""
    status = Path(f"/proc/{process.pid}/status")
    for _ in range(3000):
        caught = next(x for x in status.read_text().splitlines() if x.startswith("SigCgt"))
        if int(caught.split()[1], 16) >> (signal.SIGHUP - 1) & 1:
            return
        time.sleep(0.01)
    raise AssertionError("no handlers")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize(("count", "delay_s"), [(1, 0), (1, 0.4), (3, 0), (3, 0.1)])
def test_a_signal_while_the_program_loads_ends_it_with_its_code(
    tmp_path: Path, number: int, count: int, delay_s: float
) -> None:
    process = start(tmp_path / "out", *PACED)
    wait_for_handlers(process)
    time.sleep(delay_s)
    for _ in range(count):
        process.send_signal(number)
        time.sleep(0.01)
    code, stderr = wait_for_end(process)
    discarded = "(abort " in stderr
    assert code == (130 if discarded else CODES[number]), stderr
    assert "Traceback" not in stderr
    if not (tmp_path / "out").exists():
        before_start = f"stopped by {signal.Signals(number).name} before the start"
        assert before_start in stderr or "stopped before the first frame" in stderr


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_console_command_handles_signals_while_it_loads(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "tools", "run", *PACED, "--output", str(tmp_path / "out")]
    process = subprocess.Popen(argv, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    wait_for_handlers(process)
    process.send_signal(signal.SIGTERM)
    code, stderr = wait_for_end(process)
    assert (code, "stopped by SIGTERM before the start" in stderr) == (0, True)


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize("step", ["pipe", "set_blocking"])
def test_a_signal_while_the_handlers_are_set_ends_the_run(number: int, step: str) -> None:
    code = (
        "import os, signal, sys\n"
        f"function = os.{step}\n"
        "def signal_at_step(*arguments):\n"
        f"    signal.raise_signal({int(number)})\n"
        "    return function(*arguments)\n"
        f"os.{step} = signal_at_step\n"
        "import run_inspector\n"
        "sys.exit(run_inspector.main(['--source', 'missing.mp4']))\n"
    )
    argv = [sys.executable, "-c", code]
    process = subprocess.Popen(argv, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    exit_code, stderr = wait_for_end(process)
    assert exit_code == CODES[number]
    assert "before the start" in stderr


@pytest.mark.parametrize(
    "program",
    [
        "run_path('run_inspector.py', run_name='__main__')",
        "sys.argv.insert(1, 'run'); run_module('tools', run_name='__main__')",
    ],
    ids=["run_inspector.py", "line-inspector run"],
)
def test_a_signal_after_the_end_of_a_run_does_not_change_its_exit_code(program: str) -> None:
    """The descriptor is set when the handlers are, and reset after the handlers."""
    code = (
        "import signal, sys\n"
        "from runpy import run_module, run_path\n"
        "function, calls = signal.set_wakeup_fd, []\n"
        "def signal_at_reset(*arguments, **options):\n"
        "    calls.append(arguments)\n"
        "    if len(calls) == 2:\n"
        "        signal.raise_signal(signal.SIGTERM)\n"
        "    return function(*arguments, **options)\n"
        "signal.set_wakeup_fd = signal_at_reset\n"
        "sys.argv[1:] = ['--source', 'missing.mp4']\n"
        f"{program}\n"
    )
    argv = [sys.executable, "-c", code]
    process = subprocess.Popen(argv, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    exit_code, stderr = wait_for_end(process)
    assert exit_code == 2
    assert "engine.path" in stderr


@pytest.mark.parametrize("number", CODES)
def test_a_signal_while_an_engine_opens_ends_the_run(tmp_path: Path, number: int) -> None:
    code = (
        "import sys, time\n"
        "from engines.backends.fake import FakeEngine\n"
        "def wait(self): sys.stdout.write('opening\\n'); sys.stdout.flush(); time.sleep(600)\n"
        "FakeEngine.warm_up = wait\n"
        "from inspector.pipeline import runner; runner.GRACE_S = 0.5\n"
        "import run_inspector; sys.exit(run_inspector.main())\n"
    )
    argv = [sys.executable, "-c", code, *PACED, "--output", str(tmp_path / "out")]
    process = subprocess.Popen(
        [*argv, "--set", "log.path=null"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "opening\n"
    process.send_signal(number)
    assert wait_for_end(process)[0] == CODES[number]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("number", CODES)
def test_a_signal_while_a_source_hangs_ends_the_run(tmp_path: Path, number: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/live"
        source = ["--source", url, "--set", "source.open_timeout_s=600"]
        process = start(tmp_path / "out", *source, "--set", "engine.backend=fake")
        server.settimeout(30)
        connection, _ = server.accept()
        process.send_signal(number)
        code, stderr = wait_for_end(process)
        connection.close()
    assert code == CODES[number]
    assert "before the start" in stderr


@pytest.mark.parametrize("number", CODES)
def test_a_signal_while_the_configuration_is_read_ends_the_run(tmp_path: Path, number: int) -> None:
    fifo = tmp_path / "config.yaml"
    os.mkfifo(fifo)
    process = start(tmp_path / "out", "--config", str(fifo))
    time.sleep(1.5)
    process.send_signal(number)
    assert wait_for_end(process)[0] == CODES[number]


def test_a_hangup_that_nohup_ignores_does_not_stop_the_run(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does; a child inherits it
    try:
        process = start(tmp_path / "out", *PACED)
    finally:
        signal.signal(signal.SIGHUP, before)
    wait_for_frames(tmp_path / "out", 5, process)
    process.send_signal(signal.SIGHUP)
    wait_for_frames(tmp_path / "out", 40, process)
    process.send_signal(signal.SIGTERM)
    assert wait_for_end(process)[0] == 0


def test_a_hangup_stops_a_run_with_all_results(tmp_path: Path) -> None:
    process = start(tmp_path / "out", *PACED)
    wait_for_frames(tmp_path / "out", 5, process)
    process.send_signal(signal.SIGHUP)
    assert wait_for_end(process)[0] == 0
    assert '"status": "stopped"' in (tmp_path / "out" / "summary.json").read_text()
