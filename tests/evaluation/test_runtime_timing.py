"""Timing of engines on the installed runtimes: the worker process, and the table."""

import dataclasses
import io
import json
import sys
from pathlib import Path

import pytest
from cuda_rig import HostDriver
from engine_parts import fit_parts

from engines.backends.card import Card
from engines.backends.trt.driver import Cuda
from engines.cost import Cost
from evaluation import runtime_worker
from evaluation.runtime_timing import Candidate, MeasuredCandidate, Timing, UnavailableCandidate
from evaluation.terminal_tables import runtime_lines, unavailable_lines

CANDIDATE = Candidate(Path("parts.onnx"), "trt", "cuda", "latency", 1)


def measure_on_card(gpu_ms: float | None) -> MeasuredCandidate:
    """An engine on a card whose lower limit is 2 ms."""
    cost = Cost({"float32": 1_000_000}, constant_bytes=0, picture_bytes=0)
    card = Card((8, 9), 1, 500_000_000 / 256, 1e12)
    item = MeasuredCandidate(
        CANDIDATE, "TensorRT", "float32", True, [300.0], 500.0, 80.0, cost, card
    )
    limit = card.least_ms(cost, 1)
    item.timings.append(
        Timing(1, 10, 3.0, 4.0, 2.5, 1.0, 333.0, (1.0, 1.0, 1.0), 0.3, gpu_ms, limit)
    )
    return item


def test_a_card_has_columns_for_its_clock_its_limit_and_its_memory():
    head, row = runtime_lines([measure_on_card(2.5)])
    cells = row[head.index("GPU ms") - 3 : head.index("GPU MB") + len("GPU MB")].split()
    assert cells == ["2.500", "80.0%", "80"]
    _, row = runtime_lines([measure_on_card(None)])
    cells = row[head.index("GPU ms") - 3 : head.index("GPU MB") + len("GPU MB")].split()
    assert cells == ["-", "-", "80"]


def test_engines_with_the_same_reason_share_a_line():
    unavailable = [
        UnavailableCandidate(dataclasses.replace(CANDIDATE, engine=Path(name)), reason)
        for name, reason in (("a.onnx", "no GPU"), ("b.onnx", "no GPU"), ("c.onnx", "too large"))
    ]
    assert unavailable_lines(unavailable) == [
        "not run: a, b: trt on cuda: no GPU",
        "not run: c: trt on cuda: too large",
    ]


def test_a_worker_counts_the_gpu_memory_that_it_allocates(monkeypatch):
    driver = HostDriver()
    monkeypatch.setattr(runtime_worker, "Cuda", lambda: Cuda(driver))
    other, gpu = Cuda(driver), runtime_worker.GpuMemory("cuda")
    with gpu.counting():
        other.device_memory(3_000_000)
    other.device_memory(5_000_000)  # of another process
    with gpu.counting():
        other.device_memory(1_000_000)
    assert gpu.used_mb == pytest.approx(4.0)
    assert gpu.card()["capability"] == (8, 6)
    assert runtime_worker.GpuMemory("cpu").used_mb is None


def test_a_batch_beyond_the_memory_is_refused(tmp_path, monkeypatch, capsys):
    engine = tmp_path / "parts.onnx"
    fit_parts(engine)

    def without_memory(*_: object) -> None:
        raise MemoryError

    requested = Candidate(engine, "onnx", "cpu", "latency", 1).to_json()
    monkeypatch.setattr(sys, "argv", ["worker", requested])
    monkeypatch.setattr(sys, "stdin", io.StringIO("[1024, 0.1]\n"))
    monkeypatch.setattr(runtime_worker, "random_pictures", without_memory)
    assert runtime_worker.main() == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {
        "refused": "there is not enough memory"
    }
