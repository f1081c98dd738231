"""Tests that a mistake of the user gives one line on the screen, without a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

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
