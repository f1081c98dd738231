"""Base class of all engines: checks inputs and outputs, and splits large batches."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

import numpy as np
from loguru import logger

from engines.opening import DEVICES, Scores
from engines.prediction import AnyPicture, Pictures, Prediction, Predictor
from engines.spec import EngineSpec
from inspector.core.arrays import Image, Map
from inspector.core.errors import ConfigError, EngineError, InferenceError


class CheckedEngine(ABC):
    """An engines.opening.Engine. Subclasses add `_run` and `_release`."""

    def __init__(
        self, path: Path, spec: EngineSpec, running_on: str, *, most: int | None = None
    ) -> None:
        """path: for messages. running_on: backend and device, without the reason for the choice.
        most: largest number of pictures per `_run`; None if only the spec limits it."""
        self._path = path
        self._spec = spec
        self._place = running_on
        self._closed = False
        self._most = min((limit for limit in (spec.max_batch, most) if limit), default=None)
        self._predictor = Predictor(spec)
        self.chosen_because = ""

    @property
    def spec(self) -> EngineSpec:
        return self._spec

    @property
    def running_on(self) -> str:
        return self._place + (f" ({self.chosen_because})" if self.chosen_because else "")

    def warm_up(self) -> None:
        self.infer(np.zeros((1, *self._spec.resize.input_hw, 3), np.uint8))

    def predict(self, picture: AnyPicture, *, channels: str = "bgr") -> Prediction:
        return self.predict_batch([picture], channels=channels)[0]

    def predict_batch(self, pictures: Pictures, *, channels: str = "bgr") -> list[Prediction]:
        return self._predictor(pictures, channels, self.infer)

    def infer(self, pixels: Image) -> tuple[Map, Scores]:
        if self._closed:
            raise EngineError(f"the engine {self._path} is closed")
        self._check_input(pixels)
        count = len(pixels)
        if count == 0:
            return np.empty((0, *self._spec.map_hw), np.float32), np.empty(0, np.float32)
        pixels, most = np.ascontiguousarray(pixels), self._most or count
        parts = [self._run(pixels[at : at + most]) for at in range(0, count, most)]
        # Joining copies the arrays, so a single part is returned as it is.
        maps, scores = (
            parts[0] if len(parts) == 1 else map(np.concatenate, zip(*parts, strict=True))
        )
        if maps.shape != (count, *self._spec.map_hw) or scores.shape != (count,):
            raise InferenceError(
                f"the engine {self._path} returned maps of shape {maps.shape} and scores of "
                f"shape {scores.shape} for {count} pictures"
            )
        return maps, scores

    def device_ms(self, pixels: Image, runs: int) -> list[float]:
        self._check_input(pixels)
        if self._most is not None and len(pixels) > self._most:
            return []
        return self._device_ms(np.ascontiguousarray(pixels), runs)

    def close(self) -> None:
        self._closed = True
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def _run(self, pixels: Image) -> tuple[Map, Scores]:
        """Computes maps and scores that later calls do not change. Raises InferenceError.

        pixels: at least one picture, already checked and contiguous.
        """

    def _device_ms(self, pixels: Image, runs: int) -> list[float]:
        """See device_ms. pixels: already checked and contiguous. Raises InferenceError."""
        return []

    @abstractmethod
    def _release(self) -> None:
        """Frees the memory of the runtime. A second call does nothing."""

    def _check_input(self, pixels: Image) -> None:
        shape = (*self._spec.resize.input_hw, 3)
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != shape:
            raise EngineError(
                f"the engine {self._path} takes uint8 of shape (n, {_join(shape)}), "
                f"not {pixels.dtype} of shape ({_join(pixels.shape)})"
            )


def check_device_settings(device: str, threads: int) -> None:
    """Raises ConfigError for an unknown device or a negative number of threads."""
    if device not in DEVICES:
        raise ConfigError(f"engine.device {device!r} is unknown; known: {', '.join(DEVICES)}")
    if threads < 0:
        raise ConfigError(f"engine.threads must be at least 0, not {threads}")


def refuse_or_warn(device: str, reason: str, *, fall_back: bool) -> None:
    """Handles a missing device: raises EngineError, or logs a warning if fall_back is true."""
    if not fall_back:
        raise EngineError(f"engine.device is {device}, but {reason}")
    logger.warning(
        "engine.device is {}, but the engine runs on the CPU instead: {}", device, reason
    )


def threads_text(threads: int) -> str:
    if threads == 0:
        return "threads chosen by the runtime"
    return "1 thread" if threads == 1 else f"{threads} threads"


def _join(sizes: tuple[int, ...]) -> str:
    return ", ".join(map(str, sizes))
