"""python -m tools.bench."""

import dataclasses
import io
import json
import sys
from pathlib import Path

import pytest
from cuda_rig import HostDriver
from engine_parts import fitted

from engines.backends.card import Card
from engines.backends.trt.driver import Cuda
from engines.cost import Cost
from tools import _bench_turns, _bench_worker, bench
from tools._bench_turns import Absent, Candidate, Measured, Timing
from tools.bench import main

QUICK = ["--seconds", "0.05", "--threads", "1"]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bench") / "parts.onnx"
    fitted(out)
    return out


@pytest.fixture(autouse=True)
def few_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_bench_turns, "ROUNDS", 2)
    monkeypatch.setattr(_bench_turns, "OPENINGS", 2)


def test_every_runtime_is_a_row_of_figures_or_a_reason(engine, tmp_path, capsys):
    out = tmp_path / "bench.json"
    assert main([str(engine), "--all", "--batch", "1,2", *QUICK, "--json", str(out)]) == 0
    figures = json.loads(out.read_text())
    asked = {(one["backend"], one["device"], one["hint"]) for one in figures["measured"]}
    asked |= {(one["backend"], one["device"], one["hint"]) for one in figures["not_run"]}
    assert {("onnx", device, "latency") for device in ("cpu", "cuda", "tensorrt")} <= asked
    assert {("openvino", "cpu", hint) for hint in ("latency", "throughput")} <= asked
    assert all(one["reason"] for one in figures["not_run"])
    said = capsys.readouterr().out
    assert said.count("not run: parts: ") == len(figures["not_run"])
    assert "parts: GFLOP a picture: 0.06" in said
    first = figures["measured"][0]
    assert (first["backend"], first["device"]) == ("onnx", "cpu")
    assert first["running_on"].startswith("onnxruntime")
    assert first["precision"] == "float32"
    assert first["checked"]
    assert len(first["first_frame_ms"]) == 2
    assert [timing["batch"] for timing in first["timings"]] == [1, 2]


def test_figures_fit_together(engine, tmp_path):
    out = tmp_path / "bench.json"
    twice = [str(engine), str(engine), "--backend", "onnx", "--device", "cpu", "--batch", "2"]
    assert main([*twice, *QUICK, "--json", str(out)]) == 0
    first, again = json.loads(out.read_text())["measured"]
    for one in (first, again):
        (timing,) = one["timings"]
        done = 2 * sum(one["cost"]["flops"].values()) / 1e9
        assert timing["gflop_per_s"] == pytest.approx(done / timing["p50_ms"] * 1e3)
        assert timing["gpu_ms"] is timing["least_gpu_ms"] is one["gpu_mb"] is one["card"] is None
        assert 0 < timing["least_ms"] <= timing["p50_ms"] <= timing["p99_ms"]
        assert timing["runs"] >= 2
        # 2 pictures in at least least_ms
        assert 0 < timing["pictures_per_s"] <= 2e3 / timing["least_ms"] * 1.001
        assert one["peak_mb"] is None or one["peak_mb"] > 20
        assert min(one["first_frame_ms"]) > timing["least_ms"]
    assert first["timings"][0]["ratio"] == [1, 1, 1]
    low, middle, high = again["timings"][0]["ratio"]
    assert 0 < low <= middle <= high


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--backend", "onnx", "--device", "intel_gpu"], "onnx does not run on device intel_gpu"),
        (["--backend", "openvino", "--device", "cuda"], "openvino does not run on device cuda"),
    ],
)
def test_a_runtime_that_there_is_not_is_refused_before_anything_runs(
    engine, capsys, more, sentence
):
    assert main([str(engine), *more]) == 2
    assert sentence in capsys.readouterr().err


def test_a_file_that_is_no_engine_is_refused(tmp_path, capsys):
    path = tmp_path / "none.onnx"
    path.write_bytes(b"none")
    assert main([str(path)]) == 2
    assert "none.onnx" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--batch", "0"], ["--batch", "a"], ["--seconds", "0"]])
def test_bad_numbers_are_refused(engine, wrong):
    with pytest.raises(SystemExit) as caught:
        main([str(engine), *wrong])
    assert caught.value.code == 2


