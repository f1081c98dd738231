"""Folders, files and downloads of CLIPs, and what is refused."""

import gzip
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import clip_parts
import numpy as np
import pytest
from clip_parts import SmallClip

torch = pytest.importorskip("torch", reason="torch is not installed")
safetensors = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")

from inspector.core.errors import ConfigError, SpecError  # noqa: E402
from learning.backbones.clip import export_clip, text_file_of  # noqa: E402
from learning.backbones.clip_files import CLIPS  # noqa: E402
from learning.backbones.clip_text import TextEncoder, describe_text  # noqa: E402
from learning.backbones.features import FeatureExtractor  # noqa: E402
from tools.export_clip import main  # noqa: E402

pytestmark = pytest.mark.train

WORDS = clip_parts.vocabulary()
CLIP = SmallClip()
ROOT = Path(__file__).parents[3]


def tensors(**changes):
    """Weights with the names of open_clip. changes: None removes one."""
    arrays = clip_parts.open_clip_arrays(CLIP, len(WORDS.words)) | changes
    return {k: torch.from_numpy(np.array(v)) for k, v in arrays.items() if v is not None}


@pytest.fixture
def folder(tmp_path):
    """An open_clip folder."""
    torch.save(tensors(), tmp_path / "open_clip_pytorch_model.bin")
    (tmp_path / "open_clip_config.json").write_text(clip_parts.open_clip_config(CLIP))
    (tmp_path / "tokenizer.json").write_text(clip_parts.tokenizer_json(WORDS))
    return tmp_path


def refused(source, match: str, error=ConfigError, **options) -> None:
    path = Path(source)
    out = (path if path.is_dir() else path.parent) / "out" / "clip.onnx"
    with pytest.raises(error, match=match):
        export_clip(str(source), out, **options)
    assert not out.parent.exists()


def test_the_command_writes_both_files_and_says_what_they_hold(folder, capsys):
    out = folder / "clip.onnx"
    assert main([str(folder), "--out", str(out), "--blocks", "0,2", "--size", "96x64"]) == 0
    printed = capsys.readouterr().out
    assert "block0: 48 channels, stride 16" in printed
    assert "cls: 32 channels, whole picture" in printed
    assert "texts of at most 24 tokens -> 32 channels" in printed
    assert "block1" not in printed
    assert main([str(folder), "--out", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err


class _Hub(BaseHTTPRequestHandler):
    """Answers like the Hugging Face hub, from a folder with one folder for each repository."""

    root: Path
    asked: list[str]

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        repository, _, rest = self.path.lstrip("/").partition("/resolve/main/")
        path = self.root / repository / rest
        self.asked.append(f"{self.command} {repository} {rest}")
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        self.send_response(200)
        self.send_header("ETag", f'"{len(content)}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path):
    root = tmp_path / "hub"
    _Hub.root, _Hub.asked = root, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield root, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def run_command(source: str, out: Path, endpoint: str, cache: Path):
    names = {"HF_ENDPOINT": endpoint, "HF_HOME": str(cache), "NO_PROXY": "127.0.0.1"}
    argv = [sys.executable, "-m", "tools.export_clip", source, "--out", str(out)]
    return subprocess.run(
        argv, cwd=ROOT, env=os.environ | names, capture_output=True, text=True, timeout=100
    )


@pytest.mark.parametrize("name", ["vit-b-16-plus-240", "openai-vit-b-16"])
def test_a_named_clip_is_downloaded_with_its_vocabulary(name, hub, tmp_path):
    pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
    root, endpoint = hub
    words = root / CLIPS["openai-vit-b-16"].repository
    weights = root / CLIPS[name].repository
    words.mkdir(parents=True)
    weights.mkdir(parents=True, exist_ok=True)
    (words / "vocab.json").write_text(json.dumps(WORDS.words))
    lines = ["#version: 0.2", *(" ".join(merge) for merge in WORDS.merges)]
    (words / "merges.txt").write_text("\n".join(lines) + "\n")
    torch.save(tensors(), weights / CLIPS[name].files[-1])
    (weights / CLIPS[name].files[0]).write_text(clip_parts.open_clip_config(CLIP))
    if name == "openai-vit-b-16":
        (weights / "config.json").write_text(clip_parts.hugging_face_config(CLIP))
        (weights / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0, 0, 0]}))
    out = tmp_path / "clip.onnx"
    done = run_command(name, out, endpoint, tmp_path / "cache")
    assert done.returncode == 0, done.stderr
    assert f"Hugging Face {CLIPS[name].repository}" in done.stdout
    assert "MIT" in done.stdout
    assert f"GET {CLIPS[name].repository} {CLIPS[name].files[-1]}" in _Hub.asked
    with TextEncoder(text_file_of(out), threads=1) as encoder:
        assert encoder.encode(["bottle"]).shape == (1, CLIP.embedded)
    if name == "vit-b-16-plus-240":
        expected = clip_parts.write_small_clip(tmp_path / "expected.onnx", clip=CLIP)
        pixels = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8)
        features = []
        for path in (out, expected):
            with FeatureExtractor(path, layers=["cls", "windows2"], threads=1) as extractor:
                features.append(extractor.extract(pixels))
        assert all(np.array_equal(features[0][key], features[1][key]) for key in features[0])


def test_a_download_that_fails_is_one_sentence(hub, tmp_path):
    pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
    out = tmp_path / "clip.onnx"
    done = run_command("vit-l-14", out, hub[1], tmp_path / "cache")
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "open_clip_config.json of laion/CLIP-ViT-L-14-laion2B-s32B-b82K cannot be" in line
    assert "Traceback" not in done.stderr
    assert not out.exists()


