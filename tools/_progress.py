"""Progress bars of commands."""

from typing import Any, Self

from tqdm import tqdm


class Bars:
    """A bar for each step or class; the end of the `with` block closes them all."""

    def __init__(self) -> None:
        self._bars: dict[str, tqdm[Any]] = {}

    def advance(self, step: str, done: int, total: int) -> None:
        if step not in self._bars:
            self._bars[step] = tqdm(total=total, desc=step, unit="picture", disable=None)
        self._bars[step].update(done)

    def close(self, step: str) -> None:
        """Closes the bar of the step, if it has a bar."""
        if step in self._bars:
            self._bars.pop(step).close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for step in list(self._bars):
            self.close(step)
