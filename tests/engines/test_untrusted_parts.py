"""Backbones, calibrations and regions with random content are read, or refused in one sentence."""

import json

import numpy as np
import onnx
import pytest
import yaml
from hostile_values import FEW, VALUES, move_outside
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from calibration.store import load_calibration
from engines.roi import load_roi
from inspector.core.errors import CalibrationError, ConfigError, SpecError
from learning.backbones.zoo import DEFAULT, METADATA_KEY, describe, resolve


def test_a_malicious_backbone_is_refused(tmp_path):
    model = onnx.load(resolve(DEFAULT))
    path = tmp_path / "b.onnx"
    move_outside(model.graph.initializer[0])
    path.write_bytes(model.SerializeToString())
    with pytest.raises(SpecError, match="keeps weights in another file"):
        describe(path)


@FEW
@given(cut=st.integers(0, 2**31), place=st.integers(0, 2**31), bit=st.integers(0, 7))
def test_a_damaged_backbone_is_refused_or_read(tmp_path, cut, place, bit):
    original = resolve(DEFAULT).read_bytes()
    content = bytearray(original[: cut % len(original)] if cut % 2 else original)
    if content:
        content[place % len(content)] ^= 1 << bit
    path = tmp_path / "b.onnx"
    path.write_bytes(content)
    try:
        describe(path)
    except SpecError as exc:
        assert "\n" not in str(exc)


@FEW
@given(value=VALUES, key=st.sampled_from(["outputs", "input_hw", "size_multiple", "name", "x"]))
def test_any_metadata_of_a_backbone_are_refused_or_read(tmp_path, value, key):
    model = onnx.load(resolve(DEFAULT))
    metadata = json.loads(next(p.value for p in model.metadata_props if p.key == METADATA_KEY))
    helper.set_model_props(model, {METADATA_KEY: json.dumps(metadata | {key: value})})
    path = tmp_path / "b.onnx"
    path.write_bytes(model.SerializeToString())
    try:
        info = describe(path)
    except SpecError as exc:
        assert len(str(exc)) < 1000
        return
    assert info.size_multiple >= 1


ALIAS_BOMB = "a: &a [1, 2]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(12)
)
"""Nested lists of aliases: 9^12 values when expanded."""


@pytest.mark.parametrize(
    "text",
    [
        ALIAS_BOMB + "inspect: *m\n",
        ALIAS_BOMB + "inspect: [*m, *m, *m]\n",
        ALIAS_BOMB + "frame_hw: *m\n",
        "inspect: 0x" + "f" * 9000,
        "frame_hw: [0x" + "f" * 9000 + ", 1]",
        "inspect: [[[1, 2], [3, 4], [5, 0x" + "f" * 9000 + "]]]",
        "? " + "[" * 500,
        "x" * 300_000,
    ],
)
def test_a_malicious_region_or_calibration_is_refused_in_one_sentence(tmp_path, text):
    path = tmp_path / "f.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_roi(path, (100, 100))
    assert len(str(caught.value)) < 600
    path.write_text("format: 1\nkind: " + text.partition(": ")[2] + "\n")
    with pytest.raises(CalibrationError) as other:
        load_calibration(path)
    assert len(str(other.value)) < 600


@FEW
@given(values=st.dictionaries(st.sampled_from(["frame_hw", "inspect", "ignore", "x"]), VALUES))
def test_any_region_is_refused_or_drawn(tmp_path, values):
    path = tmp_path / "roi.yaml"
    path.write_text(yaml.safe_dump(values))
    try:
        assert load_roi(path, (40, 60)).frame_hw == (40, 60)
    except ConfigError as exc:
        assert len(str(exc)) < 600


@FEW
@given(data=st.data())
def test_any_calibration_is_refused_or_maps_points(tmp_path, data):
    good = {
        "format": 1,
        "kind": "scale",
        "frame_hw": [40, 60],
        "how": "x",
        "made_utc": "x",
        "mm_per_px": [0.1, 0.1],
    }
    path = tmp_path / "cal.yaml"
    path.write_text(yaml.safe_dump(good | {data.draw(st.sampled_from([*good])): data.draw(VALUES)}))
    try:
        calibration = load_calibration(path)
    except CalibrationError as exc:
        assert len(str(exc)) < 600
        return
    assert np.isfinite(calibration.to_plane(np.array([[1.0, 2.0]]))).all()
