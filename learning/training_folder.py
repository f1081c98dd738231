"""The folder of a training: the request that it was made with, and its log."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from inspector.core.errors import ConfigError, DataError
from inspector.core.files import write_whole

REQUEST: Final = "training.json"
LOG: Final = "log.jsonl"


def refuse_other(folder: Path, request: Mapping[str, Any]) -> None:
    """Raises ConfigError, naming the first difference, where the folder holds a training that was
    asked for otherwise."""
    path = folder / REQUEST
    if not path.exists():
        return
    held = _read(path)
    for key, value in _plain(request).items():
        if held.get(key) != value:
            raise ConfigError(
                f"{folder} holds a training with another {key}: {held.get(key)}, not {value}; take "
                "another --out or the same options"
            )


def claim(folder: Path, request: Mapping[str, Any]) -> None:
    """Writes down what the folder's training is."""
    write_whole(folder / REQUEST, (json.dumps(_plain(request), indent=1) + "\n").encode())


def _plain(request: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON gives it back."""
    plain: dict[str, Any] = json.loads(json.dumps(request))
    return plain


def _read(path: Path) -> dict[str, Any]:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise DataError(f"{path} cannot be read: {exc}; take another --out") from exc
    if not isinstance(held, dict):
        raise DataError(f"{path} does not describe a training; take another --out")
    return held


class Log:
    """JSON lines, one per epoch. A line of the same or a later epoch, from before a stop, goes."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOG
        self._lines = self._kept() if self._path.exists() else []

    def add(self, epoch: int, values: Mapping[str, Any]) -> None:
        self._lines = [line for line in self._lines if line["epoch"] < epoch]
        self._lines.append({"epoch": epoch, **values})
        write_whole(self._path, "".join(json.dumps(line) + "\n" for line in self._lines).encode())

    def _kept(self) -> list[dict[str, Any]]:
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
            return [line for line in map(json.loads, lines) if line["epoch"] > 0]
        except (OSError, ValueError, TypeError, KeyError) as exc:
            raise DataError(f"{self._path} cannot be read: {exc}; move it away") from exc
