"""Fields of format 2 are stored and checked; newer files are refused as newer."""

import dataclasses
import json

import numpy as np
import pytest
from hostile_values import FEW, VALUES, copy_model, list_places, read_refused, write_signed
from hypothesis import given
from hypothesis import strategies as st
from spec_examples import figure, new_fields, view

from engines import png
from engines.backends.fake import fake_spec
from engines.spec import EngineSpec
from engines.spec_fields import DefectPower, PowerPoint
from engines.spec_file import read_engine, read_spec, write_engine
from engines.spec_format import FORMAT, NEW_FIELDS
from inspector.core.errors import SpecError


def full() -> EngineSpec:
    return dataclasses.replace(fake_spec(), **new_fields())


def test_new_engines_have_format_2_and_unknown_fields_are_null():
    raw = json.loads(fake_spec().to_json())
    assert raw["format"] == FORMAT == 2
    assert raw["requires"] == []
    assert all(raw[name] is None for name in NEW_FIELDS if name != "requires")


def test_every_new_field_is_read_back_from_a_file_as_it_was_written(engine_file, tmp_path):
    spec, model = read_engine(engine_file)
    spec = dataclasses.replace(spec, **new_fields())
    write_engine(tmp_path / "e.onnx", model, spec)
    assert read_spec(tmp_path / "e.onnx") == spec
    assert set(new_fields()) == set(NEW_FIELDS) - {"requires"}


def test_a_stored_view_and_mask_have_the_size_in_the_spec():
    spec = EngineSpec.from_json(full().to_json())
    for hw, text in (
        (spec.reference_view.hw, spec.reference_view.picture),
        (spec.foreground.hw, spec.foreground.mask),
    ):
        assert np.array_equal(png.decode(text, hw, 1, "a view"), view())


@pytest.mark.parametrize("name", [name for name in NEW_FIELDS if name != "requires"])
def test_a_spec_of_format_1_refuses_each_new_field(name):
    older = dataclasses.replace(fake_spec(), format=1)
    with pytest.raises(SpecError, match=f"a spec of format 1 has no {name}; set format to 2"):
        dataclasses.replace(older, **{name: new_fields()[name]})


CHANGES = [
    (("aspects",), [2.0, 1.0], "aspects must be two rising numbers above 0"),
    (("aspects", 0), 0.0, "aspects must be two rising numbers above 0"),
    (("good_pictures", "count"), 0, "good_pictures.count must be a whole number from 1"),
    (("good_pictures", "figures"), [], "good_pictures.figures must hold 1 to 32 values"),
    (("good_pictures", "figures", 0, "name"), "contrast", "figures must name each entry once"),
    (("good_pictures", "figures", 0, "sd"), -1, "brightness: sd must lie between 0 and inf"),
    (("good_pictures", "figures", 0, "quantiles"), [1.0], "quantiles must hold 9 values"),
    (("good_pictures", "figures", 0, "quantiles", 3), 99, "quantiles must be in rising order"),
    (("good_pictures", "figures", 0, "low"), 10, "low must not be above high"),
    (("good_pictures", "bit_depth"), 9, "bit_depth must be one of"),
    (("good_pictures", "false_alarm_rate"), 2, "false_alarm_rate must lie between 0 and 1"),
    (("reference_view", "hw"), [16, 5000], "reference_view.hw must be a whole number from 1 to"),
    (("reference_view", "picture"), "", "reference_view must hold a base64 PNG"),
    (("reference_view", "picture"), "A" * 4_000_001, "reference_view must hold a base64 PNG"),
    (("rates", 1, "rate"), 0.01, "rates must be sorted, each rate once"),
    (("rates", 0, "detected"), 1.5, "rates: detected must lie between 0 and 1"),
    (("rates",), [], "rates must hold 1 to 64 values"),
    (("selection", "chosen"), 2, "selection.chosen must be a whole number from 0 to 1"),
    (("selection", "reason"), "", "selection.reason must not be empty"),
    (("selection", "reason"), "a\x1b[2J", "selection.reason must be printable text"),
    (("selection", "candidates", 0, "settings"), {"a": {"b": 1}}, "settings.a must hold plain"),
    (("selection", "candidates", 0, "settings"), {"a": 10**400}, "settings.a must be a finite"),
    (
        ("selection", "candidates", 0, "settings"),
        {str(i): i for i in range(65)},
        "settings must hold at most 64 values",
    ),
    (("power", 0, "points", 0, "detected"), 41, "power: detected must be a whole number from 0"),
    (("power", 0, "points"), [], "power of scratch: points must hold 1 to 256 values"),
    (("power", 1, "kind"), "scratch", "power must name each entry once"),
    (("foreground", "share"), -0.1, "foreground.share must lie between 0 and 1"),
    (("foreground", "mask"), None, "foreground must hold hw and mask, or neither"),
    (("quantisation", "pictures"), 0, "quantisation.pictures must be a whole number from 1"),
    (("quantisation", "zero_point"), 3, "unknown key spec.quantisation.zero_point"),
    (("colour",), "blue", "unknown key spec.colour"),
]


