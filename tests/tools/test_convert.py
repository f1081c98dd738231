"""The command convert: the files in lower precision, printed lines and refusals."""

from pathlib import Path

import numpy as np
import pytest

from engines.backends.onnx import OnnxEngine
from engines.opening import open_engine
from engines.spec_file import read_spec
from tools.convert import main
from tools.fit import main as fit


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cv2 = pytest.importorskip("cv2")
    folder = tmp_path_factory.mktemp("normal")
    random = np.random.default_rng(0)
    for index in range(12):
        picture = random.normal(150, 5, (64, 96, 3)).clip(0, 255).astype(np.uint8)
        cv2.circle(picture, (48, 32), 20, (90, 110, 140), 3)
        cv2.imwrite(str(folder / f"{index}.png"), picture)
    out = folder / "out" / "e.onnx"
    arguments = ["--method", "rad", "--normal", str(folder), "--size", "96x64"]
    assert fit([*arguments, "--out", str(out)]) == 0
    return out


def test_a_second_engine_is_made_and_described(engine, tmp_path, capsys):
    out = tmp_path / "e16.onnx"
    assert main([str(engine), "--precision", "fp16", "--out", str(out)]) == 0
    output = capsys.readouterr().out
    assert "MB instead of" in output
    assert "golden pictures" in output
    assert "ms a picture instead of" in output
    assert read_spec(out).precision == "float16"
    pixels = np.full((1, 64, 96, 3), 150, np.uint8)
    first, second = (open_engine(path, backend="onnx").infer(pixels) for path in (engine, out))
    assert second[1] == pytest.approx(first[1], rel=0.03)


def test_the_float32_engine_is_never_replaced(engine, capsys):
    before = engine.read_bytes()
    assert main([str(engine), "--out", str(engine)]) == 2
    assert "--out names the engine itself" in capsys.readouterr().err
    assert engine.read_bytes() == before


def test_a_refusal_is_one_sentence(tmp_path, engine, capsys):
    main([str(engine), "--out", str(tmp_path / "e16.onnx")])
    capsys.readouterr()
    assert main([str(tmp_path / "e16.onnx"), "--out", str(tmp_path / "again.onnx")]) == 2
    output = capsys.readouterr().err
    assert output.startswith("error: ")
    assert output.count("\n") == 1
    assert not (tmp_path / "again.onnx").exists()


def test_every_engine_that_was_opened_is_closed(engine, tmp_path, monkeypatch):
    opened, closed = [], []

    def note_opened(self, *arguments, real=OnnxEngine.__init__, **options):
        real(self, *arguments, **options)
        opened.append(self)

    def note_closed(self, real=OnnxEngine.close):
        real(self)
        closed.append(self)

    monkeypatch.setattr(OnnxEngine, "__init__", note_opened)
    monkeypatch.setattr(OnnxEngine, "close", note_closed)
    assert main([str(engine), "--out", str(tmp_path / "e16.onnx")]) == 0
    assert len(opened) == 2
    assert all(any(engine is other for other in closed) for engine in opened)


def test_an_int8_engine_is_made_and_described(engine, tmp_path, capsys):
    out = tmp_path / "int8.onnx"
    normal = engine.parents[1]
    words = [str(engine), "--precision", "int8", "--normal", str(normal), "--out", str(out)]
    assert main([*words, "--threads", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    spec = read_spec(out)
    names = [line[:16].strip() for line in lines[1:]]
    assert names == [
        *("int8", "image threshold", "pixel threshold", "band", "good pictures"),
        *("golden pictures", "altered pictures", "reference", "on this CPU"),
    ]
    assert (
        f"{spec.image_threshold:.4f} instead of {read_spec(engine).image_threshold:.4f}"
        in (lines[2])
    )
    assert "0 outside" in lines[5]
    assert "float32: Conv1" in lines[1]
    assert spec.power is not None


def test_options_of_int8_are_refused_for_half_precision(engine, tmp_path, capsys):
    out = tmp_path / "e16.onnx"
    assert main([str(engine), "--normal", str(tmp_path), "--out", str(out)]) == 2
    assert "--normal and --backbone are for int8 only" in capsys.readouterr().err
    assert not out.exists()
