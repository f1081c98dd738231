"""Finding a plan that fits, and writing plans completely or not at all."""

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
    Plan,
    PlanOptions,
    Purpose,
    find_plan,
    lock_plan,
    make_record,
    plan_path,
    record_path,
    write_plan,
)
from inspector.core.errors import EngineError

ON_SITE = Purpose("graph", "TensorRT 10.9.0", "float32", ("SM86",), "RTX 3060", "580.65.06")
PORTABLE = dataclasses.replace(ON_SITE, gpu=None, driver=None, targets=("SM86", "SM89"))


def store(folder: Path, purpose: Purpose = ON_SITE, data: bytes = b"plan", **options) -> Plan:
    opts = PlanOptions(**options)
    path = plan_path(folder, Path("e.onnx"), purpose, opts)
    record = make_record(purpose, opts, data, engine="e.onnx", spec="{}", layers=3, seconds=0.5)
    folder.mkdir(exist_ok=True)
    return write_plan(path, data, record)


def test_a_stored_plan_is_found_and_read(tmp_path):
    plan = store(tmp_path)
    assert find_plan((tmp_path,), ON_SITE) == plan
    assert plan.read() == b"plan"


def test_names_that_are_not_utf8_are_restored(tmp_path):
    spec = json.dumps({"suspects": ["\udcff.png"]})
    record = make_record(ON_SITE, PlanOptions(), b"p", engine="e", spec=spec, layers=3, seconds=0.5)
    write_plan(tmp_path / "e.plan", b"p", record)
    assert find_plan((tmp_path,), ON_SITE).record == record


def test_a_missing_folder_has_no_plan(tmp_path):
    assert find_plan((tmp_path / "none",), ON_SITE) is None


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
def test_a_plan_does_not_serve_another_purpose(tmp_path, change):
    store(tmp_path)
    assert find_plan((tmp_path,), dataclasses.replace(ON_SITE, **change)) is None


def test_a_plan_for_any_gpu_serves_those_of_its_targets_only(tmp_path):
    plan = store(tmp_path, PORTABLE)
    assert find_plan((tmp_path,), ON_SITE) == plan
    assert find_plan((tmp_path,), dataclasses.replace(ON_SITE, targets=("SM75",))) is None
    assert find_plan((tmp_path,), dataclasses.replace(ON_SITE, graph_hash="another")) is None


def test_a_plan_for_one_gpu_does_not_serve_all_of_its_kind(tmp_path):
    store(tmp_path)
    assert find_plan((tmp_path,), dataclasses.replace(PORTABLE, targets=("SM86",))) is None


def test_building_needs_equal_options_and_running_accepts_any(tmp_path):
    plan = store(tmp_path, batches=(1, 1, 4))
    assert find_plan((tmp_path,), ON_SITE, PlanOptions((1, 1, 8))) is None
    assert find_plan((tmp_path,), ON_SITE, PlanOptions((1, 1, 4))) == plan
    assert find_plan((tmp_path,), ON_SITE) == plan


def test_the_newest_plan_of_the_first_folder_is_used(tmp_path, monkeypatch):
    first, second = tmp_path / "first", tmp_path / "second"
    store(second)
    for day, most in ((2, 4), (3, 8), (1, 2)):
        monkeypatch.setattr(trt_plan, "utc_now", lambda day=day: f"2026-01-0{day}")
        store(first, batches=(1, 1, most))
    plan = find_plan((first, second), ON_SITE)
    assert plan is not None
    assert plan.path.parent == first
    assert plan.record.options.batches == (1, 1, 8)


def test_an_altered_plan_is_never_used(tmp_path):
    plan = store(tmp_path)
    plan.path.write_bytes(b"plam")
    assert find_plan((tmp_path,), ON_SITE) is None
    with pytest.raises(EngineError, match="damaged: it does not match its checksum"):
        plan.read()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"purpose": 3}', '{"sha256": NaN}', "[" * 9999])
def test_a_plan_with_a_damaged_json_is_skipped(tmp_path, text):
    record_path(store(tmp_path).path).write_text(text)
    assert find_plan((tmp_path,), ON_SITE) is None


def test_a_json_without_its_plan_is_skipped(tmp_path):
    store(tmp_path).path.unlink()
    assert find_plan((tmp_path,), ON_SITE) is None


def test_the_json_describes_the_plan(tmp_path):
    record = json.loads(record_path(store(tmp_path).path).read_text())
    assert record["purpose"]["gpu"] == "RTX 3060"
    assert record["purpose"]["driver"] == "580.65.06"
    assert record["options"] == {"batches": [1, 1, 8], "workspace_mb": None}
    assert len(record["sha256"]) == 64


def test_an_unwritable_folder_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "e.plan"
    with pytest.raises(EngineError, match=r"e\.plan cannot be written"), lock_plan(path):
        pass


def _get_killed_while_writing(folder: Path) -> None:
    def die(part: Path, target: Path) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    Path.replace = die  # type: ignore[assignment, method-assign]
    path = plan_path(folder, Path("e.onnx"), ON_SITE, PlanOptions())
    with lock_plan(path):
        store(folder)


def test_after_a_killed_build_the_next_build_works(tmp_path):
    process = multiprocessing.get_context("fork").Process(
        target=_get_killed_while_writing, args=(tmp_path,)
    )
    process.start()
    process.join(20)
    assert process.exitcode == -signal.SIGKILL
    assert [path.suffix for path in tmp_path.iterdir()].count(".part") == 1
    assert find_plan((tmp_path,), ON_SITE) is None
    plan = store(tmp_path)
    assert find_plan((tmp_path,), ON_SITE) == plan
    assert not list(tmp_path.glob("*.part"))


def _build_once(folder: Path, started) -> None:
    path = plan_path(folder, Path("e.onnx"), ON_SITE, PlanOptions())
    with lock_plan(path):
        if find_plan((folder,), ON_SITE) is None:
            with (folder / "builds").open("a") as file:
                file.write("build\n")
            started.set()
            time.sleep(0.05)
            store(folder)


def test_two_processes_that_build_together_give_one_plan(tmp_path):
    context = multiprocessing.get_context("fork")
    started = context.Event()
    first = context.Process(target=_build_once, args=(tmp_path, started))
    first.start()
    assert started.wait(20)
    second = context.Process(target=_build_once, args=(tmp_path, started))
    second.start()
    for process in (first, second):
        process.join(20)
        assert process.exitcode == 0
    assert (tmp_path / "builds").read_text() == "build\n"
    assert len(list(tmp_path.glob("*.plan"))) == 1
