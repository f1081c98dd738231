"""Files in the folder of a training: its request, its log, and figures for TensorBoard."""

import importlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from loguru import logger

from inspector.core.arrays import Image
from inspector.core.errors import ConfigError, DataError
from inspector.core.files import write_whole

REQUEST: Final = "training.json"
LOG: Final = "log.jsonl"
BOARD: Final = "tensorboard"

PICTURES_EVERY: Final = 10
"""Epochs between two sets of pictures on the board."""


def refuse_other(folder: Path, request: Mapping[str, Any]) -> None:
    """Raises ConfigError, with the first difference, if the folder holds a training with another
    request."""
    path = folder / REQUEST
    if not path.exists():
        return
    refuse_difference(folder, _read(path), _plain(request))


def refuse_difference(place: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """place: the folder or the file that has the settings `before`. Raises ConfigError with the
    first difference."""
    for key, value in now.items():
        if before.get(key) != value:
            raise ConfigError(
                f"{place} holds a training with another {key}: {before.get(key)}, not {value}; "
                "take another --out or the same options"
            )


def claim(folder: Path, request: Mapping[str, Any]) -> None:
    """Writes the request of the folder's training."""
    write_whole(folder / REQUEST, (json.dumps(_plain(request), indent=1) + "\n").encode())


def _plain(request: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON gives it back."""
    plain: dict[str, Any] = json.loads(json.dumps(request))
    return plain


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise DataError(f"{path} cannot be read: {exc}; take another --out") from exc
    if not isinstance(content, dict):
        raise DataError(f"{path} does not describe a training; take another --out")
    return content


class EpochLog:
    """JSON lines, one per epoch. Lines of the same or a later epoch, written before a stop, are
    replaced."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOG
        self._lines = self._read_lines() if self._path.exists() else []

    def add(self, epoch: int, values: Mapping[str, Any]) -> None:
        self._lines = [line for line in self._lines if line["epoch"] < epoch]
        self._lines.append({"epoch": epoch, **values})
        write_whole(self._path, "".join(json.dumps(line) + "\n" for line in self._lines).encode())

    def _read_lines(self) -> list[dict[str, Any]]:
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
            return [line for line in map(json.loads, lines) if line["epoch"] > 0]
        except (OSError, ValueError, TypeError, KeyError) as exc:
            raise DataError(f"{self._path} cannot be read: {exc}; move it away") from exc


class FolderWatch:
    """Writes what happens in a training to its folder: the log always, figures and pictures for
    TensorBoard if that is installed.

    chosen_on: "validation" or "test_set", the name of the figures that checkpoints are chosen by.
    """

    def __init__(self, folder: Path, chosen_on: str) -> None:
        self._log, self._chosen_on = EpochLog(folder), chosen_on
        self._folder = folder / BOARD
        self._board: Any = None
        self._started = time.monotonic()

    def begin(self) -> None:
        """Opens the board. A training that is refused before leaves no file."""
        self._board = _open_board(self._folder)

    def scalars(self, epoch: int, values: dict[str, float]) -> None:
        named = {key.replace("validation", self._chosen_on): v for key, v in values.items()}
        now = time.monotonic()
        self._log.add(epoch, named | {"seconds": round(now - self._started, 3)})
        self._started = now
        if self._board is not None:
            for key, value in named.items():
                self._board.add_scalar(key, value, epoch)
            self._board.flush()

    def pictures(self, epoch: int, pixels: Image) -> None:
        """pixels: (n, H, W, 3) uint8 RGB."""
        if self._board is not None and epoch % PICTURES_EVERY == 1:
            self._board.add_images("pictures", pixels, epoch, dataformats="NHWC")

    def close(self) -> None:
        if self._board is not None:
            self._board.close()


def _open_board(folder: Path) -> Any:
    """None, with one sentence in the log, if TensorBoard is not installed."""
    try:
        writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.partition(".")[0] not in ("tensorboard", "torch"):
            raise
        logger.info("no TensorBoard files are written: they need torch and tensorboard")
        return None
    return writer(str(folder))
