"""Damaged engine files and specs with random values give an error in one sentence, never a crash or
a hang."""

import hashlib
import json

import numpy as np
import pytest
from hostile_values import FEW, VALUES, copy_model, list_places, read_refused, write_signed
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from engines import golden
from engines.spec import SPEC_KEY
from engines.spec_file import SPEC_HASH_KEY, read_spec
from inspector.core.errors import SpecError
from inspector.engine_check import make_ruler
from inspector.measure.options import MeasureOptions


@FEW
@given(data=st.data())
def test_cut_flipped_and_spliced_files_are_refused(engine_file, tmp_path, data):
    original = engine_file.read_bytes()
    at = data.draw(st.integers(0, len(original) - 1))
    other = data.draw(st.integers(0, len(original) - 1))
    content = data.draw(
        st.sampled_from(
            [
                original[:at],
                original[:at] + bytes([original[at] ^ 0x41]) + original[at + 1 :],
                original[:at] + original[other:],
                original[at:],
                original[:at] + b"\xff" * 40 + original[at:],
            ]
        )
    )
    path = tmp_path / "e.onnx"
    path.write_bytes(content)
    if content != original:
        read_refused(path)


@FEW
@given(data=st.data())
def test_a_spec_with_any_value_anywhere_is_refused_or_works(parsed, tmp_path, data):
    """The test uses the spec in the same way as a run, so that nothing fails later."""
    spec, model = json.loads(json.dumps(parsed[0])), copy_model(parsed[1])
    *parents, last = data.draw(st.sampled_from(list_places(spec)))
    inside = spec
    for key in parents:
        inside = inside[key]
    inside[last] = data.draw(VALUES)
    path = write_signed(model, spec, tmp_path / "e.onnx")
    try:
        read = read_spec(path)
        golden.unpack(read)
    except SpecError as exc:
        assert len(str(exc)) < 600
        assert "\n" not in str(exc)
        return
    assert read.threshold_rule.sentences()
    assert json.loads(read.to_json())
    ruler = make_ruler(read, None, MeasureOptions(), pixel_threshold=read.pixel_threshold)
    ruler.measure(np.zeros(read.map_hw, np.float32))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"map_hw": [65_000, 65_000]}, "above the limit of 16777216 pixels"),
        ({"max_batch": 0}, "max_batch must be at least 1"),
        ({"precision": "int4"}, "precision must be one of"),
        ({"seed": 1e999}, "not JSON"),
        ({"parameters": {"a": float("inf")}}, "is not a JSON number"),
    ],
)
def test_a_spec_beyond_its_limits_is_refused(parsed, tmp_path, changes, message):
    path = write_signed(copy_model(parsed[1]), parsed[0] | changes, tmp_path / "e.onnx")
    assert message in read_refused(path)


def test_numbers_that_become_infinite_are_refused(parsed, tmp_path):
    model = copy_model(parsed[1])
    text = json.dumps(parsed[0]).replace('"seed": 0', '"parameters": {"a": 1e999}, "seed": 0')
    digest = hashlib.sha256(text.encode()).hexdigest()
    helper.set_model_props(model, {SPEC_KEY: text, SPEC_HASH_KEY: digest})
    (tmp_path / "e.onnx").write_bytes(model.SerializeToString())
    assert "too large a number" in read_refused(tmp_path / "e.onnx")


@pytest.mark.parametrize("depth", [40, 900, 100_000])
def test_a_spec_that_is_nested_deep_is_refused(parsed, tmp_path, depth):
    model = copy_model(parsed[1])
    text = '{"parameters": {"a": ' + "[" * depth + "]" * depth + "}}"
    digest = hashlib.sha256(text.encode()).hexdigest()
    helper.set_model_props(model, {SPEC_KEY: text, SPEC_HASH_KEY: digest})
    (tmp_path / "e.onnx").write_bytes(model.SerializeToString())
    message = read_refused(tmp_path / "e.onnx")
    assert "nested" in message or "not JSON" in message


@pytest.mark.parametrize(
    "name", [b"ReduceMean", b"Constant_0", b"anomaly_map", b"pixels", b"engine", b"Conv"]
)
def test_names_that_are_not_text_are_refused(engine_file, tmp_path, name):
    content = engine_file.read_bytes()
    for place in (content.find(name), content.rfind(name)):
        path = tmp_path / "e.onnx"
        path.write_bytes(content[:place] + b"\xff" + content[place + 1 :])
        read_refused(path)


def test_a_file_that_is_too_large_is_refused_unread(tmp_path):
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.truncate(3 << 30)
    assert "has 3.2 GB" in read_refused(path)
