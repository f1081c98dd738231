"""What is no bank of RAD, or cannot become an engine, is refused in one sentence."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from checkpoint_parts import BLOCKS, CELLS, CHANNELS, WIDTH, refused  # noqa: E402
from rad_import_parts import PICTURES, backbone_normals_and_bank, imported  # noqa: E402

from inspector.core.errors import ConfigError  # noqa: E402
from learning.backbones.zoo import DEFAULT, describe  # noqa: E402
from learning.methods.rad import importing, published_bank  # noqa: E402

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return backbone_normals_and_bank(tmp_path_factory.mktemp("rad"))


def with_bank(**parts) -> dict:
    random = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> "torch.Tensor":
        return torch.randn(shape, generator=random)

    content = {
        "layers": list(BLOCKS),
        "cls_banks": [drawn(4, WIDTH) for _ in BLOCKS],
        "patch_banks": [drawn(4, CELLS**2, channels) for channels in CHANNELS.values()],
    }
    return content | parts


def patches(*shapes: tuple[int, ...]) -> dict:
    return with_bank(patch_banks=[torch.ones(shape) for shape in shapes])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1], "must hold layers, cls_banks, patch_banks, as banks of RAD do, not list"),
        ({"layers": [3]}, "not layers"),
        (with_bank(pictures=["a"]), "patch_banks, pictures"),
        (with_bank(layers=[]), "layers must be numbers of blocks"),
        (with_bank(layers=["a", "b"]), "layers must be numbers of blocks"),
        (with_bank(layers=[3, 6, 9]), "cls_banks must be a list of 3 tensors"),
        (with_bank(cls_banks=[1, 2]), "cls_banks must be a list of 2 tensors"),
        (patches((4, 16), (4, 16)), "patch_banks must be (N, positions, channels)"),
        (patches((4, 16, 6), (3, 16, 8)), "entry 1 of cls_banks and patch_banks"),
        (patches((4, 15, 6), (4, 15, 8)), "15 positions of a picture are no square grid"),
        (patches((3, 16, 6), (3, 16, 8)), "entry 0 of cls_banks and patch_banks"),
        (patches((4, 16, 7), (4, 16, 8)), "it is of another encoder"),
        (
            with_bank(patch_banks=[torch.ones(4, 16, 6).to_sparse()] * 2),
            "patch_banks holds a tensor",
        ),
        (with_bank(cls_banks=[torch.ones(1, 1).expand(4, 5)] * 2), "cls_banks holds a tensor"),
        (with_bank(layers=[3, 7]), "no layer 'block7'"),
        (with_bank(cls_banks=[torch.ones(4, 3)] * 2), "class token of block 6 (3 values)"),
        (with_bank(cls_banks=[torch.full((4, 5), torch.inf)] * 2), "cls_banks hold values"),
        (
            with_bank(patch_banks=[torch.ones(4, 16, 6), torch.full((4, 16, 8), torch.nan)]),
            "holds values that are not finite, in pictures 0 to 3",
        ),
    ],
)
def test_what_is_no_published_bank_is_refused_by_name(place, tmp_path, capsys, content, message):
    torch.save(content, tmp_path / "b.pth")
    code = imported(place, tmp_path / "out" / "e.onnx", file=tmp_path / "b.pth")
    refused(code, capsys, message)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--pictures", "4:9"], "has the pictures 0 to 5, not 4:9"),
        (["--size", "96x96"], "grid of 4x4 positions needs an input of 64x64"),
        (["--layers", "block3"], "name as many different layers"),
        (["--layers", "block3,block3"], "name as many different layers"),
        (["--layers", "block6,block3"], "it is of another encoder"),
        (["--top-k", "2", "--coreset", "3"], "top_k chooses pictures"),
        (["--top-k", "0"], "top_k must be at least 1"),
        (["--resize", "60"], "smaller than the input of 64"),
        (["--backbone", DEFAULT], "no layer 'block3'"),
        (["--backbone", "dinov3_vitb16"], "line-inspector export-backbone dinov3_vitb16"),
        (["--top-fraction", "2"], "top_fraction must lie"),
        (["--sigma", "-1"], "sigma must be at least 0"),
    ],
)
def test_what_cannot_be_used_gives_one_sentence(place, tmp_path, capsys, more, message):
    refused(imported(place, tmp_path / "out" / "e.onnx", *more), capsys, message)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "argument", [["--pictures", "4"], ["--pictures", "4:2"], ["--resize", "x"]]
)
def test_malformed_arguments_are_a_usage_error(place, tmp_path, argument):
    with pytest.raises(SystemExit) as caught:
        imported(place, tmp_path / "e.onnx", *argument)
    assert caught.value.code == 2


def test_a_bank_beyond_the_engine_is_refused_with_what_helps(place, tmp_path, capsys, monkeypatch):
    size = PICTURES * CELLS**2 * sum(CHANNELS.values()) * 4
    monkeypatch.setattr(published_bank, "MAX_MODEL_BYTES", size - 1)
    refused(imported(place, tmp_path / "e.onnx"), capsys, "--pictures 0:100; the classes follow")
    for more in (["--precision", "float16"], ["--coreset", "3"], ["--pictures", "0:5"]):
        assert imported(place, tmp_path / "e.onnx", *more, "--overwrite") == 0


def test_a_bank_leaves_room_for_the_backbone(place, tmp_path):
    bank = published_bank.read_bank(place / "bank.pth")
    method = importing.published_rad({})
    info = describe(place / "encoder.onnx")
    room = published_bank.room_beside(place / "encoder.onnx")
    assert room == published_bank.MAX_FILE_BYTES - (place / "encoder.onnx").stat().st_size
    with pytest.raises(ValueError, match=r"above the limit of 0\.00"):
        bank.model(method, info, which=range(PICTURES), room=100)


def test_a_layer_beyond_memory_is_refused(place, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(published_bank, "MAX_LAYER_BYTES", 1000)
    refused(imported(place, tmp_path / "e.onnx", "--coreset", "1"), capsys, "of memory, above")


def test_a_crop_of_more_than_the_picture_is_refused():
    assert importing.crop(448, 512) == (0.0625, 0.0625, 0.9375, 0.9375)
    with pytest.raises(ConfigError, match="smaller than the input of 448"):
        importing.crop(448, 400)
