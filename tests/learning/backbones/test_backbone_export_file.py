"""The file of an exported backbone is written whole or not at all."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import onnx
import pytest

from inspector.core import lazy
from inspector.core.errors import ConfigError
from learning.backbones import export as backbone_export
from learning.backbones import zoo

NAME = "efficientnet_lite0"


@pytest.fixture(autouse=True)
def exporter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exports the backbone that comes with the program, without torch."""
    model = onnx.load(zoo.resolve(NAME))
    module = SimpleNamespace(export=lambda name, weights_file, input_hw: model)
    recipe = SimpleNamespace(exporter="anywhere:export")
    monkeypatch.setattr(zoo, "backbone_entry", lambda name: recipe)
    monkeypatch.setattr(lazy.importlib, "import_module", lambda name: module)


def test_the_file_is_made_with_its_folder(tmp_path: Path) -> None:
    out = tmp_path / "new" / "b.onnx"
    info = backbone_export.export_backbone(NAME, out, weights_file=None, input_hw=None)
    assert info == zoo.describe(out)
    assert [path.name for path in out.parent.iterdir()] == ["b.onnx"]


def test_a_full_disk_leaves_the_file_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "b.onnx"
    out.write_bytes(b"an earlier export")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match=r"b\.onnx cannot be written: no space left"):
        backbone_export.export_backbone(NAME, out, weights_file=None, input_hw=None)
    assert out.read_bytes() == b"an earlier export"
    assert [path.name for path in tmp_path.iterdir()] == ["b.onnx"]
