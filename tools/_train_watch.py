"""Shows the progress of a training as a bar, and writes the same files as FolderWatch."""

from pathlib import Path
from typing import Final, Self

from learning.training_folder import FolderWatch
from tools._progress import Bars

STEP: Final = "train"


class TrainingWatch(FolderWatch):
    """epochs: of the whole training; the bar counts the steps of all of them."""

    def __init__(self, folder: Path, epochs: int, chosen_on: str) -> None:
        super().__init__(folder, chosen_on)
        self._epochs = epochs
        self._bars = Bars("step")
        self._begun = False

    def scalars(self, epoch: int, values: dict[str, float]) -> None:
        super().scalars(epoch, values)
        if self._begun:
            self._bars.note(STEP, f"epoch {epoch}, loss {values['loss/total']:.3f}")

    def progress(self, epoch: int, done: int, steps: int) -> None:
        total = self._epochs * steps
        if not self._begun:
            self._bars.begin(STEP, total, before=(epoch - 1) * steps)
            self._begun = True
        self._bars.advance(STEP, 1, total)

    def __enter__(self) -> Self:
        self._bars.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.__exit__()
        self.close()
