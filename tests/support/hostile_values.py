"""Makes hostile engine files: random values in every place, with valid checksums."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper

from engines.spec import SPEC_KEY
from engines.spec_file import SPEC_HASH_KEY, graph_hash, read_spec
from inspector.core.errors import SpecError

FEW = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**31, 2**63, 10**400, -1, 0]),
    st.floats(),
    st.text(max_size=20),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


def move_outside(tensor: TensorProto) -> None:
    """Moves a constant to a file outside the folder."""
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"


def write_signed(model: ModelProto, spec: dict[str, Any], path: Path) -> Path:
    """Writes an engine file with valid checksums, as an attacker would."""
    text = json.dumps(spec | {"graph_hash": graph_hash(model)})
    digest = hashlib.sha256(text.encode()).hexdigest()
    helper.set_model_props(model, {SPEC_KEY: text, SPEC_HASH_KEY: digest})
    path.write_bytes(model.SerializeToString())
    return path


def copy_model(model: ModelProto) -> ModelProto:
    copy = ModelProto()
    copy.CopyFrom(model)
    return copy


def encode_varint(value: int) -> bytes:
    encoded = b""
    while value > 127:
        encoded += bytes([value & 127 | 128])
        value >>= 7
    return encoded + bytes([value])


def read_refused(path: Path) -> str:
    """Checks that the file is refused in one sentence, and returns the sentence."""
    with pytest.raises(SpecError) as caught:
        read_spec(path)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 600
    return message


def list_places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of keys and indices to all nested values; only the first three of each list."""
    inner = value.items() if isinstance(value, dict) else enumerate(value[:3])
    paths = []
    for key, item in inner:
        paths.append((*path, key))
        if isinstance(item, (dict, list)):
            paths += list_places(item, (*path, key))
    return paths
