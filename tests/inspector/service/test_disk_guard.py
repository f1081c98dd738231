"""Tests that a run writes less on a disk that is nearly full, and says what it left out."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest
from output_parts import FlatPicture, inspection, run_info, times
from record_schema import check_log

import run_inspector
from inspector.config import make_config
from inspector.config.checks import check_keys
from inspector.core.errors import ConfigError, SinkError
from inspector.core.events import HealthChanged
from inspector.core.types import Inspection, Verdict
from inspector.outputs.folder import find_segments
from inspector.outputs.json_log import JsonLogSink, read_log
from inspector.outputs.options import DiskOptions, OriginalsOptions, SnapshotOptions
from inspector.outputs.originals import OriginalsSink
from inspector.outputs.snapshots import SnapshotSink
from inspector.service import disk_guard
from inspector.service.disk_guard import ALL, LESS, VERDICTS, DiskGuard
from tools.verify import main as verify

GB = 10**9
OPTIONS = DiskOptions(less_below_gb=2.0, verdicts_below_gb=1.0)


class Disk:
    """A disk and a clock that the test sets."""

    def __init__(self) -> None:
        self.free = 10 * GB
        self.now_ns = 0
        self.measured = 0

    def measure(self, _: Path) -> int:
        self.measured += 1
        return self.free

    def guard(self, options: DiskOptions = OPTIONS) -> DiskGuard:
        return DiskGuard(Path("run"), options, free=self.measure, clock_ns=lambda: self.now_ns)


def step(disk: Disk, guard: DiskGuard, free_gb: float, seconds: float = 1.0) -> list[HealthChanged]:
    disk.free, disk.now_ns = int(free_gb * GB), disk.now_ns + int(seconds * 1e9)
    _, events = guard.see(inspection())
    return [event for event in events if isinstance(event, HealthChanged)]


def test_levels_have_a_hysteresis_and_are_in_the_log() -> None:
    disk = Disk()
    guard = disk.guard()
    levels = [guard.level]
    seen: list[tuple[str, str]] = []
    for free in (5.0, 2.0, 1.99, 2.1, 2.19, 2.2, 0.5, 1.05, 1.1, 0.9, 9.0):
        seen += [(event.condition, event.state) for event in step(disk, guard, free)]
        levels += [guard.level] if guard.level != levels[-1] else []
    assert levels[1:] == [LESS, ALL, VERDICTS, LESS, VERDICTS, ALL]
    low, full = "disk_low", "disk_full"
    assert seen == [
        *((low, "begin"), (low, "end"), (low, "begin"), (full, "begin")),
        *((full, "end"), (full, "begin"), (low, "end"), (full, "end")),
    ]


def test_an_event_has_the_free_space_and_the_limit_in_mb() -> None:
    disk = Disk()
    (event,) = step(disk, disk.guard(), 1.5)
    assert (event.value, event.limit) == (1500.0, 2000.0)
    assert "the inspection goes on" in event.message


def test_the_disk_is_measured_once_per_second() -> None:
    disk = Disk()
    guard = disk.guard()
    for _ in range(1000):
        step(disk, guard, 5.0, seconds=0.01)
    assert disk.measured == 10


def test_a_disk_that_cannot_be_measured_changes_nothing(tmp_path: Path) -> None:
    disk = Disk()
    guard = DiskGuard(tmp_path / "gone", OPTIONS)
    assert guard.see(inspection())[1] == ()
    assert guard.level == ALL
    assert disk.guard(DiskOptions(less_below_gb=2.0)).level == ALL


class FullDisk:
    """Makes writes of pictures fail while it is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error: int | None = None
        replace = Path.replace

        def refuse(path: Path, target: Path) -> Path:
            if self.error is not None:
                raise OSError(self.error, os.strerror(self.error))
            return replace(path, target)

        monkeypatch.setattr(Path, "replace", refuse)


def test_a_full_disk_pauses_a_sink_and_another_error_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, full = Disk(), FullDisk(monkeypatch)
    guard = disk.guard()
    originals = guard.wrap(OriginalsSink(tmp_path / "originals", OriginalsOptions()))
    snapshots = guard.wrap(SnapshotSink(tmp_path / "snapshots", SnapshotOptions()))
    frames = iter(range(100))

    def write() -> None:
        item, _ = guard.see(inspection(next(frames), verdict=Verdict.FAIL))
        for sink in (originals, snapshots):
            sink.write(item, FlatPicture())

    for sink in (originals, snapshots):
        sink.open(run_info())
    write()
    full.error = errno.ENOSPC
    write()
    assert guard.level == VERDICTS
    full.error = None
    disk.now_ns += 59 * GB
    write()  # not yet, although the disk says that there is space
    disk.now_ns += 2 * GB
    write()
    assert guard.level == ALL
    assert (originals.left_out, snapshots.left_out) == (2, 2)
    written = {path.name for path in tmp_path.rglob("frame_*") if path.suffix != ".part"}
    assert written == {f"frame_0000000{n}{end}" for n in (0, 3) for end in (".png", "_FAIL.jpg")}
    full.error = errno.EIO
    with pytest.raises(SinkError, match="Input/output error"):
        write()