def test_a_file_for_the_figures_that_cannot_be_written_is_refused_at_once(engine, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    wrong = tmp_path / "file" / "figures.json"
    with pytest.raises(SystemExit) as caught:
        main([str(engine), "--json", str(wrong), *QUICK])
    assert caught.value.code == 2
    told = capsys.readouterr()
    assert f"{wrong} cannot be written" in told.err
    assert told.out == ""


def test_where_nothing_runs_the_reasons_are_told_and_the_exit_code_is_2(engine, capsys):
    ort = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    assert main([str(engine), "--backend", "onnx", "--device", "cuda", *QUICK]) == 2
    told = capsys.readouterr()
    assert "not run: parts: onnx on cuda: engine.device is cuda" in told.out
    assert "no runtime here can run the engine" in told.err


CANDIDATE = Candidate(Path("parts.onnx"), "trt", "cuda", "latency", 1)


def on_a_card(gpu_ms: float | None) -> Measured:
    """Of an engine whose limit on its card is 2 ms."""
    cost = Cost({"float32": 1_000_000}, constant_bytes=0, picture_bytes=0)
    card = Card((8, 9), 1, 500_000_000 / 256, 1e12)
    one = Measured(CANDIDATE, "TensorRT", "float32", True, [300.0], 500.0, 80.0, cost, card)
    limit = card.least_ms(cost, 1)
    one.timings.append(
        Timing(1, 10, 3.0, 4.0, 2.5, 1.0, 333.0, (1.0, 1.0, 1.0), 0.3, gpu_ms, limit)
    )
    return one


def test_a_card_has_its_own_clock_its_share_of_the_limit_and_its_memory():
    head, row = bench._lines([on_a_card(2.5)])
    shown = row[head.index("GPU ms") - 3 : head.index("GPU MB") + len("GPU MB")].split()
    assert shown == ["2.500", "80.0%", "80"]
    _, row = bench._lines([on_a_card(None)])
    shown = row[head.index("GPU ms") - 3 : head.index("GPU MB") + len("GPU MB")].split()
    assert shown == ["-", "-", "80"]


def test_one_reason_of_several_engines_is_told_once():
    absent = [
        Absent(dataclasses.replace(CANDIDATE, engine=Path(name)), reason)
        for name, reason in (("a.onnx", "no GPU"), ("b.onnx", "no GPU"), ("c.onnx", "too large"))
    ]
    assert list(bench._reasons(absent)) == [
        "not run: a, b: trt on cuda: no GPU",
        "not run: c: trt on cuda: too large",
    ]


def test_a_worker_counts_the_memory_that_it_takes_on_the_gpu(monkeypatch):
    driver = HostDriver()
    monkeypatch.setattr(_bench_worker, "Cuda", lambda: Cuda(driver))
    other, gpu = Cuda(driver), _bench_worker._Gpu("cuda")
    with gpu.watched():
        other.device_memory(3_000_000)
    other.device_memory(5_000_000)  # of another process
    with gpu.watched():
        other.device_memory(1_000_000)
    assert gpu.taken_mb == pytest.approx(4.0)
    assert gpu.card()["capability"] == (8, 6)
    assert _bench_worker._Gpu("cpu").taken_mb is None


@pytest.mark.gpu
def test_on_a_gpu_every_runtime_is_timed_by_its_clock_against_its_limit(engine, tmp_path, capsys):
    out = tmp_path / "bench.json"
    devices = ["--device", "cuda", "--device", "tensorrt"]
    asked = [str(engine), "--all", *devices, "--batch", "1,8", *QUICK, "--json", str(out)]
    code, told = main(asked), capsys.readouterr()
    if "no runtime here can run the engine" in told.err:
        pytest.skip(told.out)
    assert code == 0, told.err
    for one in json.loads(out.read_text())["measured"]:
        assert one["gpu_mb"] > 0
        for timing in one["timings"]:
            assert 0 < timing["gpu_ms"] < timing["p50_ms"]
            # The limits of a card newer than the table are unknown.
            assert (timing["least_gpu_ms"] or 0) < timing["gpu_ms"]


def test_an_engine_that_does_not_open_a_second_time_is_an_error(engine, monkeypatch, capsys):
    """As on a card whose memory the others have taken by then."""
    heard = _bench_turns._Worker.hear
    openings = iter([heard, lambda self: {"refused": "out of memory"}])
    monkeypatch.setattr(_bench_turns._Worker, "hear", lambda self: next(openings)(self))
    assert main([str(engine), "--backend", "onnx", "--device", "cpu", *QUICK]) == 2
    sentence = "parts: onnx on cpu cannot be opened again: out of memory"
    assert sentence in capsys.readouterr().err


def test_a_process_that_dies_is_an_error_with_its_exit_code(engine, monkeypatch, capsys):
    monkeypatch.setattr(_bench_turns, "WORKER", "tools.no_such_worker")
    assert main([str(engine), "--backend", "onnx", "--device", "cpu", *QUICK]) == 2
    assert "parts: onnx on cpu ended with exit code 1" in capsys.readouterr().err


def test_a_batch_beyond_the_memory_is_told_in_a_sentence(engine, monkeypatch, capsys):
    def without_memory(*_: object) -> None:
        raise MemoryError

    asked = Candidate(engine, "onnx", "cpu", "latency", 1).options()
    monkeypatch.setattr(sys, "argv", ["worker", asked])
    monkeypatch.setattr(sys, "stdin", io.StringIO("[1024, 0.1]\n"))
    monkeypatch.setattr(_bench_worker, "_pictures", without_memory)
    assert _bench_worker.main() == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {
        "refused": "there is not enough memory"
    }
