"""What a killed process and a full disk leave behind, with real processes."""

import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from output_parts import make_clip, packets, times, uneven_ticks

from inspector.outputs.json_log import read_log

ROOT = Path(__file__).parents[3]
SUPPORT = ROOT / "tests" / "support"

WRITER = """
import resource, signal, sys
from fractions import Fraction
from pathlib import Path
import numpy as np
from output_parts import FlatPicture, defect, inspection, run_info
from inspector.core.errors import SinkError
from inspector.core.types import Verdict
from inspector.outputs.options import VideoOptions
from inspector.outputs.csv_log import CsvLogSink
from inspector.outputs.json_log import JsonLogSink
from inspector.outputs.video_file import VideoFileSink

folder, frames, fps, limit = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
preset, threads, sound = sys.argv[5], int(sys.argv[6]), sys.argv[7]
if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
video = VideoFileSink(folder / "v.mp4", VideoOptions(preset=preset, threads=threads))
sinks = [video, JsonLogSink(folder / "i.jsonl"), CsvLogSink(folder / "d.csv")]
run = run_info(time_base=Fraction(1, 90_000), path=Path(sound) if sound else None)
random = np.random.default_rng(0)
alive = list(sinks)
for sink in sinks:
    sink.open(run)
for number in range(frames):
    picture = FlatPicture()
    picture._i420[:16] = random.integers(16, 235, (16, 64), np.uint8)
    done = inspection(number, verdict=Verdict.FAIL, pts_s=number / fps, defects=(defect(),))
    for sink in list(alive):
        try:
            sink.write(done, picture)
        except SinkError as exc:
            alive.remove(sink)
            sys.stdout.write(f"{sink.name} {number}: {exc}\\n")
if limit:
    for sink in sinks:
        sink.close()
sys.stdout.write("written\\n")
sys.stdout.flush()
sys.stdin.read()
"""


def start(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{SUPPORT}"},
    )


@pytest.mark.parametrize(
    ("fps", "preset", "threads", "sound"),
    [(5, "ultrafast", 1, False), (25, "veryfast", 2, False), (30, "ultrafast", 2, True)],
)
def test_a_killed_process_leaves_all_but_the_last_second(
    tmp_path: Path, fps: int, preset: str, threads: int, sound: bool
) -> None:
    frames, clip = 4 * fps + fps // 2, tmp_path / "clip.mp4"
    if sound:
        make_clip(clip, uneven_ticks(120))
    process = start(tmp_path, frames, fps, 0, preset, threads, clip if sound else "")
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.communicate()

    got = times(tmp_path / "v.mp4")
    last_s = (frames - 1) / fps
    assert got == [Fraction(round(n * 90_000 / fps), 90_000) for n in range(len(got))]
    assert last_s - got[-1] <= 1
    _, records = read_log(tmp_path / "i.jsonl")
    assert [r["frame_id"] for r in records] == list(range(frames))
    assert (tmp_path / "d.csv").read_bytes().count(b"\r\n") == frames + 1
    if sound:
        left = packets(tmp_path / "v.mp4", "audio")
        assert left == packets(clip, "audio")[: len(left)]
        assert last_s - left[-1][0] <= 1


def test_a_full_disk_is_one_sentence_and_leaves_what_was_written(tmp_path: Path) -> None:
    process = start(tmp_path, 500, 30, 60_000, "ultrafast", 1, "")
    said, _ = process.communicate("")
    assert process.returncode == 0
    lines = {line.split(" ")[0]: line for line in said.splitlines()}
    assert set(lines) == {"video_file", "json_log", "csv_log", "written"}
    for name in ("video_file", "json_log", "csv_log"):
        assert lines[name].endswith("cannot be written: File too large")
    failed_at = {name: int(line.split()[1][:-1]) for name, line in lines.items() if ":" in line}

    got = times(tmp_path / "v.mp4")
    assert got == [Fraction(n, 30) for n in range(len(got))]
    assert failed_at["video_file"] - len(got) <= 30
    assert len(got) > 20
    _, records = read_log(tmp_path / "i.jsonl")
    assert len(records) == failed_at["json_log"]
    rows = (tmp_path / "d.csv").read_bytes()
    assert rows.endswith(b"\r\n")
    assert rows.count(b"\r\n") == failed_at["csv_log"] + 1
