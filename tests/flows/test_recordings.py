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

import pytest
from flow_rig import bad_picture, good_picture, write_clip, write_pictures
from same_results import flatten, json_content, without_ids

import run_inspector
from tools.report import main as report
from tools.verify import main as verify

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def shift(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three recordings; the second shows a defect in two of its frames."""
    folder = tmp_path_factory.mktemp("shift")
    for number, bad in enumerate([(), (4, 5), ()]):
        pictures = [
            bad_picture(i) if i in bad else good_picture(100 * number + i) for i in range(10)
        ]
        write_clip(folder / f"day{number}.mp4", pictures)
    return folder


def arguments(source: Path | str, out: Path, engine: Path, *more: str) -> list[str]:
    return [
        *("--source", str(source), "--output", str(out), "--engine", str(engine)),
        *("--set", "log.path=null", "--no-video", *more),
    ]


def summary_of(out: Path) -> dict[str, Any]:
    return json.loads((out / "summary.json").read_text())


@pytest.mark.parametrize(
    "more",
    [
        pytest.param((), id="one worker"),
        pytest.param(("--workers", "2"), id="two workers"),
        pytest.param(("--workers", "2", "--ray"), id="ray", marks=pytest.mark.ray),
    ],
)
def test_each_recording_has_the_results_of_a_plain_run(tmp_path, shift, engine, margin, more):
    out = tmp_path / "out"
    code = run_inspector.main(arguments(shift / "*.mp4", out, engine, *margin, *more))
    assert code == 0
    summary = summary_of(out)
    assert summary["status"] == "finished"
    assert [source["dir"] for source in summary["sources"]] == ["day0", "day1", "day2"]
    assert (summary["total"]["captured"], summary["total"]["failed"]) == (30, 2)
    shutil.move(out / "day1", tmp_path / "parallel")
    day1 = shift / "day1.mp4"
    assert run_inspector.main(arguments(day1, out / "day1", engine, *margin)) == 0
    for name in ("defects.csv", "sightings.csv"):
        plain = without_ids((out / "day1" / name).read_text())
        assert plain == without_ids((tmp_path / "parallel" / name).read_text())
        assert plain.count("\n") > 2
    for name in ("inspections.jsonl", "summary.json"):
        plain_values = dict(flatten(json_content(out / "day1" / name)))
        values = dict(flatten(json_content(tmp_path / "parallel" / name)))
        assert [item for item in values.items() if plain_values.get(item[0]) != item[1]] == []
        assert values.keys() == plain_values.keys()
    # The snapshots show times; the pictures of defects do not.
    pictures = sorted((out / "day1" / "defects").iterdir())
    assert pictures
    for path in pictures:
        other = tmp_path / "parallel" / path.relative_to(out / "day1")
        assert path.read_bytes() == other.read_bytes()


def test_report_and_verify_read_the_results(tmp_path, shift, engine, margin, capsys):
    out = tmp_path / "out"
    assert run_inspector.main(arguments(shift, out, engine, *margin, "--workers", "2")) == 0
    assert verify([str(out)]) == 0
    capsys.readouterr()
    assert report([str(out)]) == 0
    page = (out / "report.html").read_text()
    assert "day1" in page


def test_finished_recordings_are_kept(tmp_path, shift, engine, margin):
    out, source = tmp_path / "out", tmp_path / "source"
    shutil.copytree(shift, source)
    argv = arguments(source, out, engine, *margin)
    assert run_inspector.main(argv) == 0
    before = {p.parent.name: p.stat().st_mtime_ns for p in out.glob("*/summary.json")}
    shutil.copy(source / "day0.mp4", source / "new.mp4")
    (out / "day2" / "summary.json").unlink()  # as after a kill
    assert run_inspector.main(argv) == 0
    reused = {source["name"]: source["reused"] for source in summary_of(out)["sources"]}
    assert reused == {"day0": True, "day1": True, "day2": False, "new": False}
    after = {p.parent.name: p.stat().st_mtime_ns for p in out.glob("*/summary.json")}
    assert {name for name in before if before[name] != after[name]} == {"day2"}
    assert summary_of(out)["total"]["captured"] == 40


@pytest.mark.parametrize("changed", ["recording", "setting"])
def test_results_of_other_inputs_are_replaced_with_overwrite_only(
    tmp_path, shift, engine, margin, capsys, changed
):
    out, source = tmp_path / "out", tmp_path / "source"
    shutil.copytree(shift, source)
    argv = arguments(source, out, engine, *margin)
    assert run_inspector.main(argv) == 0
    if changed == "recording":
        shutil.copy(source / "day0.mp4", source / "day1.mp4")
    else:
        argv += ["--set", "verdict.min_area_px=9"]
    before = (out / "summary.json").read_bytes()
    capsys.readouterr()
    assert run_inspector.main(argv) == 2
    assert "already holds results" in capsys.readouterr().err
    assert (out / "summary.json").read_bytes() == before
    assert run_inspector.main([*argv, "--overwrite"]) == 0
    assert not any(source["reused"] for source in summary_of(out)["sources"])


def test_results_of_a_plain_run_are_not_replaced(tmp_path, shift, engine, margin, capsys):
    out = tmp_path / "out"
    assert run_inspector.main(arguments(shift / "day0.mp4", out, engine, *margin)) == 0
    assert run_inspector.main(arguments(shift, out, engine, *margin)) == 2
    assert "already holds results" in capsys.readouterr().err


def test_a_recording_that_fails_does_not_stop_the_others(tmp_path, shift, engine, margin, capsys):
    out, source = tmp_path / "out", tmp_path / "source"
    shutil.copytree(shift, source)
    (source / "day0.mp4").write_bytes(b"no video")
    cut = (source / "day1.mp4").read_bytes()
    (source / "day1.mp4").write_bytes(cut[: len(cut) // 2])
    code = run_inspector.main(arguments(source, out, engine, *margin, "--workers", "2"))
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


def test_fail_on_anomaly_holds_for_all_recordings(tmp_path, shift, engine, margin):
    out = tmp_path / "out"
    argv = arguments(shift, out, engine, *margin, "--fail-on-anomaly")
    assert run_inspector.main(argv) == 3
    codes = [source["exit_code"] for source in summary_of(out)["sources"]]
    assert codes == [0, 3, 0]
    assert run_inspector.main(argv) == 3  # all are kept


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (("--show",), "--show needs one source"),
        (("--set", "engine.path=missing.onnx"), "missing.onnx does not exist"),
        (("--workers", "0"), "fleet.workers must lie between 1 and 256"),
    ],
)
def test_mistakes_are_one_sentence_before_anything_is_written(
    tmp_path, shift, engine, capsys, more, text
):
    out = tmp_path / "out"
    argv = arguments(shift, out, engine, *more)
    if "engine.path=missing.onnx" in more:
        argv = [word for word in argv if word not in ("--engine", str(engine))]
    assert run_inspector.main(argv) == 2
    assert text in capsys.readouterr().err
    assert not out.exists()


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """Two long recordings and a third that waits for a worker."""
    folder = tmp_path / "slow"
    folder.mkdir()
    pictures = [good_picture(i) for i in range(50)] * 40
    write_clip(folder / "a.mp4", pictures)
    for name in ("b", "c"):
        shutil.copy(folder / "a.mp4", folder / f"{name}.mp4")
    return folder


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


def wait_for_frames(out: Path, names: tuple[str, ...]) -> None:
    for _ in range(1200):
        logs = [out / name / "inspections.jsonl" for name in names]
        if all(log.exists() and log.read_bytes().count(b"\n") > 5 for log in logs):
            return
        time.sleep(0.05)
    raise AssertionError("the recordings were not inspected")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_stops_all_recordings_in_order(tmp_path, slow, engine, number, code):
    out = tmp_path / "out"
    process = start(arguments(slow, out, engine, "--workers", "2"))
    wait_for_frames(out, ("a", "b"))
    workers = workers_of(process.pid)
    process.send_signal(number)
    assert process.wait(60) == code
    assert process.stderr is not None
    process.stderr.close()
    summary = summary_of(out)
    assert (summary["status"], summary["exit_code"]) == ("stopped", code)
    status = {source["name"]: source["status"] for source in summary["sources"]}
    assert status == {"a": "stopped", "b": "stopped", "c": "not started"}
    total = summary["total"]
    assert 0 < total["captured"] == total["inspected"] < 4000
    assert workers
    for pid in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_recording_whose_worker_was_killed_is_inspected_again(tmp_path, shift, slow, engine):
    out = tmp_path / "out"
    (slow / "c.mp4").unlink()
    shutil.copy(shift / "day0.mp4", slow / "c.mp4")
    process = start(arguments(slow, out, engine, "--workers", "2", "--set", "engine.batch=8"))
    wait_for_frames(out, ("a", "b"))
    os.kill(workers_of(process.pid)[0], signal.SIGKILL)
    _, shown = process.communicate(timeout=110)
    assert process.returncode == 0, shown
    assert "its worker was killed by SIGKILL; another worker tries again" in shown
    counts = {source["name"]: source["inspected"] for source in summary_of(out)["sources"]}
    assert counts == {"a": 2000, "b": 2000, "c": 10}


def test_workers_have_no_effect_on_one_source(tmp_path, engine, capsys):
    pictures = write_pictures(tmp_path / "pictures", [good_picture(i) for i in range(3)])
    out = tmp_path / "out"
    assert run_inspector.main(arguments(pictures, out, engine, "--workers", "2")) == 0
    assert "there are not several recordings" in capsys.readouterr().err
