"""The folder of a training: what was asked for, the log, the sheet of synthetic defects."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from inspector.core.arrays import Image, Mask
from inspector.core.errors import ConfigError, DataError, SinkError
from inspector.core.files import write_whole
from learning.methods.glass.training.las import Synthesis

REQUEST: Final = "training.json"
LOG: Final = "log.jsonl"
SHEET: Final = "defects.png"

SHOWN: Final = 12
"""Synthetic defects on the sheet."""

WIDEST: Final = 1600
"""Of the sheet, px."""


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


def write_sheet(
    folder: Path, pixels: Image, foregrounds: Mask | None, synthesis: Synthesis, seed: int
) -> None:
    """Rows of pictures with synthetic defects, and below each the same with the mask outlined.
    pixels: (n, H, W, 3) uint8 RGB, foregrounds: (n, H, W)."""
    hw = (pixels.shape[1], pixels.shape[2])
    plain, outlined = [], []
    for number in range(SHOWN):
        index = number * len(pixels) // SHOWN
        rng = np.random.default_rng([seed, number])
        allowed = None if foregrounds is None else foregrounds[index]
        made = synthesis.defect(pixels[index], allowed, hw, rng)
        plain.append(made.pixels)
        outlined.append(_outlined(made.pixels, made.mask.pixels))
    columns = max(1, min(SHOWN, WIDEST // hw[1]))
    rows = []
    for start in range(0, SHOWN - SHOWN % columns, columns):
        for tiles in (plain, outlined):
            rows.append(np.concatenate(tiles[start : start + columns], axis=1))
    _write_picture(folder / SHEET, np.concatenate(rows))


def _outlined(pixels: Image, mask: Mask) -> Image:
    copy = pixels.copy()
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(copy, found, -1, (0, 255, 0), 1)
    return copy


def _write_picture(path: Path, pixels: Image) -> None:
    done, content = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    if not done:
        raise SinkError(f"{path}: a sheet of shape {pixels.shape} cannot be stored as PNG")
    write_whole(path, content.tobytes())
