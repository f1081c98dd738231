"""Evaluation of several classes: reuse, resuming after a stop, and output folders."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from plate_dataset import (
    draw_plate,
    write_class_folder,
    write_engine_with_wrong_reference,
    write_fake_engine,
    write_picture,
)

from engines.backends.fake import FakeEngine
from evaluation.dataset import Job, check_out, evaluate_dataset, plan_jobs
from evaluation.provenance import Settings
from evaluation.results import DatasetResult
from inspector.core.errors import ConfigError, ParityError
from learning.datasets.layouts import load

ROOT = Path(__file__).parents[2]
FAST = Settings(backend="fake", resamples=0)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("bolts", "nuts", "plates"):
        write_class_folder(tmp_path / "data" / name, good=3, defective=1)
        write_fake_engine(tmp_path / "engines" / f"{name}.onnx")
    return tmp_path


def run(place: Path, settings: Settings = FAST) -> DatasetResult:
    jobs = plan_jobs(place / "engines", load(place / "data", None))
    return evaluate_dataset(jobs, place / "out", settings)


def test_unchanged_results_are_reused(data):
    first = run(data)
    assert first.reused == ()
    second = run(data)
    assert second.reused == ("bolts", "nuts", "plates")
    assert second.classes == first.classes


@pytest.mark.parametrize("changed", ["engine", "picture", "mask", "new", "settings"])
def test_changed_classes_are_evaluated_again(data, changed):
    run(data)
    settings = FAST
    if changed == "engine":
        write_fake_engine(data / "engines" / "nuts.onnx", image_threshold=0.3)
    elif changed == "picture":
        write_picture(data / "data" / "nuts" / "test" / "good" / "000.png", draw_plate(77))
    elif changed == "mask":
        os.utime(data / "data" / "nuts" / "ground_truth" / "hole" / "000_mask.png", (1, 1))
    elif changed == "new":
        write_picture(data / "data" / "nuts" / "test" / "good" / "900.png", draw_plate(78))
    else:
        settings = dataclasses.replace(FAST, mask_rule="any")
    reused = () if changed == "settings" else ("bolts", "plates")
    assert run(data, settings).reused == reused


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 1}', '{"format": 0}', "\x00"])
def test_a_damaged_result_is_replaced(data, text):
    run(data)
    (data / "out" / "nuts" / "metrics.json").write_text(text)
    assert run(data).reused == ("bolts", "plates")
    assert run(data).reused == ("bolts", "nuts", "plates")


def test_an_interrupted_run_is_resumed(data, monkeypatch):
    seen: list[int] = []

    def infer(self, pixels, real=FakeEngine.infer):
        seen.append(1)
        if len(seen) == 8:
            raise KeyboardInterrupt
        return real(self, pixels)

    with monkeypatch.context() as patch:
        patch.setattr(FakeEngine, "infer", infer)
        with pytest.raises(KeyboardInterrupt):
            run(data)
    assert (data / "out" / "bolts" / "metrics.json").is_file()
    assert not (data / "out" / "nuts" / "metrics.json").exists()
    assert run(data).reused == ("bolts",)


KILLED = """
import sys, time
from pathlib import Path
from learning.datasets.layouts import load
from evaluation.dataset import evaluate_dataset, plan_jobs
from evaluation.provenance import Settings
place = Path(sys.argv[1])
jobs = plan_jobs(place / "engines", load(place / "data", None))
def stop(job, result, reused):
    print("done", flush=True)
    time.sleep(60)
evaluate_dataset(jobs, place / "out", Settings(backend="fake", resamples=0), on_result=stop)
"""


def test_a_killed_run_is_resumed(data):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(data)], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"done\n"
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=20)
    process.stdout.close()
    assert run(data).reused == ("bolts",)


def test_a_failed_class_does_not_stop_the_others(data):
    (data / "engines" / "nuts.onnx").unlink()
    (data / "engines" / "bolts.onnx").write_text("{}")
    computed = run(data)
    assert [item.name for item in computed.classes] == ["plates"]
    assert [item.name for item in computed.failures] == ["bolts", "nuts"]
    assert "nuts.onnx" in computed.failures[1].reason
    for mean in computed.means:
        assert mean.classes == 1


def test_an_engine_that_breaks_parity_stops_no_other_class(data):
    write_engine_with_wrong_reference(data / "engines" / "bolts.onnx")
    result = run(data)
    assert [item.name for item in result.classes] == ["nuts", "plates"]
    assert [item.name for item in result.failures] == ["bolts"]
    assert "golden pictures" in result.failures[0].reason
    written = json.loads((data / "out" / "metrics.json").read_text())
    assert {mean["classes"] for mean in written["means"]} == {2}


def test_parity_errors_of_all_engines_are_raised_after_the_metrics_are_written(data):
    for name in ("bolts", "nuts", "plates"):
        write_engine_with_wrong_reference(data / "engines" / f"{name}.onnx")
    with pytest.raises(ParityError, match="golden pictures"):
        run(data)
    written = json.loads((data / "out" / "metrics.json").read_text())
    assert [item["name"] for item in written["failures"]] == ["bolts", "nuts", "plates"]


def test_means_are_over_the_classes_that_define_a_metric(data):
    for mask in (data / "data" / "nuts" / "ground_truth").rglob("*.png"):
        mask.unlink()
    computed = run(data)
    means = {mean.name: mean for mean in computed.means}
    assert means["image_auroc"].defined == 3
    assert means["pixel_auroc"].defined == 2
    values = [item.figures.pixel_auroc.value for item in computed.classes]
    known = [value for value in values if value is not None]
    assert means["pixel_auroc"].value == pytest.approx(sum(known) / 2)


def test_one_engine_takes_the_class_of_its_name(data):
    classes = load(data / "data", None)
    (job,) = plan_jobs(data / "engines" / "nuts.onnx", classes)
    assert job == Job(data / "engines" / "nuts.onnx", classes[1])
    with pytest.raises(ConfigError, match=r"none of the 3 classes .*--class"):
        plan_jobs(data / "engines" / "screws.onnx", classes)


def test_results_are_never_written_into_input_folders(data):
    classes = load(data / "data", None)
    for out in (data / "data", data / "data" / "out", data / "data" / "nuts", data):
        inputs = [data / "data"] if out != data else [data / "nuts"]
        with pytest.raises(ConfigError, match="would write into"):
            check_out(out, classes, inputs)
    check_out(data / "out", classes, [data / "data", data / "engines"])


def test_other_files_in_the_result_folder_are_kept(data):
    (data / "out" / "nuts").mkdir(parents=True)
    (data / "out" / "nuts" / "notes.txt").write_text("mine")
    run(data)
    assert (data / "out" / "nuts" / "notes.txt").read_text() == "mine"
