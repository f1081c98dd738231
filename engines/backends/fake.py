"""A deterministic engine without a network, for tests: dark pixels are anomalous."""

import time
from pathlib import Path
from typing import Final

import numpy as np

from engines.backends.checked import CheckedEngine, check_device_settings, refuse_or_warn
from engines.opening import Scores
from engines.spec import EngineSpec, ResizeRule, ThresholdRule
from inspector.core.arrays import Image, Map
from inspector.core.errors import InferenceError, SpecError

LUMA: Final = np.array((0.299, 0.587, 0.114), np.float32)
CELL: Final = 2
"""Input pixels per map pixel, along each axis."""


def fake_spec(input_hw: tuple[int, int] = (96, 128)) -> EngineSpec:
    """Spec of a fake engine. The frames are twice as large as input_hw; its sides must be even."""
    height, width = input_hw
    return EngineSpec(
        name="fake",
        method="fake",
        backbone="none",
        layers=(),
        frame_hw=(2 * height, 2 * width),
        resize=ResizeRule(input_hw),
        map_hw=(height // CELL, width // CELL),
        image_threshold=0.25,
        pixel_threshold=0.35,
        threshold_rule=ThresholdRule("fixed", 0.5, 1, 1, (0.0, 1.0), "for tests"),
        display_range=(0.0, 0.7),
        graph_hash="",
    )


class FakeEngine(CheckedEngine):
    """Map: max(0, 128 - luma) / 128 on cells of CELL x CELL pixels. Score: mean of its top 1 %.

    path: file with a spec as JSON; if it does not exist, the spec is fake_spec(). delay_s: minimum
    duration of infer(). fail_at: index of the call of infer() that raises InferenceError.
    """

    def __init__(
        self,
        path: Path,
        *,
        device: str = "cpu",
        threads: int = 0,
        fall_back: bool = False,
        delay_s: float = 0.0,
        fail_at: int | None = None,
    ) -> None:
        check_device_settings(device, threads)
        if device != "cpu":
            refuse_or_warn(device, "the fake engine runs on the CPU only", fall_back=fall_back)
        spec = _read(path) if path.is_file() else fake_spec()
        height, width = spec.resize.input_hw
        if spec.map_hw != (height // CELL, width // CELL) or height % CELL or width % CELL:
            raise SpecError(f"{path}: map_hw of the fake engine must be half of resize.input_hw")
        super().__init__(path, spec, f"fake, CPU, {threads or 1} threads requested")
        self._delay_s = delay_s
        self._fail_at = fail_at
        self._calls = 0

    def warm_up(self) -> None:
        """Does nothing, and does not count as a call of infer()."""

    def _run(self, pixels: Image) -> tuple[Map, Scores]:
        self._calls += 1
        if self._fail_at == self._calls - 1:
            raise InferenceError(f"the fake engine fails at call {self._fail_at}, as requested")
        if self._delay_s:
            time.sleep(self._delay_s)
        return _measure_darkness(pixels)

    def _release(self) -> None:
        """Does nothing: there is no memory to free."""


def _measure_darkness(pixels: Image) -> tuple[Map, Scores]:
    count, height, width, _ = pixels.shape
    luma = pixels.astype(np.float32) @ LUMA
    cells = luma.reshape(count, height // CELL, CELL, width // CELL, CELL).mean(axis=(2, 4))
    anomaly_map = np.maximum(0, (128 - cells) / 128).astype(np.float32)
    top = max(1, anomaly_map[0].size // 100)
    flat = np.sort(anomaly_map.reshape(count, -1), axis=1)
    return anomaly_map, flat[:, -top:].mean(axis=1)


def _read(path: Path) -> EngineSpec:
    try:
        return EngineSpec.from_json(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as exc:
        raise SpecError(
            f"engine.backend fake is for tests and cannot run the engine file {path}: set it to "
            "auto, or leave engine.path empty"
        ) from exc
    except OSError as exc:
        raise SpecError(f"spec of the fake engine {path} cannot be read: {exc}") from exc
