"""Shows the progress of a training as a bar, and writes the same files as FolderWatch."""

from pathlib import Path
from typing import Any, Self

from tqdm import tqdm

from learning.training_folder import FolderWatch


class TrainingWatch(FolderWatch):
    """epochs: of the whole training; the bar counts the steps of all of them."""

    def __init__(self, folder: Path, epochs: int, chosen_on: str) -> None:
        super().__init__(folder, chosen_on)
        self._epochs = epochs
        self._bar: tqdm[Any] | None = None

    def scalars(self, epoch: int, values: dict[str, float]) -> None:
        super().scalars(epoch, values)
        if self._bar is not None:
            self._bar.set_postfix(loss=f"{values['loss/total']:.3f}", epoch=epoch)

    def progress(self, epoch: int, done: int, steps: int) -> None:
        if self._bar is None:
            total = self._epochs * steps
            before = (epoch - 1) * steps
            self._bar = tqdm(total=total, initial=before, desc="train", unit="step", disable=None)
        self._bar.update(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
        self.close()
