"""Training and importing an engine with a foreground."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")

from foreground_scenes import belt, scene, write
from rad_import_parts import backbone_normals_and_bank, imported

from engines.opening import open_engine
from inspector.core.errors import ConfigError, DataError
from learning import train

pytestmark = pytest.mark.train


def test_a_trained_engine_judges_the_foreground(tmp_path):
    for seed in range(8):
        write(tmp_path / "discs" / "train" / "good" / f"{seed}.png", scene(seed)[0])
    options = {"epochs": 1, "size": (128, 160), "threads": 1}
    out = tmp_path / "out"
    result = train(tmp_path / "discs", "glass", out, foreground="auto", **options)
    assert result.spec.foreground is not None
    assert result.spec.parity["map_max_abs"] <= result.spec.parity["tolerance"]
    pictures = np.stack([scene(100)[0], belt(5).clip(0, 255).astype(np.uint8)])
    maps, scores = open_engine(result.path, threads=1).infer(pictures)
    assert scores[1] == np.inf
    assert scores[0] == pytest.approx(maps[0].max())
    with pytest.raises(ConfigError, match="another foreground"):
        train(tmp_path / "discs", "glass", out, **options)


def test_a_picture_without_product_is_refused(tmp_path):
    for seed in range(8):
        pixels = scene(seed)[0] if seed else belt(0).clip(0, 255).astype(np.uint8)
        write(tmp_path / "discs" / "train" / "good" / f"{seed}.png", pixels)
    with pytest.raises(DataError, match="remove the pictures without product"):
        train(tmp_path / "discs", "glass", tmp_path / "out", foreground="auto", size=128)


def test_an_imported_engine_judges_the_foreground(tmp_path):
    place = backbone_normals_and_bank(tmp_path)
    for seed in range(10):
        write(tmp_path / "discs" / f"{seed}.png", scene(seed)[0])
    more = ("--foreground", "auto", "--normal", str(tmp_path / "discs"))
    assert imported(place, tmp_path / "e.onnx", *more) == 0
    engine = open_engine(tmp_path / "e.onnx", threads=1)
    assert engine.spec.foreground is not None
    assert engine.spec.resize.crop != (0.0, 0.0, 1.0, 1.0)
    empty = np.full((1, *engine.spec.resize.input_hw, 3), 70, np.uint8)
    assert engine.infer(empty)[1][0] == np.inf
