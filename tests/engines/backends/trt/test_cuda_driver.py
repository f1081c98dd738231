"""Calls to the CUDA driver, with a driver that uses the memory of the host."""

import ctypes

import numpy as np
import pytest
from cuda_rig import CAPTURE_BROKEN, NO_DEVICE, NO_MEMORY, SIGNATURES, HostDriver

from engines.backends.trt import driver as cuda_driver
from engines.backends.trt.driver import CALLS, Cuda, Gpu
from inspector.core.errors import EngineError


@pytest.fixture
def driver() -> HostDriver:
    return HostDriver()


def test_every_call_is_declared_as_cuda_h_does():
    assert CALLS.keys() == SIGNATURES.keys()
    for name, arguments in CALLS.items():
        # A buffer for text is a pointer like any other.
        normalised = tuple(ctypes.c_void_p if a is ctypes.c_char_p else a for a in arguments)
        assert normalised == SIGNATURES[name], name


def test_it_names_the_gpu_its_compute_capability_and_its_driver(driver, monkeypatch):
    monkeypatch.setattr(cuda_driver, "MANAGEMENT", "no_such_library.so")
    gpu = Cuda(driver).gpu
    assert gpu == Gpu("Host Memory 4090", (8, 6), "for CUDA 13.0")
    assert gpu.target == "SM86"


def test_data_is_copied_to_the_gpu_and_back(driver):
    cuda = Cuda(driver)
    address, sent = cuda.device_memory(24), cuda.host_memory((2, 3), np.float32)
    received = cuda.host_memory((2, 3), np.float32)
    sent[:] = [[1, 2, 3], [4, 5, 6]]
    cuda.to_device(address, sent)
    cuda.to_host(received, address)
    cuda.synchronize()
    assert np.array_equal(received, [[1, 2, 3], [4, 5, 6]])


def test_a_captured_graph_runs_only_when_it_is_launched(driver):
    cuda = Cuda(driver)
    address, sent, received = (
        cuda.device_memory(4),
        *(cuda.host_memory((4,), np.uint8) for _ in "ab"),
    )
    received[:] = 0

    def work() -> None:
        cuda.to_device(address, sent)
        cuda.to_host(received, address)

    graph = cuda.capture(work)
    cuda.synchronize()
    assert not received.any()
    for value in (7, 9):
        sent[:] = value
        cuda.launch(graph)
        cuda.synchronize()
        assert (received == value).all()


def test_the_stream_works_after_a_failed_capture(driver):
    cuda = Cuda(driver)

    def work() -> None:
        raise EngineError("not now")

    before = len(driver.alive)
    with pytest.raises(EngineError, match="not now"):
        cuda.capture(work)
    cuda.synchronize()
    assert len(driver.alive) == before


def test_a_graph_that_cannot_be_made_is_an_error_and_is_freed(driver):
    cuda = Cuda(driver)
    before = len(driver.alive)
    driver.refuse["cuGraphInstantiateWithFlags"] = CAPTURE_BROKEN
    with pytest.raises(EngineError, match=r"refuses cuGraphInstantiateWithFlags: unknown error"):
        cuda.capture(lambda: None)
    assert len(driver.alive) == before


def test_each_run_is_timed_by_the_clock_of_the_gpu(driver):
    cuda = Cuda(driver)
    address, sent = cuda.device_memory(4), cuda.host_memory((4,), np.uint8)
    pieces = iter((1, 3, 2))
    before = len(driver.alive)
    times = cuda.time_runs(lambda: [cuda.to_device(address, sent) for _ in range(next(pieces))], 3)
    assert times == [1, 3, 2]
    assert len(driver.alive) == before


def test_events_are_freed_if_the_work_fails(driver):
    cuda = Cuda(driver)
    before = len(driver.alive)
    driver.refuse["cuEventElapsedTime"] = NO_DEVICE
    with pytest.raises(EngineError, match="refuses cuEventElapsedTime"):
        cuda.time_runs(lambda: None, 2)
    assert len(driver.alive) == before


def test_free_memory_is_read(driver):
    cuda = Cuda(driver)
    before = cuda.free_bytes()
    cuda.device_memory(1 << 20)
    assert before - cuda.free_bytes() == 1 << 20


def test_the_speed_of_a_card_matches_its_data_sheet(driver):
    """GeForce RTX 3090: 35.6 TFLOP/s, 142 with tensor cores on float16, 936 GB/s."""
    card = Cuda(driver).card()
    assert card.flop_per_s("float32") == pytest.approx(35.6e12, rel=0.005)
    assert card.flop_per_s("float16") == pytest.approx(142e12, rel=0.005)
    assert card.bytes_per_s == pytest.approx(936e9, rel=0.005)


def test_closing_frees_everything_and_can_be_repeated(driver):
    cuda = Cuda(driver)
    cuda.device_memory(10)
    cuda.host_memory((5,), np.uint8)
    cuda.capture(lambda: None)
    cuda.destroy_graph(cuda.capture(lambda: None))
    cuda.close()
    cuda.close()
    assert not driver.alive


def test_the_error_says_that_the_machine_has_no_gpu(driver):
    driver.refuse["cuInit"] = NO_DEVICE
    with pytest.raises(EngineError, match=r"needs an NVIDIA GPU.*no CUDA-capable device"):
        Cuda(driver)


def test_too_little_memory_gives_the_message_of_the_driver(driver):
    cuda = Cuda(driver)
    driver.refuse["cuMemAlloc_v2"] = NO_MEMORY
    with pytest.raises(EngineError, match=r"CUDA refuses cuMemAlloc: out of memory \(2\)"):
        cuda.device_memory(1 << 40)


def test_a_driver_that_lacks_a_call_is_too_old(driver):
    del driver.cuGraphInstantiateWithFlags
    with pytest.raises(EngineError, match=r"too old.*no cuGraphInstantiateWithFlags; update it"):
        Cuda(driver)


def test_a_missing_driver_is_one_sentence(monkeypatch):
    monkeypatch.setattr(cuda_driver, "LIBRARY", "no_such_libcuda.so.1")
    with pytest.raises(EngineError, match=r"needs an NVIDIA GPU and its driver, but no_such_lib"):
        Cuda()
