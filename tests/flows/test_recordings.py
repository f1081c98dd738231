"""Tests a source that means several recordings: folders, summary, exit codes, and resuming."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import pytest
from flow_rig import good_picture, write_clip, write_pictures
from same_results import json_content, without_ids

import run_inspector
from inspector.core.arrays import Image
from inspector.core.files import sole_writer
from tools.report import main as report
from tools.verify import main as verify

ROOT = Path(__file__).parents[2]
FAKE = [*("--set", "engine.backend=fake", "--set", "verdict.image_threshold=0.5")]
FAKE += ["--set", "verdict.pixel_threshold=0.5", "--fail-on-anomaly"]


def dark_picture(seed: int) -> Image:
    """A good picture with a hole, which the fake engine finds."""
    picture = good_picture(seed)
    cv2.circle(picture, (130, 90), 20, (0, 0, 0), -1, cv2.LINE_AA)
    return picture


@pytest.fixture(scope="module")
def shift(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three recordings of 8 frames; the second shows a defect in two of its frames."""
    folder = tmp_path_factory.mktemp("shift")
    for number, bad in enumerate([(), (4, 5), ()]):
        pictures = [
            dark_picture(i) if i in bad else good_picture(100 * number + i) for i in range(8)
        ]
        write_clip(folder / f"day{number}.mp4", pictures)
    return folder


def arguments(source: Path | str, out: Path, *more: str) -> list[str]:
    return [
        *("--source", str(source), "--output", str(out), *FAKE),
        *("--set", "log.path=null", "--no-video", *more),
    ]


def summary_of(out: Path) -> dict[str, Any]:
    return json.loads((out / "summary.json").read_text())


