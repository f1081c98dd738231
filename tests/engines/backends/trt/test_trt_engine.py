"""TrtEngine with a replacement for TensorRT and the GPU: memory, batches, graphs, errors."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from cuda_rig import CAPTURE_BROKEN, NO_MEMORY, HostDriver
from engine_parts import HW, part
from trt_rig import HostTensorRT

from engines.backends.trt import engine as trt_engine
from engines.backends.trt.driver import Cuda
from engines.backends.trt.engine import TrtEngine
from engines.backends.trt.plan import PlanOptions, Purpose, make_record, write_plan
from engines.opening import open_engine
from engines.spec_file import read_engine, write_engine
from inspector.core.errors import ConfigError, EngineError, InferenceError

MOST = 4


@pytest.fixture
def driver() -> HostDriver:
    return HostDriver()


@pytest.fixture
def tensorrt(driver: HostDriver, monkeypatch: pytest.MonkeyPatch) -> HostTensorRT:
    host = HostTensorRT(driver)
    monkeypatch.setattr(trt_engine, "load_tensorrt", host.library)
    monkeypatch.setattr(trt_engine, "Cuda", lambda: Cuda(driver))
    return host


@pytest.fixture
def engine_path(tensorrt, engine_file, tmp_path, monkeypatch) -> Path:
    """An engine file with a plan whose largest batch is 4."""
    path = tmp_path / "parts.onnx"
    shutil.copy(engine_file, path)
    purpose = Purpose("graph", "TensorRT 10.9.0", "float32", ("SM86",), "any", "any")
    data, options = path.read_bytes(), PlanOptions((1, 1, MOST))
    record = make_record(purpose, options, data, engine="parts", spec="{}", layers=1, seconds=0.0)
    plan = write_plan(tmp_path / "parts.plan", data, record)
    monkeypatch.setattr(trt_engine, "plan_for", lambda engine, gpu, folder: plan)
    return path


def pictures(count: int) -> np.ndarray:
    return np.stack([part(seed, spot=seed % 2 == 1) for seed in range(count)])


@pytest.mark.parametrize("count", [0, 1, 2, MOST, 7, 9])
def test_any_number_of_pictures_gives_the_outputs_of_the_graph(engine_path, count):
    pixels = pictures(count) if count else np.empty((0, *HW, 3), np.uint8)
    maps, scores = TrtEngine(engine_path).infer(pixels)
    expected_maps, expected_scores = open_engine(engine_path).infer(pixels)
    np.testing.assert_allclose(maps, expected_maps, atol=1e-5)
    np.testing.assert_allclose(scores, expected_scores, atol=1e-5)


def test_one_picture_after_the_other_replays_one_graph(engine_path, driver):
    engine = TrtEngine(engine_path)
    outputs = [engine.infer(pictures(5)[index : index + 1]) for index in range(5)]
    assert driver.calls.count("cuStreamBeginCapture_v2") == 1
    assert driver.calls.count("cuGraphLaunch") == 4
    maps, scores = open_engine(engine_path).infer(pictures(5))
    np.testing.assert_allclose(np.concatenate([m for m, _ in outputs]), maps, atol=1e-5)
    np.testing.assert_allclose(np.concatenate([s for _, s in outputs]), scores, atol=1e-5)


def test_another_batch_drops_the_graph_of_the_last_one(engine_path, driver):
    engine = TrtEngine(engine_path)
    for count in (1, 1, 3, 1, 1):
        maps, _ = engine.infer(pictures(count))
        np.testing.assert_allclose(
            maps, open_engine(engine_path).infer(pictures(count))[0], atol=1e-5
        )
    assert driver.calls.count("cuGraphExecDestroy") == 1
    assert driver.calls.count("cuGraphLaunch") == 2


def test_it_runs_without_a_graph_if_capturing_fails(engine_path, driver):
    driver.refuse["cuStreamBeginCapture_v2"] = CAPTURE_BROKEN
    engine = TrtEngine(engine_path)
    for _ in range(4):
        maps, _ = engine.infer(pictures(1))
    np.testing.assert_allclose(maps, open_engine(engine_path).infer(pictures(1))[0], atol=1e-5)
    assert driver.calls.count("cuStreamBeginCapture_v2") == 1
    assert "cuGraphLaunch" not in driver.calls


@pytest.mark.parametrize("captures", [True, False])
def test_the_clock_of_the_gpu_times_the_plan_without_the_copies(engine_path, driver, captures):
    if not captures:
        driver.refuse["cuStreamBeginCapture_v2"] = CAPTURE_BROKEN
    engine = TrtEngine(engine_path)
    # This driver needs 1 ms for each copy and each run of the plan.
    assert engine.device_ms(pictures(3), 5) == [1.0] * 5
    assert ("cuGraphLaunch" in driver.calls) == captures
    assert engine.device_ms(pictures(MOST + 1), 5) == []
    maps, _ = engine.infer(pictures(3))
    np.testing.assert_allclose(maps, open_engine(engine_path).infer(pictures(3))[0], atol=1e-5)
    engine.close()
    assert not driver.alive


def test_the_error_names_a_plan_that_fails_while_it_is_timed(engine_path, tensorrt):
    engine = TrtEngine(engine_path)
    tensorrt.fail = True
    with pytest.raises(InferenceError, match=r"parts.onnx failed: .*the kernel was lost"):
        engine.device_ms(pictures(1), 2)


def test_later_runs_do_not_change_outputs(engine_path):
    engine = TrtEngine(engine_path)
    maps, scores = engine.infer(pictures(2))
    copies = maps.copy(), scores.copy()
    engine.infer(255 - pictures(2))
    assert np.array_equal(maps, copies[0])
    assert np.array_equal(scores, copies[1])
    engine.close()
    assert np.array_equal(maps, copies[0])


def test_memory_is_allocated_once_and_freed(engine_path, driver):
    engine = TrtEngine(engine_path)
    for count in (1, 4, 7):
        engine.infer(pictures(count))
    assert driver.calls.count("cuMemAlloc_v2") == driver.calls.count("cuMemHostAlloc") == 3
    engine.close()
    engine.close()
    assert not driver.alive
    with pytest.raises(EngineError, match="is closed"):
        engine.infer(pictures(1))


@pytest.mark.parametrize(
    "wrong", [np.zeros((1, 32, 96, 3), np.uint8), np.zeros((1, *HW, 3), np.float32)]
)
def test_the_error_names_a_wrong_shape_or_dtype(engine_path, wrong):
    with pytest.raises(EngineError, match=r"takes uint8 of shape \(n, 64, 96, 3\), not "):
        TrtEngine(engine_path).infer(wrong)


def test_running_on_names_library_and_gpu(engine_path):
    engine = TrtEngine(engine_path)
    assert engine.running_on == "TensorRT 10.9.0, CUDA, Host Memory 4090, float32"


def test_thresholds_are_those_of_the_engine_file(engine_path):
    spec, model = read_engine(engine_path)
    write_engine(engine_path, model, dataclasses.replace(spec, image_threshold=0.125))
    assert TrtEngine(engine_path).spec.image_threshold == 0.125


def test_a_picture_that_fails_is_an_inference_error_with_the_reason(engine_path, tensorrt):
    engine = TrtEngine(engine_path)
    tensorrt.fail = True
    with pytest.raises(InferenceError, match=r"parts\.onnx failed: .* the kernel was lost"):
        engine.infer(pictures(1))


def test_the_reason_of_a_failure_is_not_an_earlier_problem(engine_path, tensorrt):
    engine = TrtEngine(engine_path)
    tensorrt.problems.append("Error Code 3: of long ago")
    tensorrt.fail = True
    with pytest.raises(InferenceError, match=r"failed: Error Code 7: the kernel was lost$"):
        engine.infer(pictures(1))


@pytest.mark.parametrize(
    "message",
    [
        "Error Code 1: Cuda Runtime (CUDA driver version is insufficient for CUDA runtime version)",
        "Error Code 6: API Usage Error (CUDA initialization failure with error: 35. Please check)",
    ],
)
def test_a_driver_that_is_too_old_is_named_as_the_cause(tensorrt, message):
    tensorrt.problems.append(message)
    assert tensorrt.library().reason().endswith("; install a newer NVIDIA driver")


def test_a_plan_that_cannot_be_loaded_is_an_error_and_frees_everything(
    engine_path, tensorrt, driver
):
    tensorrt.loads = False
    with pytest.raises(EngineError, match=r"cannot load .*parts\.plan on Host .* newer NVIDIA"):
        TrtEngine(engine_path)
    assert not driver.alive


def test_too_little_memory_is_an_error_and_frees_everything(engine_path, driver):
    driver.refuse["cuMemAlloc_v2"] = NO_MEMORY
    with pytest.raises(EngineError, match="out of memory"):
        TrtEngine(engine_path)
    assert not driver.alive


def test_an_altered_plan_is_not_run(engine_path, driver):
    with (engine_path.parent / "parts.plan").open("ab") as file:
        file.write(b"more")
    with pytest.raises(EngineError, match="damaged"):
        TrtEngine(engine_path)
    assert not driver.alive


def test_another_device_than_cuda_is_refused(engine_path):
    with pytest.raises(EngineError, match=r"engine\.device is cpu, but backend trt runs on cuda"):
        TrtEngine(engine_path, device="cpu")
    with pytest.raises(ConfigError, match="'tpu' is unknown"):
        TrtEngine(engine_path, device="tpu")


@pytest.fixture
def rtx(tensorrt: HostTensorRT) -> HostTensorRT:
    tensorrt.is_rtx = True
    return tensorrt


def run_and_close(engine_path: Path) -> None:
    engine = TrtEngine(engine_path)
    for _ in range(3):
        maps, _ = engine.infer(pictures(1))
    np.testing.assert_allclose(maps, open_engine(engine_path).infer(pictures(1))[0], atol=1e-5)
    engine.close()


def test_tensorrt_rtx_captures_graphs_itself_and_stores_its_kernels(engine_path, rtx, driver):
    run_and_close(engine_path)
    assert "cuStreamBeginCapture_v2" not in driver.calls
    assert rtx.restored == []
    kernels = engine_path.parent / "parts.plan.kernels"
    assert kernels.read_bytes() == b"kernels"
    run_and_close(engine_path)
    assert rtx.restored == [b"kernels"]
    assert not driver.alive


def test_kernels_of_another_gpu_are_replaced(engine_path, rtx):
    kernels = engine_path.parent / "parts.plan.kernels"
    kernels.write_bytes(b"of another")
    run_and_close(engine_path)
    assert kernels.read_bytes() == b"kernels"


def test_a_run_works_if_kernels_cannot_be_stored(engine_path, rtx):
    (engine_path.parent / "parts.plan.kernels").mkdir()
    run_and_close(engine_path)


@pytest.mark.parametrize("has_folder", [True, False])
def test_plans_are_in_the_given_folder_or_in_the_users_cache(
    engine_path, tmp_path, monkeypatch, has_folder
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    folders, plan = [], trt_engine.plan_for(engine_path, None, tmp_path)

    def plan_for(engine: Path, gpu: object, folder: Path) -> object:
        folders.append(folder)
        return plan

    monkeypatch.setattr(trt_engine, "plan_for", plan_for)
    options = {"plan_dir": tmp_path / "plans"} if has_folder else {}
    open_engine(engine_path, backend="trt", device="cuda", **options).close()
    cache = tmp_path / "cache" / "line-inspector" / "plans"
    assert folders == [tmp_path / "plans" if has_folder else cache]