@pytest.mark.parametrize(("place", "value", "message"), CHANGES)
def test_the_error_names_the_field_that_is_out_of_range(place, value, message):
    raw = json.loads(full().to_json())
    inside = raw
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    with pytest.raises(SpecError) as caught:
        EngineSpec.from_json(json.dumps(raw))
    assert message in str(caught.value)
    assert len(str(caught.value)) < 600


@FEW
@given(data=st.data())
def test_any_value_in_a_new_field_is_refused_or_can_be_written_again(data):
    raw = json.loads(full().to_json())
    *parents, last = data.draw(
        st.sampled_from([place for place in list_places(raw) if place[0] in NEW_FIELDS])
    )
    inside = raw
    for key in parents:
        inside = inside[key]
    inside[last] = data.draw(VALUES)
    try:
        spec = EngineSpec.from_json(json.dumps(raw))
    except SpecError as exc:
        assert len(str(exc)) < 600
        assert "\n" not in str(exc)
        return
    assert EngineSpec.from_json(spec.to_json()) == spec


def test_the_detected_share_is_computed_from_the_counts():
    assert PowerPoint(2.0, 40, 38).share == 0.95
    with pytest.raises(SpecError, match="power: simulated must be a whole number from 1"):
        PowerPoint(2.0, 0, 0)
    with pytest.raises(SpecError, match="power: size_px must be a finite number, not nan"):
        DefectPower("hole", (PowerPoint(float("nan"), 1, 1),))


@pytest.mark.parametrize("number", [3, 12, 10**400])
def test_a_newer_format_is_refused_as_newer_and_not_as_damaged(parsed, tmp_path, number):
    changed = parsed[0] | {"format": number, "unknown_field": {"a": 1}, "precision": "int2"}
    message = read_refused(write_signed(copy_model(parsed[1]), changed, tmp_path / "e.onnx"))
    assert "e.onnx: this engine has format" in message
    assert "which is newer than this program; it reads formats 1 and 2" in message
    assert "update this program, or fit the engine again" in message


def test_a_newer_format_with_a_graph_that_format_2_refuses_is_newer_too(parsed, tmp_path):
    model = copy_model(parsed[1])
    model.graph.node[0].op_type = "Loop"
    path = write_signed(model, parsed[0] | {"format": 3}, tmp_path / "e.onnx")
    assert "newer than this program" in read_refused(path)
    path = write_signed(model, parsed[0], tmp_path / "e.onnx")
    assert "holds the operator Loop" in read_refused(path)


def test_a_damaged_format_number_is_not_taken_for_a_newer_file(engine_file, tmp_path):
    content = engine_file.read_bytes()
    assert content.count(b'"format": 2') == 1
    path = tmp_path / "e.onnx"
    path.write_bytes(content.replace(b'"format": 2', b'"format": 3'))
    assert "does not match its checksum" in read_refused(path)


@pytest.mark.parametrize("number", [0, -1, True, 2.0, "3", None, []])
def test_an_impossible_format_is_unknown(parsed, tmp_path, number):
    path = write_signed(copy_model(parsed[1]), parsed[0] | {"format": number}, tmp_path / "e.onnx")
    assert "is unknown; this program reads 1 and 2" in read_refused(path)


def test_an_ability_that_this_program_lacks_is_refused_as_newer(parsed, tmp_path):
    changed = parsed[0] | {"requires": ["tiles"], "precision": "int8"}
    message = read_refused(write_signed(copy_model(parsed[1]), changed, tmp_path / "e.onnx"))
    assert "this engine requires 'tiles', which is newer than this program" in message


def test_the_limits_of_a_figure_may_be_unknown():
    assert dataclasses.replace(figure(), low=None, high=None).mean == 5.0