@pytest.fixture(scope="module")
def finished(shift: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of the three recordings, by two workers."""
    out = tmp_path_factory.mktemp("finished") / "out"
    assert run_inspector.main(arguments(shift / "*.mp4", out, "--workers", "2")) == 3
    return out


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    """A copy of the results."""
    return shutil.copytree(finished, tmp_path / "out")


@pytest.fixture
def source(shift: Path, tmp_path: Path) -> Path:
    """A copy of the recordings."""
    return shutil.copytree(shift, tmp_path / "source")


def assert_like_plain_runs(out: Path, shift: Path, folder: Path) -> None:
    """out: the results of the three recordings. folder: is empty."""
    summary = summary_of(out)
    assert summary["status"] == "finished"
    assert [source["dir"] for source in summary["sources"]] == ["day0", "day1", "day2"]
    assert [source["exit_code"] for source in summary["sources"]] == [0, 3, 0]
    assert (summary["total"]["captured"], summary["total"]["failed"]) == (24, 2)
    plain = folder / "day1"
    assert run_inspector.main(arguments(shift / "day1.mp4", plain)) == 3
    for name in ("defects.csv", "sightings.csv"):
        text = without_ids((plain / name).read_text())
        assert text == without_ids((out / "day1" / name).read_text())
        assert text.count("\n") > 2
    for name in ("inspections.jsonl", "summary.json"):
        assert json_content(out / "day1" / name) == json_content(plain / name)
    # The snapshots show times; the pictures of defects do not.
    pictures = sorted((plain / "defects").iterdir())
    assert pictures
    for path in pictures:
        assert path.read_bytes() == (out / path.relative_to(folder)).read_bytes()


def test_each_recording_has_the_results_of_a_plain_run(tmp_path, shift, finished):
    assert_like_plain_runs(finished, shift, tmp_path)


@pytest.mark.ray
def test_each_recording_has_the_results_of_a_plain_run_on_ray(tmp_path, shift):
    out = tmp_path / "out"
    assert run_inspector.main(arguments(shift, out, "--ray", "auto")) == 3
    assert_like_plain_runs(out, shift, tmp_path / "plain")


def test_report_and_verify_read_the_results(out):
    assert verify([str(out)]) == 0
    assert report([str(out)]) == 0
    assert "day1" in (out / "report.html").read_text()


def test_finished_recordings_are_kept(out, source):
    before = {p.parent.name: p.stat().st_mtime_ns for p in out.glob("*/summary.json")}
    shutil.copy(source / "day0.mp4", source / "new.mp4")
    (out / "day2" / "summary.json").unlink()  # as after a kill
    argv = arguments(source, out)
    assert run_inspector.main(argv) == 3
    reused = {source["name"]: source["reused"] for source in summary_of(out)["sources"]}
    assert reused == {"day0": True, "day1": True, "day2": False, "new": False}
    after = {p.parent.name: p.stat().st_mtime_ns for p in out.glob("*/summary.json")}
    assert {name for name in before if before[name] != after[name]} == {"day2"}
    assert summary_of(out)["total"]["captured"] == 32
    assert run_inspector.main(argv) == 3
    assert all(each["reused"] for each in summary_of(out)["sources"])


def test_results_of_a_call_that_was_killed_are_not_those_of_its_options(out, source):
    """The next call was killed when it had begun the recordings, before their results changed."""
    record = json.loads((out / "recordings.json").read_text())
    begun = {name: f"begun {request}" for name, request in record.items()}
    (out / "recordings.json").write_text(json.dumps(begun))
    assert run_inspector.main(arguments(source, out)) == 3
    assert not any(each["reused"] for each in summary_of(out)["sources"])
    assert json.loads((out / "recordings.json").read_text()) == record


def test_a_folder_that_another_run_uses_has_no_results(out, source, capsys):
    (source / "day1.mp4").unlink()
    with sole_writer(out / "day0"):
        argv = arguments(source, out, "--overwrite", "--set", "verdict.min_area_px=9")
        assert run_inspector.main(argv) == 2
    sources = {each["name"]: each for each in summary_of(out)["sources"]}
    assert {name: each["status"] for name, each in sources.items()} == {
        "day0": "failed",
        "day2": "finished",
    }
    assert summary_of(out)["total"]["captured"] == 8
    assert "day0" in capsys.readouterr().err


def test_results_of_other_inputs_are_replaced_with_overwrite_only(out, source, capsys):
    before = (out / "summary.json").read_bytes()
    (source / "day2.mp4").unlink()
    other_setting = arguments(source, out, "--set", "verdict.min_area_px=9")
    assert run_inspector.main(other_setting) == 2
    assert "already holds results" in capsys.readouterr().err
    shutil.copy(source / "day0.mp4", source / "day1.mp4")
    argv = arguments(source, out)
    assert run_inspector.main(argv) == 2
    assert "already holds results" in capsys.readouterr().err
    assert (out / "summary.json").read_bytes() == before
    assert run_inspector.main([*argv, "--overwrite"]) == 0
    assert [source["reused"] for source in summary_of(out)["sources"]] == [False, False]


def test_results_of_a_plain_run_are_not_replaced(tmp_path, shift, capsys):
    out = tmp_path / "out"
    assert run_inspector.main(arguments(shift / "day0.mp4", out)) == 0
    assert run_inspector.main(arguments(shift, out)) == 2
    assert "already holds results" in capsys.readouterr().err


def test_a_recording_that_fails_does_not_stop_the_others(tmp_path, source, capsys):
    out = tmp_path / "out"
    (source / "day0.mp4").write_bytes(b"no video")
    cut = (source / "day1.mp4").read_bytes()
    (source / "day1.mp4").write_bytes(cut[: len(cut) // 2])
    code = run_inspector.main(arguments(source, out, "--workers", "2"))
    summary = summary_of(out)
    codes = {source["name"]: source["exit_code"] for source in summary["sources"]}
    assert codes["day0"] == 2
    assert codes["day1"] != 0
    assert codes["day2"] == 0
    assert code == summary["exit_code"] == max(codes.values())
    assert summary["status"] == "failed"
    shown = capsys.readouterr().err
    assert "2 of 3 recordings failed: day0, day1" in shown.splitlines()[-1]
    assert "day0: " in summary["error"]


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (("--show",), "--show needs one source"),
        (("--engine", "missing.onnx"), "missing.onnx does not exist"),
        (("--workers", "0"), "fleet.workers must lie between 1 and 256"),
    ],
)
def test_mistakes_are_one_sentence_before_anything_is_written(tmp_path, shift, capsys, more, text):
    out = tmp_path / "out"
    assert run_inspector.main(arguments(shift, out, *more)) == 2
    assert text in capsys.readouterr().err
    assert not out.exists()


def write_stream(path: Path, frames: int) -> None:
    """A video without a container, which is quick to write."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, 50]
    jpegs = [cv2.imencode(".jpg", good_picture(i), quality)[1].tobytes() for i in range(10)]
    path.write_bytes(b"".join(jpegs) * (frames // 10))


def start(argv: list[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(ROOT / "run_inspector.py"), *argv],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )


def workers_of(pid: int) -> list[int]:
    done = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True)
    return [int(line) for line in done.stdout.split()]


def wait_for_frames(out: Path, *names: str) -> None:
    for _ in range(1200):
        logs = [out / name / "inspections.jsonl" for name in names]
        if all(log.exists() and log.read_bytes().count(b"\n") > 3 for log in logs):
            return
        time.sleep(0.05)
    raise AssertionError("the recordings were not inspected")


def test_ctrl_c_stops_all_recordings_in_order(tmp_path):
    out, source = tmp_path / "out", tmp_path / "source"
    source.mkdir()
    for name, frames in (("a", 5000), ("b", 5000), ("c", 10)):
        write_stream(source / f"{name}.mjpeg", frames)
    process = start(arguments(source, out, "--workers", "2"))
    wait_for_frames(out, "a", "b")
    workers = workers_of(process.pid)
    process.send_signal(signal.SIGINT)
    _, shown = process.communicate(timeout=60)
    assert process.returncode == 130, shown
    summary = summary_of(out)
    assert (summary["status"], summary["exit_code"]) == ("stopped", 130)
    status = {source["name"]: source["status"] for source in summary["sources"]}
    assert status == {"a": "stopped", "b": "stopped", "c": "not started"}
    total = summary["total"]
    assert 0 < total["captured"] == total["inspected"] < 10_000
    assert len(workers) == 2
    for pid in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_recording_whose_worker_was_killed_is_inspected_again(tmp_path):
    out, source = tmp_path / "out", tmp_path / "source"
    source.mkdir()
    write_stream(source / "a.mjpeg", 1000)
    write_stream(source / "b.mjpeg", 10)
    process = start(arguments(source, out, "--workers", "2"))
    wait_for_frames(out, "a")
    os.kill(workers_of(process.pid)[0], signal.SIGKILL)
    _, shown = process.communicate(timeout=110)
    assert process.returncode == 0, shown
    assert "a: its worker was killed by SIGKILL; another worker tries again" in shown
    counts = {source["name"]: source["inspected"] for source in summary_of(out)["sources"]}
    assert counts == {"a": 1000, "b": 10}


def test_workers_have_no_effect_on_one_source(tmp_path, capsys):
    pictures = write_pictures(tmp_path / "pictures", [good_picture(i) for i in range(3)])
    assert run_inspector.main(arguments(pictures, tmp_path / "out", "--workers", "2")) == 0
    assert "there are not several recordings" in capsys.readouterr().err


def test_triggers_for_recordings_are_refused(tmp_path, shift, capsys):
    config = tmp_path / "config.yaml"
    config.write_text("triggers: [{kind: mqtt, host: broker, topic: t}]")
    out = tmp_path / "out"
    assert run_inspector.main(["--config", str(config), *arguments(shift, out)]) == 2
    assert "triggers: nobody triggers the parts of recordings" in capsys.readouterr().err
    assert not out.exists()
