"""The command bench: rows, JSON and refusals."""

import json
from pathlib import Path

import pytest
from engine_parts import fit_parts

from evaluation import runtime_timing
from tools.bench import main

QUICK = ["--seconds", "0.05", "--threads", "1"]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bench") / "parts.onnx"
    fit_parts(out)
    return out


@pytest.fixture(autouse=True)
def few_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_timing, "ROUNDS", 2)
    monkeypatch.setattr(runtime_timing, "OPENINGS", 2)


def test_every_runtime_is_a_row_or_a_reason(engine, tmp_path, capsys):
    out = tmp_path / "bench.json"
    assert main([str(engine), "--all", "--batch", "1,2", *QUICK, "--json", str(out)]) == 0
    figures = json.loads(out.read_text())
    requested = {(item["backend"], item["device"], item["hint"]) for item in figures["measured"]}
    requested |= {(item["backend"], item["device"], item["hint"]) for item in figures["not_run"]}
    assert {("onnx", device, "latency") for device in ("cpu", "cuda", "tensorrt")} <= requested
    assert {("openvino", "cpu", hint) for hint in ("latency", "throughput")} <= requested
    assert all(item["reason"] for item in figures["not_run"])
    output = capsys.readouterr().out
    assert output.count("not run: parts: ") == len(figures["not_run"])
    assert "parts: GFLOP a picture: 0.06" in output
    first = figures["measured"][0]
    assert (first["backend"], first["device"]) == ("onnx", "cpu")
    assert first["running_on"].startswith("onnxruntime")
    assert first["precision"] == "float32"
    assert first["checked"]
    assert len(first["first_frame_ms"]) == 2
    assert [timing["batch"] for timing in first["timings"]] == [1, 2]


def test_the_numbers_are_consistent(engine, tmp_path):
    out = tmp_path / "bench.json"
    twice = [str(engine), str(engine), "--backend", "onnx", "--device", "cpu", "--batch", "2"]
    assert main([*twice, *QUICK, "--json", str(out)]) == 0
    first, again = json.loads(out.read_text())["measured"]
    for item in (first, again):
        (timing,) = item["timings"]
        gflop = 2 * sum(item["cost"]["flops"].values()) / 1e9
        assert timing["gflop_per_s"] == pytest.approx(gflop / timing["p50_ms"] * 1e3)
        assert timing["gpu_ms"] is timing["least_gpu_ms"] is item["gpu_mb"] is item["card"] is None
        assert 0 < timing["least_ms"] <= timing["p50_ms"] <= timing["p99_ms"]
        assert timing["runs"] >= 2
        # 2 pictures in at least least_ms
        assert 0 < timing["pictures_per_s"] <= 2e3 / timing["least_ms"] * 1.001
        assert item["peak_mb"] is None or item["peak_mb"] > 20
        assert min(item["first_frame_ms"]) > timing["least_ms"]
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
def test_an_unknown_runtime_is_refused_before_anything_runs(engine, capsys, more, sentence):
    assert main([str(engine), *more]) == 2
    assert sentence in capsys.readouterr().err


def test_a_file_that_is_not_an_engine_is_refused(tmp_path, capsys):
    path = tmp_path / "none.onnx"
    path.write_bytes(b"none")
    assert main([str(path)]) == 2
    assert "none.onnx" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--batch", "0"], ["--batch", "a"], ["--seconds", "0"]])
def test_bad_numbers_are_refused(engine, wrong):
    with pytest.raises(SystemExit) as caught:
        main([str(engine), *wrong])
    assert caught.value.code == 2


def test_a_json_file_that_cannot_be_written_is_refused_at_once(engine, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    wrong = tmp_path / "file" / "figures.json"
    with pytest.raises(SystemExit) as caught:
        main([str(engine), "--json", str(wrong), *QUICK])
    assert caught.value.code == 2
    printed = capsys.readouterr()
    assert f"{wrong} cannot be written" in printed.err
    assert printed.out == ""


def test_without_a_runtime_the_reasons_are_printed_and_the_exit_code_is_2(engine, capsys):
    ort = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    assert main([str(engine), "--backend", "onnx", "--device", "cuda", *QUICK]) == 2
    printed = capsys.readouterr()
    assert "not run: parts: onnx on cuda: engine.device is cuda" in printed.out
    assert "no installed runtime can run the engine" in printed.err


@pytest.mark.gpu
def test_on_a_gpu_every_runtime_is_timed_by_its_clock_against_its_limit(engine, tmp_path, capsys):
    out = tmp_path / "bench.json"
    devices = ["--device", "cuda", "--device", "tensorrt"]
    requested = [str(engine), "--all", *devices, "--batch", "1,8", *QUICK, "--json", str(out)]
    code, printed = main(requested), capsys.readouterr()
    if "no installed runtime can run the engine" in printed.err:
        pytest.skip(printed.out)
    assert code == 0, printed.err
    for item in json.loads(out.read_text())["measured"]:
        assert item["gpu_mb"] > 0
        for timing in item["timings"]:
            assert 0 < timing["gpu_ms"] < timing["p50_ms"]
            # The limits of a card newer than the table are unknown.
            assert (timing["least_gpu_ms"] or 0) < timing["gpu_ms"]


def test_an_engine_that_does_not_open_a_second_time_is_an_error(engine, monkeypatch, capsys):
    """For example, because other engines fill the memory of the card by then."""
    read_answer = runtime_timing._Worker.read_answer
    openings = iter([read_answer, lambda self: {"refused": "out of memory"}])
    monkeypatch.setattr(runtime_timing._Worker, "read_answer", lambda self: next(openings)(self))
    assert main([str(engine), "--backend", "onnx", "--device", "cpu", *QUICK]) == 2
    sentence = "parts: onnx on cpu cannot be opened again: out of memory"
    assert sentence in capsys.readouterr().err


def test_a_process_that_dies_is_an_error_with_its_exit_code(engine, monkeypatch, capsys):
    monkeypatch.setattr(runtime_timing, "WORKER", "evaluation.no_such_worker")
    assert main([str(engine), "--backend", "onnx", "--device", "cpu", *QUICK]) == 2
    assert "parts: onnx on cpu ended with exit code 1" in capsys.readouterr().err
