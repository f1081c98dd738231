"""Tests that a mistake of the user gives one line on the screen, without a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools._cli import guarded

ROOT = Path(__file__).parents[2]
SECRET = "rtsp://operator:hunter2@camera/1"


def run_command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the inspector in a process of its own, because the log starts once in a process."""
    return subprocess.run(
        [sys.executable, str(ROOT / "run_inspector.py"), *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=60,
    )


@pytest.mark.parametrize("arguments", [["--engine", "none.onnx", "--source", "."], ["--nope"]])
@pytest.mark.parametrize("screen", ["2>/dev/full", "2>&1 | true", "2>&-"])
def test_a_lost_screen_does_not_change_the_code(
    tmp_path: Path, arguments: list[str], screen: str
) -> None:
    command = " ".join([sys.executable, str(ROOT / "run_inspector.py"), *arguments, screen])
    words = ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"]
    done = subprocess.run(words, cwd=tmp_path, timeout=60, capture_output=True)
    assert done.returncode == 2


def test_a_full_disk_behind_stdout_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def print_result(_: list[str] | None) -> int:
        with open("/dev/full", "w") as full:
            full.write("result")
        return 0

    monkeypatch.setattr(sys, "stdout", sys.stdout)  # restores it at the end
    assert guarded(print_result)([]) == 1
    assert "error: the output cannot be written: No space left" in capsys.readouterr().err


@pytest.mark.parametrize(
    "login", ["bob:hunter2/x", "bob:hun[hunter2", "bob:hunter2#x", "bob:hunter2\u2100x"]
)
def test_a_login_that_breaks_the_address_is_not_shown(tmp_path: Path, login: str) -> None:
    (tmp_path / "config.yaml").write_text(
        f"source: {{uri: 'http://{login}@127.0.0.1:9/x'}}\nengine: {{backend: fake}}\n",
        encoding="utf-8",
    )
    done = run_command(tmp_path)
    assert done.returncode == 2
    log = (tmp_path / "artifacts/logs/inspector.log").read_text()
    for text in (done.stderr, log):
        assert "hunter2" not in text
        assert "Traceback" not in text
    assert "error: " in done.stderr


@pytest.mark.parametrize(
    ("content", "arguments", "expected"),
    [
        (None, ["--set", "engine.thread=2"], "unknown key engine.thread"),
        (None, ["--set", "engine.threads=-1"], "engine.threads must lie between 0 and 256"),
        (None, ["--config", "none.yaml"], "none.yaml: No such file"),
        ("engine: {thread: 2}", [], "unknown key engine.thread"),
        ("engine: {threads: -1}", [], "engine.threads must lie between 0 and 256"),
        ("fail_on_anomaly: true\nfail_on_anomaly: false", [], "line 2: the key fail_on_anomaly"),
        ("engine: {threads: 2", [], "config.yaml cannot be used: it is not YAML: line 1"),
        ("engine", [], "config.yaml must consist of lines `key: value`, got 'engine'"),
        (None, ["--set", "engine.backend=fake", "--source", "nope"], "nope does not exist: name"),
        (None, ["--engine", "none.onnx", "--source", "synthetic"], "none.onnx"),
        (f"source: {{fps: '{SECRET}'}}", [], "rtsp://***@camera/1"),
        (None, ["--set", f"source.url={SECRET}"], "unknown key source.url"),
        (None, ["--source", SECRET, "--engine", "none.onnx"], "none.onnx"),
    ],
)
def test_a_mistake_is_one_line_on_the_screen(
    tmp_path: Path, content: str | None, arguments: list[str], expected: str
) -> None:
    if content is not None:
        (tmp_path / "config.yaml").write_text(content)
    done = run_command(tmp_path, *arguments)
    assert done.returncode == 2
    errors = [line for line in done.stderr.splitlines() if not line.startswith("INFO ")]
    assert len(errors) == 1, done.stderr
    assert errors[0].startswith("error: ")
    assert expected in errors[0]
    assert "hunter2" not in done.stderr + done.stdout
