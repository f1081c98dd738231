"""Tests of how weights of torchvision are downloaded, without torch and from a local server."""

import hashlib
from pathlib import Path
from types import SimpleNamespace

import pytest
from web_server import Page, WebServer

from inspector.core.errors import EngineError
from learning import torch_weights
from learning.backbones import resnet

BODY = b"weights" * 1000
NAME = f"/resnet18-{hashlib.sha256(BODY).hexdigest()[:8]}.pth"


@pytest.fixture
def server(tmp_path: Path, monkeypatch):
    with WebServer({NAME: Page(BODY, ranges=True)}) as running:
        weights = {resnet.PRETRAINED: SimpleNamespace(url=running.url(NAME))}
        modules = {
            "torch": SimpleNamespace(hub=SimpleNamespace(get_dir=lambda: str(tmp_path))),
            "torchvision": SimpleNamespace(
                models=SimpleNamespace(get_model_weights=lambda name: weights)
            ),
        }
        monkeypatch.setattr(torch_weights, "library", modules.__getitem__)
        yield running


def test_weights_are_downloaded_once_and_checked(tmp_path: Path, server) -> None:
    path = resnet._download("resnet18")
    assert path == tmp_path / "checkpoints" / NAME[1:]
    assert path.read_bytes() == BODY
    assert resnet._download("resnet18") == path
    assert len(server.pages[NAME].requests) == 1


def test_other_weights_are_refused(tmp_path: Path, server) -> None:
    server.pages[NAME] = Page(b"another", ranges=True)
    with pytest.raises(EngineError, match=r"weights of resnet18: .* has the sha256 .*--weights"):
        resnet._download("resnet18")
    assert list((tmp_path / "checkpoints").iterdir()) == []
