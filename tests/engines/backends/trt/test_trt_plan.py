"""Which plan may be taken, and that none is ever half written."""

import dataclasses
import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from engines.backends.trt import plan as trt_plan
from engines.backends.trt.plan import (
    Options,
    Plan,
    Purpose,
    find,
    keep,
    locked,
    plan_path,
    record,
    record_path,
)
from inspector.core.errors import EngineError

ON_SITE = Purpose("graph", "TensorRT 10.9.0", "float32", ("SM86",), "RTX 3060", "580.65.06")
PORTABLE = dataclasses.replace(ON_SITE, gpu=None, driver=None, targets=("SM86", "SM89"))


def kept(folder: Path, purpose: Purpose = ON_SITE, data: bytes = b"plan", **options) -> Plan:
    opts = Options(**options)
    path = plan_path(folder, Path("e.onnx"), purpose, opts)
    made = record(purpose, opts, data, engine="e.onnx", spec="{}", layers=3, seconds=0.5)
    folder.mkdir(exist_ok=True)
    return keep(path, data, made)


def test_a_kept_plan_is_found_and_read_back(tmp_path):
    plan = kept(tmp_path)
    assert find((tmp_path,), ON_SITE) == plan
    assert plan.read() == b"plan"


def test_names_in_the_spec_that_are_not_utf8_come_back(tmp_path):
    spec = json.dumps({"suspects": ["\udcff.png"]})
    made = record(ON_SITE, Options(), b"p", engine="e", spec=spec, layers=3, seconds=0.5)
    keep(tmp_path / "e.plan", b"p", made)
    assert find((tmp_path,), ON_SITE).record == made


def test_a_folder_that_does_not_exist_holds_none(tmp_path):
    assert find((tmp_path / "none",), ON_SITE) is None


@pytest.mark.parametrize(
    "change",
    [
        {"graph_hash": "another"},
        {"tensorrt": "TensorRT 10.9.1"},
        {"tensorrt": "TensorRT RTX 10.9.0"},
        {"precision": "float16"},
        {"targets": ("SM89",)},
        {"gpu": "RTX 3070"},
        {"driver": "580.65.07"},
        {"format": 99},
    ],
)
def test_a_plan_serves_nothing_that_differs(tmp_path, change):
    kept(tmp_path)
    assert find((tmp_path,), dataclasses.replace(ON_SITE, **change)) is None


def test_a_plan_for_any_gpu_serves_those_of_its_targets_only(tmp_path):
    plan = kept(tmp_path, PORTABLE)
    assert find((tmp_path,), ON_SITE) == plan
    assert find((tmp_path,), dataclasses.replace(ON_SITE, targets=("SM75",))) is None
    assert find((tmp_path,), dataclasses.replace(ON_SITE, graph_hash="another")) is None


def test_a_plan_for_one_gpu_does_not_serve_all_of_its_kind(tmp_path):
    kept(tmp_path)
    assert find((tmp_path,), dataclasses.replace(PORTABLE, targets=("SM86",))) is None


def test_options_are_a_wish_when_building_and_anything_goes_when_running(tmp_path):
    plan = kept(tmp_path, batches=(1, 1, 4))
    assert find((tmp_path,), ON_SITE, Options((1, 1, 8))) is None
    assert find((tmp_path,), ON_SITE, Options((1, 1, 4))) == plan
    assert find((tmp_path,), ON_SITE) == plan


def test_the_newest_plan_of_the_first_folder_is_taken(tmp_path, monkeypatch):
    first, second = tmp_path / "first", tmp_path / "second"
    kept(second)
    for day, most in ((2, 4), (3, 8), (1, 2)):
        monkeypatch.setattr(trt_plan, "utc_now", lambda day=day: f"2026-01-0{day}")
        kept(first, batches=(1, 1, most))
    found = find((first, second), ON_SITE)
    assert found is not None
    assert found.path.parent == first
    assert found.record.options.batches == (1, 1, 8)


def test_an_altered_plan_is_never_taken(tmp_path):
    plan = kept(tmp_path)
    plan.path.write_bytes(b"plam")
    assert find((tmp_path,), ON_SITE) is None
    with pytest.raises(EngineError, match="damaged: it does not match its checksum"):
        plan.read()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"purpose": 3}', '{"sha256": NaN}', "[" * 9999])
def test_a_plan_whose_json_is_not_whole_is_passed_over(tmp_path, text):
    record_path(kept(tmp_path).path).write_text(text)
    assert find((tmp_path,), ON_SITE) is None


def test_a_json_without_its_plan_is_passed_over(tmp_path):
    kept(tmp_path).path.unlink()
    assert find((tmp_path,), ON_SITE) is None


def test_the_json_says_what_the_plan_is(tmp_path):
    said = json.loads(record_path(kept(tmp_path).path).read_text())
    assert said["purpose"]["gpu"] == "RTX 3060"
    assert said["purpose"]["driver"] == "580.65.06"
    assert said["options"] == {"batches": [1, 1, 8], "workspace_mb": None}
    assert len(said["sha256"]) == 64


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "e.plan"
    with pytest.raises(EngineError, match=r"e\.plan cannot be written"), locked(path):
        pass


def _killed_in_the_middle(folder: Path) -> None:
    def die(part: Path, target: Path) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    Path.replace = die  # type: ignore[assignment, method-assign]
    path = plan_path(folder, Path("e.onnx"), ON_SITE, Options())
    with locked(path):
        kept(folder)


def test_a_killed_build_leaves_no_plan_and_the_next_one_goes_on(tmp_path):
    process = multiprocessing.get_context("fork").Process(
        target=_killed_in_the_middle, args=(tmp_path,)
    )
    process.start()
    process.join(20)
    assert process.exitcode == -signal.SIGKILL
    assert [path.suffix for path in tmp_path.iterdir()].count(".part") == 1
    assert find((tmp_path,), ON_SITE) is None
    plan = kept(tmp_path)
    assert find((tmp_path,), ON_SITE) == plan
    assert not list(tmp_path.glob("*.part"))


def _builds(folder: Path, started) -> None:
    path = plan_path(folder, Path("e.onnx"), ON_SITE, Options())
    with locked(path):
        if find((folder,), ON_SITE) is None:
            with (folder / "builds").open("a") as file:
                file.write("one\n")
            started.set()
            time.sleep(0.05)
            kept(folder)


def test_two_processes_that_build_at_once_give_one_plan(tmp_path):
    context = multiprocessing.get_context("fork")
    started = context.Event()
    first = context.Process(target=_builds, args=(tmp_path, started))
    first.start()
    assert started.wait(20)
    second = context.Process(target=_builds, args=(tmp_path, started))
    second.start()
    for process in (first, second):
        process.join(20)
        assert process.exitcode == 0
    assert (tmp_path / "builds").read_text() == "one\n"
    assert len(list(tmp_path.glob("*.plan"))) == 1
