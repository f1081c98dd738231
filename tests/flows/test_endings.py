"""Tests signals, kills, lost streams and secrets with real processes."""

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import pytest
from flow_rig import RESULTS, good_picture, write_clip
from run_process import PACED, ROOT, paced, start, wait_for_end, wait_for_frames
from web_server import Page, WebServer

from inspector.outputs.json_log import read_log

MOST_LATE = timedelta(seconds=1.2)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_the_run_with_all_results(tmp_path: Path, number: int, code: int) -> None:
    out = tmp_path / "out"
    process = start(out, *PACED)
    wait_for_frames(out, 20, process)
    process.send_signal(number)
    assert wait_for_end(process)[0] == code
    assert sorted(p.name for p in out.iterdir()) == RESULTS
    summary = json.loads((out / "summary.json").read_text())
    assert summary["status"] == "stopped"
    assert summary["captured"] == summary["inspected"] + summary["dropped"]
    assert len(read_log(out / "inspections.jsonl")[1]) == summary["inspected"] > 15
    with av.open(str(out / "annotated.mp4")) as container:
        pictures = sum(1 for _ in container.decode(video=0))
    assert pictures == summary["inspected"] - summary["background"]["left_out"] > 0


def test_a_killed_process_leaves_a_readable_video_and_log(tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start(out, *PACED)
    wait_for_frames(out, 120, process)
    process.kill()
    wait_for_end(process)
    _, records = read_log(out / "inspections.jsonl")
    assert len(records) >= 119
    with av.open(str(out / "annotated.mp4")) as container:
        frames = list(container.decode(video=0))
    last_s = (records[-1]["captured_ns"] - records[0]["captured_ns"]) / 1e9
    assert float(frames[-1].pts * frames[-1].time_base) >= last_s - 1.0


@pytest.mark.parametrize(
    ("fps", "wait_s"), [(0.4, 0.0), (0.4, 1.3), (0.4, 4.0), (100, 0.0), (25, 1.5)]
)
def test_a_kill_at_any_time_loses_at_most_the_last_second_of_the_video(
    tmp_path: Path, fps: float, wait_s: float
) -> None:
    out = tmp_path / "out"
    process = start(out, *paced(fps))
    wait_for_frames(out, 0, process)
    time.sleep(wait_s)
    killed = datetime.now(UTC)
    process.kill()
    wait_for_end(process)
    _, records = read_log(out / "inspections.jsonl")
    captured = [datetime.fromisoformat(record["wall_time_utc"]) for record in records]
    with av.open(str(out / "annotated.mp4")) as container:
        shown_s = [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]
    # The first picture takes longer on a busy machine.
    old_s = [(at - captured[0]).total_seconds() for at in captured if killed - at > MOST_LATE]
    assert not old_s or shown_s[-1] - shown_s[0] >= old_s[-1] - 0.1


def test_a_stream_that_never_comes_back_is_exit_code_4_and_keeps_its_results(
    tmp_path: Path,
) -> None:
    clip = tmp_path / "clip.ts"
    write_clip(clip, [good_picture(i) for i in range(40)])
    path, out = "/clip.ts?token=alsosecret", tmp_path / "out"
    # Without a length, the server ends a live stream.
    with WebServer({path: Page(clip.read_bytes(), declared=None)}) as server:
        address = server.url("").removeprefix("http://")
        process = start(
            out,
            *("--source", f"http://me:topsecret@{address}{path}", "--set", "engine.backend=fake"),
            *("--set", "source.reconnect.give_up_s=0.4", "--set", "source.reconnect.first_s=0.1"),
        )
        wait_for_frames(out, 1, process)
    code, stderr = wait_for_end(process)
    assert code == 4, stderr
    summary = json.loads((out / "summary.json").read_text())
    counted = summary["inspected"] + summary["dropped"] + summary["errored"]
    assert summary["captured"] == counted >= 1
    assert summary["status"] == "failed"
    texts = stderr + (tmp_path / "run.log").read_text()
    texts += "".join(p.read_text() for p in out.iterdir() if p.suffix in (".json", ".jsonl"))
    assert "topsecret" not in texts
    assert "alsosecret" not in texts
    assert address in texts


def test_the_password_of_a_missing_camera_is_never_shown(tmp_path: Path) -> None:
    out = tmp_path / "out"
    url = "rtsp://admin:s3cret%40x@127.0.0.1:9/live"
    code, stderr = wait_for_end(start(out, "--source", url, "--set", "engine.backend=fake"))
    assert code == 2
    assert "127.0.0.1:9" in stderr
    log = tmp_path / "run.log"
    assert "s3cret" not in stderr + (log.read_text() if log.exists() else "")


def test_without_a_terminal_there_is_no_progress_bar(clip: Path, tmp_path: Path) -> None:
    process = start(tmp_path / "out", "--source", str(clip), "--set", "engine.backend=fake")
    code, stderr = wait_for_end(process)
    assert code == 0
    assert "it/s" not in stderr
    assert "\r" not in stderr
    assert "captured 30 = inspected 30" in stderr


def test_a_terminal_shows_rate_remaining_time_and_failed_frames(clip: Path, tmp_path: Path) -> None:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    argv = [sys.executable, "run_inspector.py", "--source", str(clip), "--set", "log.path=null"]
    argv += ["--output", str(tmp_path / "out"), "--set", "engine.backend=fake"]
    process = subprocess.Popen(argv, cwd=ROOT, stderr=slave)
    os.close(slave)
    shown = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
    assert process.wait(30) == 0
    text = shown.decode()
    assert "30/30" in text
    assert "frame/s" in text
    assert " failed" in text