def test_only_failures_have_originals_when_there_is_less_space(tmp_path: Path) -> None:
    disk = Disk()
    guard = disk.guard()
    sink = guard.wrap(OriginalsSink(tmp_path, OriginalsOptions()))
    sink.open(run_info())
    step(disk, guard, 1.5)
    for number, verdict in enumerate((Verdict.PASS, Verdict.FAIL, Verdict.PASS)):
        sink.write(inspection(number, verdict=verdict), FlatPicture())
    assert [path.name for path in tmp_path.iterdir()] == ["frame_00000001.png"]
    assert sink.left_out == 2


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"output.disk.less_below_gb": 1.0}, "set output.video.segment_minutes"),
        (
            {"output.disk.less_below_gb": 1.0, "output.disk.verdicts_below_gb": 1.0},
            "must be below output.disk.less_below_gb",
        ),
        ({"output.disk.less_below_gb": 0}, "must be above 0"),
    ],
)
def test_limits_that_cannot_hold_are_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        check_keys(make_config({}, {"source.uri": "synthetic", "engine.backend": "fake"} | changes))


FRAMES = 40


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs the program on a disk with less space from frame 10, full from 20, and free from 30."""
    free = iter([5 * GB] * 10 + [3 * GB // 2] * 10 + [GB // 2] * 10 + [5 * GB] * 10)
    monkeypatch.setattr(disk_guard, "PERIOD_NS", 0)
    monkeypatch.setattr(disk_guard, "free_bytes", lambda _: next(free))
    settings = {
        "engine.backend": "fake",
        "source.synthetic.frames": FRAMES,
        "source.fps": 10,
        "source.frame_size": "64x48",
        "output.disk.less_below_gb": 2.0,
        "output.disk.verdicts_below_gb": 1.0,
        "output.video.segment_minutes": 1.0,
        "output.originals.enabled": True,
        "output.defect_pictures.max_count": 100_000,
        "log.path": "null",
    }

    def start(*more: str) -> int:
        argv = ["--source", "synthetic", "--output", str(tmp_path / "out"), *more]
        for key, value in settings.items():
            argv += ["--set", f"{key}={value}"]
        return run_inspector.main(argv)

    return start


def test_a_run_goes_on_and_says_what_it_left_out(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == 0
    out = tmp_path / "out"
    _, records = read_log(out / "inspections.jsonl")
    assert [r["frame_id"] for r in records] == list(range(FRAMES))
    failed = [r["frame_id"] for r in records if r["verdict"] == "FAIL"]
    assert [len(times(path)) for path in find_segments(out)] == [10, 10]
    expected = [n for n in range(FRAMES) if n < 10 or n >= 30 or (n < 20 and n in failed)]
    assert [int(path.stem[6:]) for path in sorted((out / "originals").iterdir())] == expected
    assert all(cv2.imread(str(path)) is not None for path in (out / "originals").iterdir())
    snapshots = {int(path.stem[6:14]) for path in (out / "snapshots").iterdir()}
    assert snapshots == {n for n in failed if not 20 <= n < 30}
    pictured = {int(path.stem[6:14]) for path in (out / "defects").iterdir()}
    assert pictured == {r["frame_id"] for r in records if r["defects"]} - set(range(10, 30))
    lines = check_log(out / "inspections.jsonl")
    events = [r for r in lines if r["type"] == "health"]
    assert [(e["frame_id"], e["condition"], e["state"]) for e in events] == [
        (10, "disk_low", "begin"),
        (20, "disk_full", "begin"),
        (30, "disk_low", "end"),
        (30, "disk_full", "end"),
    ]
    text = capsys.readouterr().err
    assert "1500 MB are free; no video" in text
    assert verify([str(out)]) == 0
    disk = json.loads((out / "summary.json").read_bytes())["disk"]
    good = FRAMES // 4 - sum(10 <= n < 20 for n in failed)
    assert disk == {
        "frames_at_less": 10,
        "frames_at_only_verdicts": 10,
        "left_out": {
            "defect_pictures": 20,
            "video_file": 20,
            "snapshots": 10,
            "originals": 10 + good,
        },
    }


def test_a_log_that_cannot_be_written_is_fatal(
    run: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write = JsonLogSink.write

    def refuse(self: JsonLogSink, item: Inspection, picture: FlatPicture) -> None:
        if item.frame_id == 3:
            raise SinkError("the disk is full") from OSError(errno.ENOSPC, "No space left")
        write(self, item, picture)

    monkeypatch.setattr(JsonLogSink, "write", refuse)
    assert run() == 1
    assert "error: the disk is full" in capsys.readouterr().err
