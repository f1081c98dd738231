"""Starts the program as a process, waits for its frames and for its end."""

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def paced(fps: float = 100) -> list[str]:
    """Options of an endless live source of small frames."""
    argv = ["--source", "synthetic", "--set", "engine.backend=fake", "--set", f"source.fps={fps}"]
    argv += ["--set", "source.synthetic.paced=true", "--set", "source.synthetic.frames=null"]
    return [*argv, "--set", "source.frame_size=320x240", "--set", "verdict.pixel_threshold=9"]


PACED = paced()


def start(out: Path, *arguments: str, log: str | None = None) -> "subprocess.Popen[str]":
    """log: of the program; None is run.log beside the output folder."""
    argv = [sys.executable, "run_inspector.py", "--output", str(out)]
    argv += ["--set", f"log.path={log or out.parent / 'run.log'}", *arguments]
    return subprocess.Popen(argv, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def wait_for_frames(out: Path, count: int, process: "subprocess.Popen[str]") -> None:
    log = out / "inspections.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1]
        if log.exists() and log.read_bytes().count(b'"type":"measured"') > count:
            return
        time.sleep(0.02)
    process.kill()
    raise AssertionError("no frames in time")


def wait_for_end(process: "subprocess.Popen[str]") -> tuple[int, str]:
    try:
        _, stderr = process.communicate(timeout=90)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, stderr
