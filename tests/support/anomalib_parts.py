"""Engines of the graphs of anomalib_graphs, and what these graphs compute."""

from pathlib import Path

import cv2
import numpy as np
from anomalib_graphs import disc

from engines.backends.onnx import OnnxEngine
from engines.resize import to_input
from engines.spec import EngineSpec
from learning.anomalib.graph import read_export
from learning.anomalib.importing import Import, import_engine
from learning.anomalib.run import find_view
from learning.normals import from_folder


def imported(
    model: Path, good: Path, size: tuple[int, int] | None = None
) -> tuple[EngineSpec, OnnxEngine]:
    export = read_export(model)
    view = find_view(export, size)
    normals = from_folder(good, input_hw=view.input_hw, crop=view.crop)
    out = model.with_name("engine.onnx")
    spec = import_engine(normals, Import(export, view, "disc", threads=1), out)
    assert sorted(p.name for p in out.parent.glob("engine*")) == ["engine.onnx"]
    return spec, OnnxEngine(out, threads=1)


def raw_values(pixels: np.ndarray) -> np.ndarray:
    """The raw map of anomalib_graphs.write, by OpenCV."""
    far = np.abs((pixels / 255 - 0.5) / 0.25).mean(axis=-1)
    return np.stack([cv2.blur(values, (5, 5), borderType=cv2.BORDER_CONSTANT) for values in far])


def some_pixels(spec: EngineSpec, count: int = 3) -> np.ndarray:
    return np.stack(
        [to_input(disc(40 + i, spot=bool(i % 2)), spec.resize)[0] for i in range(count)]
    )
