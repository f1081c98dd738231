"""A backend that computes wrong scores."""

from pathlib import Path

from engines.backends.onnx import OnnxEngine
from engines.opening import Scores
from inspector.core.arrays import Image, Map


class WrongEngine(OnnxEngine):
    def __init__(self, path: Path, *, hint: str = "latency", **options: object) -> None:
        super().__init__(path, **options)  # type: ignore[arg-type]
        self._place = "the wrong backend"

    def _run(self, pixels: Image) -> tuple[Map, Scores]:
        maps, scores = super()._run(pixels)
        return maps, scores * 1.1