@pytest.mark.parametrize("name", ["tokenizer.json", "vocab.json", "bpe_simple_vocab_16e6.txt.gz"])
def test_every_form_of_the_vocabulary_gives_the_same_tokens(name, folder):
    (folder / "tokenizer.json").unlink()
    lines = ["#version: 0.2", *(" ".join(merge) for merge in WORDS.merges)]
    if name == "tokenizer.json":
        (folder / name).write_text(clip_parts.tokenizer_json(WORDS))
    elif name == "vocab.json":
        (folder / name).write_text(json.dumps(WORDS.words))
        (folder / "merges.txt").write_text("\n".join(lines))
    else:
        lines[0] = '"bpe_simple_vocab_16e6.txt#version: 0.2'
        (folder / name).write_bytes(gzip.compress("\n".join(lines).encode()))
    export_clip(str(folder), folder / "clip.onnx")
    assert describe_text(folder / "clip.text.onnx")[1] == WORDS


def test_a_folder_without_a_vocabulary_is_refused(folder):
    (folder / "tokenizer.json").unlink()
    refused(folder, r"holds no vocabulary of CLIP: put tokenizer\.json, or vocab\.json")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[]", "it is no JSON object"),
        ("{", "cannot be used"),
        ('{"model": {"vocab": {"a": 1}, "merges": []}}', r"lacks <\|startoftext\|>"),
        (
            '{"model": {"vocab": {"<|startoftext|>": 0, "<|endoftext|>": 1}, "merges": ["a b"]}}',
            "the merge a b needs the token a",
        ),
        ('{"model": {"vocab": {"<|startoftext|>": "x"}, "merges": []}}', "a whole number"),
        ('{"model": {"vocab": {}, "merges": ["a"]}}', "cannot be used"),
    ],
)
def test_a_damaged_vocabulary_is_refused(content, reason, folder):
    (folder / "tokenizer.json").write_text(content)
    refused(folder, reason)


def test_a_vocabulary_of_another_clip_is_refused(folder):
    model = json.loads(clip_parts.tokenizer_json(WORDS))
    model["model"]["vocab"]["<|endoftext|>"] = 49407
    (folder / "tokenizer.json").write_text(json.dumps(model))
    refused(folder, "they do not belong together")


def test_weights_without_a_configuration_need_their_activation(folder):
    (folder / "open_clip_config.json").unlink()
    file = folder / "open_clip_pytorch_model.bin"
    refused(file, "give --activation quick_gelu for weights of OpenAI, gelu for most others")
    refused(folder, "holds no CLIP: it needs config.json with")


def test_an_activation_that_the_configuration_contradicts_is_refused(folder):
    refused(folder, "states the activation gelu: leave out", activation="quick_gelu")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"vision_cfg": {"timm_model_name": "vit"}}, "a network with timm_model_name cannot"),
        ({"text_cfg": {"hf_model_name": "bert"}}, "a network with hf_model_name cannot"),
        ({"vision_cfg": None}, "does not describe a CLIP"),
        ({"vision_cfg": {"head_width": 0}}, "does not describe a CLIP"),
        ({"vision_cfg": {"head_width": 20}}, "48 channels are no multiple of head_width 20"),
        ({"text_cfg": {"heads": 3}}, "32 channels have no 3 equal heads"),
    ],
)
def test_a_network_that_cannot_be_exported_is_refused(change, reason, folder):
    (folder / "open_clip_config.json").write_text(clip_parts.open_clip_config(CLIP, **change))
    refused(folder, reason)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"visual.proj": None}, "no weights of a CLIP whose pictures are read by a transformer"),
        ({"visual.ln_pre.bias": None}, r"lack 'visual\.ln_pre\.bias'"),
        ({"visual.positional_embedding": np.zeros((12, 48), np.float32)}, "no square grid"),
        ({"visual.positional_embedding": np.zeros(12, np.float32)}, "the network needs 2 sides"),
        ({"visual.conv1.weight": np.zeros((48, 3), np.float32)}, "the network needs 4 sides"),
        ({"transformer.resblocks.0.mlp.c_fc.bias": np.zeros(3, np.float32)}, "has shape"),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(changes, reason, folder):
    torch.save(tensors(**changes), folder / "open_clip_pytorch_model.bin")
    refused(folder, reason)


@pytest.mark.parametrize("blocks", [(3,), (-1,), (0, 9)])
def test_blocks_that_the_network_does_not_have_are_refused(blocks, folder):
    refused(folder, "has the blocks 0 to 2, not", blocks=blocks)


@pytest.mark.parametrize("size", [(60, 64), (8, 8)])
def test_a_size_that_is_no_multiple_of_the_patch_is_refused(size, folder):
    refused(folder, "takes multiples of 16", input_hw=size)


def test_code_is_never_run(folder):
    scripted = torch.jit.script(torch.nn.Linear(2, 2))
    scripted.save(folder / "scripted.pt")
    refused(folder / "scripted.pt", "TorchScript archive, which holds code")
    torch.save(torch.nn.Linear(2, 2), folder / "pickled.pt")
    refused(folder / "pickled.pt", "which would run code; save its state dict")
    (folder / "short.safetensors").write_bytes(b"\0" * 30)
    refused(folder / "short.safetensors", "is not a whole safetensors file")


def test_nothing_of_that_name_lists_the_names(tmp_path):
    refused(tmp_path / "gone", "is no folder, no file and no name: openai-vit-b-16, vit-b-16")


def test_a_file_that_is_no_text_tower_is_refused(folder):
    out = folder / "clip.onnx"
    export_clip(str(folder), out)
    with pytest.raises(SpecError, match="is no text tower"):
        describe_text(out)
    text_file_of(out).write_bytes(text_file_of(out).read_bytes()[:5000])
    with pytest.raises(SpecError, match="is not a whole ONNX file"):
        describe_text(text_file_of(out))
