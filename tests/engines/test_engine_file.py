"""Reading and writing engine files; damaged and other files are refused."""

import dataclasses
import os
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from engines import spec_file
from engines.backends.onnx import OnnxEngine
from engines.spec import SPEC_KEY
from engines.spec_file import file_hash, graph_hash, read_engine, read_spec, write_engine
from inspector.core.errors import ConfigError, EngineError, InspectorError, SpecError
from learning.backbones.zoo import DEFAULT, resolve


def test_a_written_spec_is_read_back_the_same(engine_file, tmp_path):
    spec, model = read_engine(engine_file)
    write_engine(tmp_path / "sub" / "copy.onnx", model, spec)
    assert read_spec(tmp_path / "sub" / "copy.onnx") == spec
    assert [p.name for p in (tmp_path / "sub").iterdir()] == ["copy.onnx"]


def test_a_threshold_can_be_changed_without_touching_the_graph(engine_file, tmp_path):
    spec, model = read_engine(engine_file)
    write_engine(tmp_path / "e.onnx", model, dataclasses.replace(spec, image_threshold=0.5))
    engine = OnnxEngine(tmp_path / "e.onnx")
    assert engine.spec.image_threshold == 0.5
    assert engine.spec.graph_hash == spec.graph_hash


def test_a_spec_is_not_written_over_another_graph(engine_file, tmp_path):
    spec, model = read_engine(engine_file)
    model.graph.name = "another"
    with pytest.raises(SpecError, match="another graph"):
        write_engine(tmp_path / "e.onnx", model, spec)
    assert not (tmp_path / "e.onnx").exists()


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.7, 0.9999])
def test_a_truncated_file_is_refused_in_one_sentence(engine_file, tmp_path, share):
    content = engine_file.read_bytes()
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(SpecError, match=r"cut\.onnx") as caught:
        OnnxEngine(cut)
    assert "\n" not in str(caught.value)


def test_a_flipped_bit_anywhere_is_refused(engine_file, tmp_path):
    content = engine_file.read_bytes()
    damaged = tmp_path / "damaged.onnx"
    for at in np.random.default_rng(0).integers(0, len(content), 40):
        flipped = bytearray(content)
        flipped[at] ^= 1 << int(at % 8)
        damaged.write_bytes(flipped)
        with pytest.raises(InspectorError, match=r"damaged\.onnx"):
            read_spec(damaged)


def test_a_flipped_digit_of_a_threshold_is_refused(engine_file, tmp_path):
    spec, model = read_engine(engine_file)
    entry = next(e for e in model.metadata_props if e.key == SPEC_KEY)
    key = '"image_threshold": '
    entry.value = entry.value.replace(key + str(spec.image_threshold), key + "0.9")
    onnx.save(model, tmp_path / "e.onnx")
    with pytest.raises(SpecError, match="does not match its checksum"):
        read_spec(tmp_path / "e.onnx")


def test_a_file_without_a_spec_says_how_to_get_one():
    with pytest.raises(SpecError, match="without an engine spec: make an engine"):
        read_spec(resolve(DEFAULT))


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00" * 1000, b'{"format": 1}'])
def test_a_file_that_is_no_onnx_is_refused(tmp_path, content):
    other = tmp_path / "other.onnx"
    other.write_bytes(content)
    with pytest.raises(SpecError, match="not a whole ONNX file"):
        read_spec(other)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(SpecError, match="does not exist"):
        read_spec(tmp_path / "none.onnx")
    with pytest.raises(SpecError, match="is not a file"):
        read_spec(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: setattr(g.input[0], "name", "image"), "only input of the graph must be pixels"),
        (lambda g: setattr(g.output[1], "name", "value"), "has no output score"),
        (
            lambda g: setattr(g.output[0].type.tensor_type.shape.dim[1], "dim_value", 7),
            "anomaly_map",
        ),
        (
            lambda g: setattr(g.input[0].type.tensor_type, "elem_type", 1),
            "pixels of the graph is FLOAT",
        ),
    ],
)
def test_the_error_names_what_differs_between_graph_and_spec(
    engine_file, tmp_path, change, message
):
    spec, model = read_engine(engine_file)
    change(model.graph)
    write_engine(
        tmp_path / "e.onnx", model, dataclasses.replace(spec, graph_hash=graph_hash(model))
    )
    with pytest.raises(SpecError, match=message):
        read_spec(tmp_path / "e.onnx")


def test_an_unwritable_folder_is_an_error(engine_file):
    spec, model = read_engine(engine_file)
    with pytest.raises(EngineError, match="cannot be written"):
        write_engine(Path("/proc/none/e.onnx"), model, spec)


def test_the_file_hash_changes_with_the_file(engine_file, tmp_path):
    copy = tmp_path / "copy.onnx"
    shutil.copy(engine_file, copy)
    assert file_hash(copy) == file_hash(engine_file)
    copy.write_bytes(copy.read_bytes() + b"x")
    assert file_hash(copy) != file_hash(engine_file)


def test_batches_give_the_same_as_single_pictures(engine_file):
    engine = OnnxEngine(engine_file, threads=1)
    pixels = np.random.default_rng(0).integers(0, 255, (7, 64, 96, 3)).astype(np.uint8)
    maps, scores = engine.infer(pixels)
    for batch in (1, 2):
        for start in range(0, 6, batch):
            batch_maps, batch_scores = engine.infer(pixels[start : start + batch])
            assert np.abs(batch_maps - maps[start : start + batch]).max() < 1e-5
            assert np.abs(batch_scores - scores[start : start + batch]).max() < 1e-5


def test_a_missing_cuda_is_an_error_unless_falling_back_is_allowed(engine_file):
    ort = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    with pytest.raises(EngineError, match="cuda"):
        OnnxEngine(engine_file, device="cuda")
    assert "CPU" in OnnxEngine(engine_file, device="cuda", fall_back=True).running_on


def test_running_on_names_runtime_device_and_threads(engine_file):
    assert OnnxEngine(engine_file, threads=2).running_on.endswith("CPU, 2 threads")


@pytest.mark.parametrize("wrong", [{"device": "tpu"}, {"threads": -1}])
def test_unknown_settings_are_refused(engine_file, wrong):
    with pytest.raises(ConfigError, match=f"engine.{next(iter(wrong))}"):
        OnnxEngine(engine_file, **wrong)


@pytest.mark.parametrize("other", ["another file", "another engine"])
def test_a_file_that_is_replaced_after_its_check_is_not_opened(
    engine_file, tmp_path, monkeypatch, other
):
    path = tmp_path / "e.onnx"
    shutil.copy(engine_file, path)
    check = spec_file._check_graph

    def check_then_replace(*arguments: object) -> None:
        check(*arguments)
        path.unlink()
        path.write_bytes(b"" if other == "another file" else engine_file.read_bytes())

    monkeypatch.setattr(spec_file, "_check_graph", check_then_replace)
    with pytest.raises(EngineError, match=r"cannot open|was replaced while it was opened"):
        OnnxEngine(path, threads=1)


def test_an_engine_whose_name_is_not_utf8_is_opened(engine_file, tmp_path):
    path = tmp_path / os.fsdecode(b"\xff.onnx")
    shutil.copy(engine_file, path)
    assert OnnxEngine(path, threads=1).spec == read_spec(engine_file)


def test_an_open_engine_does_not_keep_the_content_of_its_file(engine_file):
    with OnnxEngine(engine_file, threads=1) as engine:
        held = [item for item in vars(engine._session).values() if isinstance(item, bytes)]
        assert sum(map(len, held)) < 1000
