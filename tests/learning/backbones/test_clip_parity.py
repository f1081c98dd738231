"""Exported CLIPs against transformers, on random weights."""

from pathlib import Path

import clip_parts
import numpy as np
import pytest
from clip_parts import CONTEXT, SmallClip

torch = pytest.importorskip("torch", reason="torch is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")
safetensors = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

from learning.backbones.clip import export_clip, text_file_of  # noqa: E402
from learning.backbones.clip_files import CLIP_MEAN, CLIP_STD  # noqa: E402
from learning.backbones.clip_text import TextEncoder  # noqa: E402
from learning.backbones.clip_tokenizer import END, START, Tokenizer  # noqa: E402
from learning.backbones.clip_towers import window_patches  # noqa: E402
from learning.backbones.features import FeatureExtractor  # noqa: E402

pytestmark = pytest.mark.train

SHAPES = {
    "patch 16": (SmallClip(), "gelu"),
    "patch 14, wide text": (
        SmallClip(64, 4, 4, 14, 5, 40, text_width=96, text_heads=3, text_layers=3),
        "quick_gelu",
    ),
    "patch 8, one window of 3": (SmallClip(32, 1, 2, 8, 3, 24, 40, 5, 1), "gelu"),
}
PROMPTS = ["a photo of a flawless bottle.", "it's damaged!", "tile"]


def hugging_face(clip: SmallClip, activation: str):
    """A CLIPModel with large random weights, and the tokenizer of the small vocabulary."""
    words = clip_parts.vocabulary()
    shared = {"hidden_act": activation}
    config = transformers.CLIPConfig(
        text_config=shared
        | {
            "hidden_size": clip.text_width,
            "intermediate_size": 4 * clip.text_width,
            "num_attention_heads": clip.text_heads,
            "num_hidden_layers": clip.text_layers,
            "vocab_size": len(words.words),
            "max_position_embeddings": CONTEXT,
            "bos_token_id": words.start,
            "eos_token_id": words.end,
            "pad_token_id": words.end,
        },
        vision_config=shared
        | {
            "hidden_size": clip.width,
            "intermediate_size": 4 * clip.width,
            "num_attention_heads": clip.heads,
            "num_hidden_layers": clip.layers,
            "image_size": clip.side * clip.patch,
            "patch_size": clip.patch,
        },
        projection_dim=clip.embedded,
    )
    model = transformers.CLIPModel(config).eval()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            noise = torch.randn(tensor.shape, generator=generator)
            if tensor.ndim > 1 and "position" not in name:
                tensor.copy_(noise / tensor[0].numel() ** 0.5)
            else:
                tensor.copy_(0.3 * noise + (1.0 if "norm.weight" in name else 0.0))
    merges = [" ".join(merge) for merge in words.merges]
    return model, transformers.CLIPTokenizer(
        vocab=words.words,
        merges=[tuple(merge.split(" ")) for merge in merges],
        bos_token=START,
        eos_token=END,
        unk_token=END,
        pad_token=END,
    )


@pytest.fixture(scope="module", params=SHAPES)
def both(request, tmp_path_factory):
    """Model and tokenizer of transformers, their folder, and the exported backbone."""
    clip, activation = SHAPES[request.param]
    folder = tmp_path_factory.mktemp("clip")
    model, tokenizer = hugging_face(clip, activation)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    out = folder / "clip.onnx"
    export_clip(str(folder), out, blocks=range(clip.layers))
    return clip, model, tokenizer, out


def pictures(clip: SmallClip, hw: tuple[int, int] | None = None) -> np.ndarray:
    hw = hw or (clip.side * clip.patch,) * 2
    return np.random.default_rng(3).integers(0, 256, (2, *hw, 3), np.uint8)


def normalised(pixels: np.ndarray):
    x = (pixels / 255 - np.array(CLIP_MEAN)) / np.array(CLIP_STD)
    return torch.from_numpy(x.transpose(0, 3, 1, 2)).float()


def assert_close(name: str, ours: np.ndarray, theirs, record_property) -> None:
    """1e-5 of the largest value: both are float32 and add in another order."""
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape
    difference = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
    record_property(name, difference)
    print(f"{name}: {difference:.1e}")
    assert difference < 1e-5


@torch.inference_mode()
def test_every_output_of_the_visual_tower_is_that_of_transformers(both, record_property):
    clip, model, _, out = both
    pixels = pictures(clip)
    with FeatureExtractor(out, layers=None, threads=1) as extractor:
        features = extractor.extract(pixels)
    vision = model.vision_model
    result = vision(normalised(pixels), output_hidden_states=True)
    for index, hidden in enumerate(result.hidden_states[1:]):
        patches = vision.post_layernorm(hidden[:, 1:])
        for name, tokens in (
            (f"block{index}", patches),
            (f"block{index}_projected", model.visual_projection(patches)),
        ):
            grid = tokens.transpose(1, 2).reshape(len(pixels), -1, clip.side, clip.side)
            assert_close(name, features[name], grid, record_property)
    cls = model.visual_projection(result.pooler_output)
    assert_close("cls", features["cls"], cls, record_property)


@torch.inference_mode()
def test_a_window_is_the_class_token_of_its_patches_alone(both, record_property):
    clip, model, _, out = both
    pixels = pictures(clip)
    with FeatureExtractor(out, layers=["windows2", "windows3"], threads=1) as extractor:
        features = extractor.extract(pixels)
    vision = model.vision_model
    tokens = vision.embeddings(normalised(pixels))
    for side in (2, 3):
        vectors = []
        for patches in window_patches((clip.side, clip.side), side):
            window = vision.pre_layrnorm(tokens[:, [0, *(patches + 1)]])
            hidden = vision.encoder(inputs_embeds=window).last_hidden_state
            vectors.append(model.visual_projection(vision.post_layernorm(hidden[:, 0])))
        count = clip.side - side + 1
        grid = torch.stack(vectors, dim=2).reshape(len(pixels), -1, count, count)
        name = f"windows{side}"
        assert_close(name, features[name], grid, record_property)


