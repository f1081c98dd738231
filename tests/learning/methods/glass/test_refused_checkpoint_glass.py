"""What is no checkpoint of GLASS, or cannot become an engine, is refused in one sentence."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from checkpoint_parts import Networks, folder_of_good, refused  # noqa: E402
from glass_import_parts import DIMS, HIDDEN, imported, saved  # noqa: E402

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def normal(tmp_path_factory) -> Path:
    return folder_of_good(tmp_path_factory.mktemp("normal"))


def changed(network: str, name: str, value) -> dict:
    content = Networks(DIMS, HIDDEN).published()
    content[network] = dict(content[network])
    if value is None:
        del content[network][name]
    else:
        content[network][name] = value
    return content


class CodeOnly:
    """An object that a file can only hold with code."""


WEIGHT, NORM = "body.block1.0.weight", "body.block1.1"
EYE = torch.eye(HIDDEN, DIMS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda: Networks(DIMS, HIDDEN).published() | {"svd": 1}, "holds 'svd'"),
        (lambda: {"discriminator": {}}, "lacks pre_projection"),
        (lambda: {"discriminator": 3, "pre_projection": 4}, "must be a state dict"),
        (lambda: changed("discriminator", WEIGHT, None), f"must have a matrix {WEIGHT}"),
        (lambda: changed("discriminator", WEIGHT, torch.zeros(3)), f"must have a matrix {WEIGHT}"),
        (lambda: changed("discriminator", "tail.0.weight", None), "lack 'tail.0.weight'"),
        (lambda: changed("discriminator", "tail.0.weight", torch.zeros(1, 4)), "has shape (1, 4)"),
        (lambda: changed("discriminator", "body.block2.0.weight", torch.zeros(2)), "body.block2"),
        (lambda: changed("pre_projection", "layers.1fc.bias", torch.zeros(2)), "layers.1fc.bias"),
        (lambda: changed("pre_projection", "layers.0fc.weight", torch.zeros(9, 9)), "(9, 9)"),
        (
            lambda: changed("pre_projection", "layers.0fc.bias", torch.full((DIMS,), torch.nan)),
            "layers.0fc.bias holds values that are not finite",
        ),
        (
            lambda: changed("discriminator", f"{NORM}.running_var", -torch.ones(HIDDEN)),
            "holds a variance < 0",
        ),
        (lambda: changed("discriminator", WEIGHT, EYE.to_sparse()), f"{WEIGHT} is not a plain"),
        (lambda: changed("discriminator", WEIGHT, EYE.to("meta")), f"{WEIGHT} is not a plain"),
        (lambda: changed("discriminator", WEIGHT, EYE + 1j), f"{WEIGHT} is not a plain"),
        (
            lambda: changed("discriminator", WEIGHT, torch.zeros(1).expand(200_000, 200_000)),
            f"{WEIGHT} is not a plain",
        ),
        (lambda: {"encoder.weight": torch.zeros(2)}, "holds 'encoder.weight'"),
        (lambda: {"backbone.conv1.weight": torch.zeros(2)}, "holds no discriminator"),
        (lambda: [torch.zeros(2)], "must hold discriminator and pre_projection by name, not list"),
        (lambda: {"discriminator": CodeOnly()}, "which would run code"),
    ],
)
def test_what_is_no_published_checkpoint_is_refused_by_name(
    normal, tmp_path, capsys, content, message
):
    refused(
        imported(saved(tmp_path, content()), normal, tmp_path / "out" / "e.onnx"), capsys, message
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"", "damaged"),
        (b"PK\3\4 junk", "not a ZIP archive"),
        (b"\x80\x02G\x00.", "damaged"),
        (b"\x80\x02ccollections\nOrderedDict\nK\x01\x85R.", "damaged"),
        (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(X\x01\0\0\0aK\0))\x89}tR.", "damaged"),
    ],
)
def test_a_missing_or_damaged_file_is_refused(normal, tmp_path, capsys, content, message):
    file = tmp_path / "c.pth"
    if content is not None:
        file.write_bytes(content)
    refused(imported(file, normal, tmp_path / "out" / "e.onnx"), capsys, message)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--layers", "stride2"], "no layer 'stride2'"),
        (["--layers", "stride16,stride8"], "finer grid"),
        (["--size", "64x50"], "multiples of 32"),
        (["--resize", "32"], "are smaller than the input"),
        (["--normal", "nowhere"], "nowhere"),
        (["--max-pictures", "1"], "--max-pictures must be at least 2"),
        (["--false-alarm-rate", "0.001"], "needs at least 999 good pictures, there are only 9"),
        (["--top-fraction", "0.1"], "leave out top_fraction"),
        (["--weights", "w.pth", "--backbone", "b.onnx"], "leave them out for b.onnx"),
        (["--weights", "w.pth", "--backbone", "vgg"], "'vgg' is unknown"),
        (["--weights", "none.pth", "--backbone", "resnet18"], "none.pth cannot be read"),
        (["--backbone", "wide_resnet50_2"], "line-inspector export-backbone wide_resnet50_2"),
        (["--out", "e.pth"], "must end in .onnx"),
        (["--out", "b.onnx", "--backbone", "b.onnx"], "b.onnx is the file of the backbone"),
        (
            ["--out", "resnet18.onnx", "--backbone", "resnet18", "--weights", "w.pth"],
            "resnet18.onnx is the file of the backbone",
        ),
    ],
)
def test_what_cannot_be_used_gives_one_sentence(
    normal, tmp_path, capsys, monkeypatch, more, message
):
    file = saved(tmp_path, Networks(DIMS, HIDDEN).published())
    monkeypatch.chdir(tmp_path)
    refused(imported(file, normal, Path("e.onnx"), *more), capsys, message)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_unreadable_normal_pictures_alone_are_refused(tmp_path, capsys):
    folder = tmp_path / "good"
    folder.mkdir()
    for index in range(3):
        (folder / f"{index}.png").write_bytes(b"no picture")
    file = saved(tmp_path, Networks(DIMS, HIDDEN).published())
    refused(
        imported(file, folder, tmp_path / "e.onnx"), capsys, "holds no picture that can be read"
    )
