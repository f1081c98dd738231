"""Several classes: what is kept, what goes on after a stop, and where results may go."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from scenes import engine_with_wrong_reference, fake_engine_file, make_class, plate, write

from engines.backends.fake import FakeEngine
from evaluation.dataset import Job, check_out, evaluate_dataset, jobs_for
from evaluation.given import Settings
from evaluation.results import DatasetResult
from inspector.core.errors import ConfigError, ParityError
from learning.datasets.layouts import load

ROOT = Path(__file__).parents[2]
FAST = Settings(backend="fake", resamples=0)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("bolts", "nuts", "plates"):
        make_class(tmp_path / "data" / name, good=3, defective=1)
        fake_engine_file(tmp_path / "engines" / f"{name}.onnx")
    return tmp_path


def run(place: Path, settings: Settings = FAST) -> DatasetResult:
    jobs = jobs_for(place / "engines", load(place / "data", None))
    return evaluate_dataset(jobs, place / "out", settings)


def test_what_has_not_changed_is_kept(data):
    first = run(data)
    assert first.kept == ()
    second = run(data)
    assert second.kept == ("bolts", "nuts", "plates")
    assert second.classes == first.classes


@pytest.mark.parametrize("changed", ["engine", "picture", "mask", "new", "settings"])
def test_what_has_changed_is_made_anew(data, changed):
    run(data)
    settings = FAST
    if changed == "engine":
        fake_engine_file(data / "engines" / "nuts.onnx", image_threshold=0.3)
    elif changed == "picture":
        write(data / "data" / "nuts" / "test" / "good" / "000.png", plate(77))
    elif changed == "mask":
        os.utime(data / "data" / "nuts" / "ground_truth" / "hole" / "000_mask.png", (1, 1))
    elif changed == "new":
        write(data / "data" / "nuts" / "test" / "good" / "900.png", plate(78))
    else:
        settings = dataclasses.replace(FAST, mask_rule="any")
    kept = () if changed == "settings" else ("bolts", "plates")
    assert run(data, settings).kept == kept


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 1}', '{"format": 0}', "\x00"])
def test_a_damaged_result_is_made_anew(data, text):
    run(data)
    (data / "out" / "nuts" / "metrics.json").write_text(text)
    assert run(data).kept == ("bolts", "plates")
    assert run(data).kept == ("bolts", "nuts", "plates")


def test_a_run_that_breaks_goes_on_where_it_was(data, monkeypatch):
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
    assert run(data).kept == ("bolts",)


KILLED = """
import sys, time
from pathlib import Path
from learning.datasets.layouts import load
from evaluation.dataset import evaluate_dataset, jobs_for
from evaluation.given import Settings
place = Path(sys.argv[1])
jobs = jobs_for(place / "engines", load(place / "data", None))
def told(job, result, was_kept):
    print("done", flush=True)
    time.sleep(60)
evaluate_dataset(jobs, place / "out", Settings(backend="fake", resamples=0), told=told)
"""


def test_a_killed_run_goes_on_where_it_was(data):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(data)], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"done\n"
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=20)
    process.stdout.close()
    assert run(data).kept == ("bolts",)


def test_a_class_that_cannot_be_evaluated_stops_no_other(data):
    (data / "engines" / "nuts.onnx").unlink()
    (data / "engines" / "bolts.onnx").write_text("{}")
    found = run(data)
    assert [one.name for one in found.classes] == ["plates"]
    assert [one.name for one in found.failures] == ["bolts", "nuts"]
    assert "nuts.onnx" in found.failures[1].reason
    for mean in found.means:
        assert mean.classes == 1


def test_an_engine_that_breaks_parity_stops_no_other_class(data):
    engine_with_wrong_reference(data / "engines" / "bolts.onnx")
    result = run(data)
    assert [one.name for one in result.classes] == ["nuts", "plates"]
    assert [one.name for one in result.failures] == ["bolts"]
    assert "golden pictures" in result.failures[0].reason
    written = json.loads((data / "out" / "metrics.json").read_text())
    assert {mean["classes"] for mean in written["means"]} == {2}


def test_parity_errors_of_all_engines_are_raised_after_the_metrics_are_written(data):
    for name in ("bolts", "nuts", "plates"):
        engine_with_wrong_reference(data / "engines" / f"{name}.onnx")
    with pytest.raises(ParityError, match="golden pictures"):
        run(data)
    written = json.loads((data / "out" / "metrics.json").read_text())
    assert [one["name"] for one in written["failures"]] == ["bolts", "nuts", "plates"]


def test_means_are_over_the_classes_that_define_a_figure(data):
    for mask in (data / "data" / "nuts" / "ground_truth").rglob("*.png"):
        mask.unlink()
    found = run(data)
    means = {mean.name: mean for mean in found.means}
    assert means["image_auroc"].defined == 3
    assert means["pixel_auroc"].defined == 2
    values = [one.figures.pixel_auroc.value for one in found.classes]
    known = [value for value in values if value is not None]
    assert means["pixel_auroc"].value == pytest.approx(sum(known) / 2)


def test_one_engine_takes_the_class_of_its_name(data):
    classes = load(data / "data", None)
    (job,) = jobs_for(data / "engines" / "nuts.onnx", classes)
    assert job == Job(data / "engines" / "nuts.onnx", classes[1])
    with pytest.raises(ConfigError, match=r"3 classes, none of its name .*--class"):
        jobs_for(data / "engines" / "screws.onnx", classes)


def test_results_never_go_into_what_is_read(data):
    classes = load(data / "data", None)
    for out in (data / "data", data / "data" / "out", data / "data" / "nuts", data):
        inputs = [data / "data"] if out != data else [data / "nuts"]
        with pytest.raises(ConfigError, match="would write into"):
            check_out(out, classes, inputs)
    check_out(data / "out", classes, [data / "data", data / "engines"])


def test_other_files_in_the_folder_of_results_stay(data):
    (data / "out" / "nuts").mkdir(parents=True)
    (data / "out" / "nuts" / "notes.txt").write_text("mine")
    run(data)
    assert (data / "out" / "nuts" / "notes.txt").read_text() == "mine"