@torch.inference_mode()
def test_texts_have_the_vectors_of_transformers(both, record_property):
    _, model, tokenizer, out = both
    with TextEncoder(text_file_of(out), threads=1) as encoder:
        ours = encoder.encode(PROMPTS)
        alone = encoder.encode(PROMPTS[1:2])
    tokens = tokenizer(
        PROMPTS, padding="max_length", max_length=CONTEXT, truncation=True, return_tensors="pt"
    )
    result = model.text_model(input_ids=tokens["input_ids"])
    theirs = model.text_projection(result.pooler_output)
    assert_close("text", ours, theirs, record_property)
    assert np.abs(alone - ours[1:2]).max() < 1e-5 * np.abs(ours).max()


@torch.inference_mode()
@pytest.mark.parametrize("cells", [(3, 6), (7, 5)])
def test_positions_of_another_size_are_resampled_as_in_transformers(
    cells, both, tmp_path, record_property
):
    clip, model, _, out = both
    hw = cells[0] * clip.patch, cells[1] * clip.patch
    other = tmp_path / "other.onnx"
    info, _ = export_clip(str(out.parent), other, input_hw=hw)
    assert info.input_hw == hw
    pixels = pictures(clip, hw)
    with FeatureExtractor(other, layers=["cls"], threads=1) as extractor:
        ours = extractor.extract(pixels)["cls"]
    result = model.vision_model(normalised(pixels), interpolate_pos_encoding=True)
    theirs = model.visual_projection(result.pooler_output)
    assert_close("cls", ours, theirs, record_property)


HARD = [
    "",
    " ",
    "A photo of the   LARGE bottle\n\t.",
    "it's they'RE we'd 'll '' 's",
    "1234 ½ ²³ Ⅷ ٣٤ 12a3",
    "ÀÉÎ naïve e\u0301 İstanbul ΣΑΣ ß ﬁ",
    "日本語のテキスト 한국어 кириллица عربى हिन्दी",
    "emoji 😀👍🏽 — “quotes” … «x» ©®™",
    "a_b-c/d\\e (f) [g] {h} <i> #$%^&*!?!?",
    "<|startoftext|>bottle<|endoftext|> <|STARTOFTEXT|>!! x<|EndOfText|>y",
    "zero\u200bwidth nbsp\u00a0x \u3000 \x1c\x1d ctrl\x00\x07 \u2028z",
    "flawless" * 20,
    "a photo of a {} for visual inspection." * 4,
    "!'s?'t:'d;'",
]


def test_hard_strings_have_the_tokens_of_transformers(both):
    _, _, tokenizer, _ = both
    ours = Tokenizer(clip_parts.vocabulary(), CONTEXT)
    for text in HARD:
        theirs = tokenizer(text, truncation=True, max_length=CONTEXT)["input_ids"]
        assert ours.encode(text) == theirs, text
        longer = Tokenizer(clip_parts.vocabulary(), 10_000).encode(text)
        assert longer == tokenizer(text)["input_ids"], text


def test_random_strings_have_the_tokens_of_transformers(both):
    _, _, tokenizer, _ = both
    ours = Tokenizer(clip_parts.vocabulary(), 10_000)
    random = np.random.default_rng(0)
    signs = [c for c in map(chr, range(0x3000)) if c.isprintable() or c.isspace()]
    for _ in range(300):
        length = int(random.integers(1, 40))
        text = "".join(random.choice(signs if random.random() < 0.5 else list("abl 's2!"), length))
        assert ours.encode(text) == tokenizer(text)["input_ids"], repr(text)


def test_an_open_clip_file_gives_the_same_features(tmp_path: Path) -> None:
    """The same weights under the names of open_clip: bare, wrapped, and as safetensors."""
    clip = SmallClip()
    words = clip_parts.vocabulary()
    arrays = clip_parts.open_clip_arrays(clip, len(words.words))
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    (tmp_path / "tokenizer.json").write_text(clip_parts.tokenizer_json(words))
    wrapped = {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in tensors.items()}}
    torch.save(tensors, tmp_path / "bare.pt")
    torch.save(wrapped, tmp_path / "wrapped.pt")
    safetensors.save_file(tensors, tmp_path / "other.safetensors")
    expected = clip_parts.write_small_clip(tmp_path / "expected.onnx", clip=clip)
    # 48 and 32 channels are no multiple of 64, the channels of a head where none is configured.
    (tmp_path / "open_clip_config.json").write_text(clip_parts.open_clip_config(clip))
    results = []
    for file in ("bare.pt", "wrapped.pt", "other.safetensors"):
        out = tmp_path / f"{file}.onnx"
        export_clip(str(tmp_path / file), out)
        with FeatureExtractor(out, layers=None, threads=1) as extractor:
            results.append(extractor.extract(pictures(clip)))
        with TextEncoder(text_file_of(out), threads=1) as encoder:
            results[-1] |= {"text": encoder.encode(PROMPTS)}
    with FeatureExtractor(expected, layers=None, threads=1) as extractor:
        right = extractor.extract(pictures(clip))
    with TextEncoder(text_file_of(expected), threads=1) as encoder:
        right |= {"text": encoder.encode(PROMPTS)}
    for result in results:
        assert all(np.array_equal(result[name], right[name]) for name in right)
