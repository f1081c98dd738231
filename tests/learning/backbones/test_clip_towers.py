"""Exported towers of a small CLIP, without torch."""

import sys

import clip_parts
import numpy as np
import onnx
import pytest
from clip_parts import CONTEXT, SmallClip

from learning.backbones.clip import text_file_of
from learning.backbones.clip_text import TextEncoder
from learning.backbones.clip_tokenizer import Tokenizer
from learning.backbones.features import FeatureExtractor
from tools.export_clip import main


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return clip_parts.write_small_clip(tmp_path_factory.mktemp("clip") / "clip.onnx")


def test_the_windows_share_the_weights_of_the_whole_picture(backbone):
    """Biases are small constants; every matrix is stored once."""
    model = onnx.load(backbone)
    matrices = [tensor.raw_data for tensor in model.graph.initializer if len(tensor.dims) > 1]
    large = [data for data in matrices if len(data) > 1 << 16]
    assert large
    assert len(large) == len(set(large))
    assert sum(node.op_type == "Softmax" for node in model.graph.node) == 9


def test_a_window_does_not_see_the_rest_of_the_picture(backbone):
    dark = np.full((1, 64, 64, 3), 40, np.uint8)
    spotted = dark.copy()
    spotted[:, 48:, 48:] = 250
    with FeatureExtractor(backbone, layers=None, threads=1) as extractor:
        before, after = extractor.extract(dark), extractor.extract(spotted)
    for side in (2, 3):
        changed = np.abs(before[f"windows{side}"] - after[f"windows{side}"]).max(axis=(0, 1))
        assert np.argwhere(changed > 0).tolist() == [[4 - side, 4 - side]]


def test_texts_in_one_batch_and_alone_have_the_same_vectors(backbone):
    texts = [f"a photo of {'a very ' * (n % 5)}damaged bottle." for n in range(70)]
    with TextEncoder(text_file_of(backbone), threads=1) as encoder:
        together = encoder.encode(texts)
        alone = np.concatenate([encoder.encode([text]) for text in texts[:5]])
    assert together.shape == (70, SmallClip().embedded)
    assert np.abs(together[:5] - alone).max() < 1e-5
    assert np.abs(together[0] - together[1]).max() > 0.01


def test_a_long_text_is_cut_before_its_end():
    words = clip_parts.vocabulary()
    tokens = Tokenizer(words, CONTEXT).encode("damaged " * 100)
    assert len(tokens) == CONTEXT
    assert (tokens[0], tokens[-1]) == (words.start, words.end)


def test_frequent_words_are_one_token_and_others_are_spelled():
    words = clip_parts.vocabulary()
    names = {number: token for token, number in words.words.items()}
    tokens = [names[number] for number in Tokenizer(words, CONTEXT).encode("A photo of Qq")]
    assert tokens[1:-1] == ["a</w>", "photo</w>", "of</w>", "q", "q</w>"]


def test_a_missing_torch_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "w.pt").write_bytes(b"")
    assert main([str(tmp_path / "w.pt"), "--out", str(tmp_path / "clip.onnx")]) == 2
    assert "pip install '.[backbones]'" in capsys.readouterr().err
