"""What a training shows while it runs: a bar, the log, TensorBoard where it is installed."""

import importlib
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from loguru import logger
from tqdm import tqdm

from inspector.core.arrays import Image
from learning.training_folder import Log

BOARD: Final = "tensorboard"

PICTURES_EVERY: Final = 10
"""Epochs between two sets of pictures on the board."""


class TrainingWatch:
    """chosen_on: "validation" or "test_set": the name that figures of choosing go by. The bar
    counts steps of all epochs."""

    def __init__(self, folder: Path, epochs: int, chosen_on: str) -> None:
        self._log, self._epochs, self._chosen_on = Log(folder), epochs, chosen_on
        self._folder = folder / BOARD
        self._board: Any = None
        self._bar: tqdm[Any] | None = None
        self._started = time.monotonic()

    def begin(self) -> None:
        """Opens the board. A training that is refused before leaves no file."""
        self._board = _board(self._folder)

    def scalars(self, epoch: int, values: dict[str, float]) -> None:
        named = {key.replace("validation", self._chosen_on): v for key, v in values.items()}
        now = time.monotonic()
        self._log.add(epoch, named | {"seconds": round(now - self._started, 3)})
        self._started = now
        if self._board is not None:
            for key, value in named.items():
                self._board.add_scalar(key, value, epoch)
            self._board.flush()
        if self._bar is not None:
            self._bar.set_postfix(loss=f"{values['loss/total']:.3f}", epoch=epoch)

    def pictures(self, epoch: int, pixels: Image) -> None:
        if self._board is not None and epoch % PICTURES_EVERY == 1:
            self._board.add_images("synthetic_defects", pixels, epoch, dataformats="NHWC")

    def progress(self, epoch: int, done: int, steps: int) -> None:
        if self._bar is None:
            total = self._epochs * steps
            begun = (epoch - 1) * steps
            self._bar = tqdm(total=total, initial=begun, desc="train", unit="step", disable=None)
        self._bar.update(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        if self._board is not None:
            self._board.close()


def _board(folder: Path) -> Any:
    """None, with one sentence, where TensorBoard is not installed."""
    try:
        writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter
    except ModuleNotFoundError as exc:
        if exc.name is None or not exc.name.startswith("tensorboard"):
            raise
        logger.info("no TensorBoard files are written: pip install tensorboard for them")
        return None
    return writer(str(folder))
