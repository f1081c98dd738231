"""A stored engine file of format 1 opens and gives the same results.

The last program that wrote format 1 made tests/data/engine_format1.onnx: RAD, a backbone of two
random convolutions, nine generated pictures of 48x32. engine_format1.npz holds two more pictures,
the second with a dark spot, and the maps and scores that this program computed for them.
"""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from engines import golden, parity
from engines.backends.onnx import OnnxEngine
from engines.parity import Ruler
from engines.spec import SPEC_KEY
from engines.spec_file import read_engine, read_spec
from engines.spec_format import NEW_FIELDS
from learning.converting import convert_to_half
from tools.threshold import main as threshold

DATA = Path(__file__).parents[1] / "data"
STORED = DATA / "engine_format1.onnx"
GRAPH_HASH = "7417806b01d86576fe0a7c873fd9aef5f369c76a8be5f8c07199e910ab399b4a"


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray]:
    with np.load(DATA / "engine_format1.npz") as stored:
        return dict(stored)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copy(STORED, tmp_path / "e.onnx"))


def stored_text(path: Path) -> str:
    entries = onnx.load(path).metadata_props
    return next(entry.value for entry in entries if entry.key == SPEC_KEY)


def graph_bytes(path: Path) -> bytes:
    model = onnx.load(path)
    del model.metadata_props[:]
    return model.SerializeToString(deterministic=True)


def test_it_opens_with_the_same_graph_hash_and_none_of_the_new_fields():
    spec = read_spec(STORED)
    assert spec.format == 1
    assert spec.graph_hash == GRAPH_HASH
    assert hashlib.sha256(graph_bytes(STORED)).hexdigest() == GRAPH_HASH
    assert spec.left_out is not None
    assert len(spec.left_out.scores) == 9
    assert not any(getattr(spec, name) for name in NEW_FIELDS)


def test_its_spec_is_written_again_byte_for_byte():
    assert read_spec(STORED).to_json() == stored_text(STORED)


def test_its_graph_gives_the_same_bits_as_a_session_without_our_spec(expected):
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(graph_bytes(STORED), options, providers=["CPUExecutionProvider"])
    pixels = expected["pixels"]
    maps, scores = session.run(["anomaly_map", "score"], {"pixels": pixels})
    engine = OnnxEngine(STORED, threads=1)
    again, scores_again = engine.infer(pixels)
    assert np.array_equal(maps, again)
    assert np.array_equal(scores, scores_again)


def test_it_gives_the_stored_map_and_score(expected):
    # Not bit for bit, because another CPU may add in another order.
    maps, scores = OnnxEngine(STORED, threads=1).infer(expected["pixels"])
    assert np.abs(maps - expected["maps"]).max() < 1e-6
    assert np.abs(scores - expected["scores"]).max() < 1e-6
    limit = read_spec(STORED).image_threshold
    assert list(scores >= limit) == list(expected["scores"] >= limit) == [False, True]


def test_its_golden_check_passes():
    engine = OnnxEngine(STORED, threads=1)
    result = parity.compare_golden(engine, batch=3)
    assert result is not None
    assert result.pictures == 5
    assert result.failures == ()


def test_changed_thresholds_are_written_in_format_1_so_older_programs_still_open_it(copy):
    before = json.loads(stored_text(copy))
    assert threshold([str(copy), "--set", "image=0.02"]) == 0
    after = json.loads(stored_text(copy))
    assert after["format"] == 1
    assert set(after) == set(before)
    assert after["image_threshold"] == 0.02
    assert graph_bytes(copy) == graph_bytes(STORED)
    assert np.array_equal(
        golden.unpack(read_spec(copy)).maps, golden.unpack(read_spec(STORED)).maps
    )


def test_thresholds_are_chosen_again_from_its_fold_scores(copy):
    before = read_spec(copy)
    assert threshold([str(copy), "--refit", "--rule", "mean_sigma"]) == 0
    spec = read_spec(copy)
    assert spec.format == 1
    assert spec.left_out == before.left_out
    assert spec.threshold_rule.rule == "mean_sigma"
    scores = np.array(before.left_out.scores)
    limit = scores.mean() + 3 * scores.std(ddof=1)
    assert spec.image_threshold == pytest.approx(limit, rel=1e-5)


def test_a_converted_engine_keeps_the_format(copy, tmp_path):
    out = tmp_path / "half.onnx"
    convert_to_half(copy, out, Ruler(lambda _: [], "px", 1.0), threads=1)
    assert read_spec(out).format == 1
    assert read_engine(out)[0].precision == "float16"
