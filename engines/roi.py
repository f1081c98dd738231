"""Reads a region of interest from a YAML file and draws it as a mask."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engines.spec import EngineSpec, Roi
from engines.spec_checks import LARGEST_SIDE
from inspector.core.arrays import Mask
from inspector.core.errors import ConfigError
from inspector.core.schema import shown
from inspector.core.yaml_text import read_yaml

KEYS = ("frame_hw", "inspect", "ignore")

Polygon = tuple[tuple[float, float], ...]


def load_roi(path: Path, frame_hw: tuple[int, int]) -> Roi:
    """Reads `inspect` and `ignore` polygons, lists of [x, y] in frame pixels.

    frame_hw: size of the frames; a `frame_hw` in the file must be the same. Raises ConfigError with
    the dotted path of the wrong key.
    """
    try:
        raw = read_yaml(path)
    except OSError as exc:
        raise ConfigError(f"region file {path} cannot be read: {exc.strerror}") from exc
    except ValueError as exc:
        raise ConfigError(f"region file {path} cannot be used: {exc}") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"region file {path} must hold some of the keys {', '.join(KEYS)}")
    for key in raw:
        if key not in KEYS:
            raise ConfigError(f"{path}: key {str(key)[:60]} is unknown; known: {', '.join(KEYS)}")
    _check_size(path, raw.get("frame_hw"), frame_hw)
    inspect = _polygons(path, raw.get("inspect"), "inspect")
    ignore = _polygons(path, raw.get("ignore"), "ignore")
    if not inspect and not ignore:
        raise ConfigError(f"{path} has no polygon; add one under inspect or ignore")
    roi = Roi(frame_hw, inspect, ignore)
    if not draw_mask(roi, frame_hw).any():
        raise ConfigError(
            f"{path} leaves nothing of a {frame_hw[1]}x{frame_hw[0]} frame to inspect"
        )
    return roi


def draw_mask(
    roi: Roi,
    map_hw: tuple[int, int],
    crop: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0),
) -> Mask:
    """Mask (h, w): true for map pixels whose centre is inspected.

    crop: the part of the frame that the map covers, (left, top, right, bottom) as fractions.
    """
    height, width = roi.frame_hw
    left, top, right, bottom = crop
    x = (left + (np.arange(map_hw[1]) + 0.5) / map_hw[1] * (right - left)) * width
    y = (top + (np.arange(map_hw[0]) + 0.5) / map_hw[0] * (bottom - top)) * height
    inside = np.full(map_hw, not roi.inspect)
    for polygon in roi.inspect:
        inside |= _contains(polygon, x, y)
    for polygon in roi.ignore:
        inside &= ~_contains(polygon, x, y)
    return inside


def draw_inspected(spec: EngineSpec) -> Mask | None:
    """Mask (h, w) of the map of an engine: true where it inspects; None if it inspects all."""
    return None if spec.roi is None else draw_mask(spec.roi, spec.map_hw, spec.resize.crop)


def _contains(polygon: Polygon, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> Mask:
    """Whether the grid points x (w,) by y (h,) are inside, by the even-odd rule."""
    inside = np.zeros((len(y), len(x)), bool)
    for (x0, y0), (x1, y1) in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        if y0 == y1:
            continue
        crosses = (y >= min(y0, y1)) & (y < max(y0, y1))
        at = x0 + (y[crosses] - y0) * (x1 - x0) / (y1 - y0)
        inside[crosses] ^= x[None, :] < at[:, None]
    return inside


def _check_size(path: Path, stated: Any, frame_hw: tuple[int, int]) -> None:
    if stated is None:
        return
    if not isinstance(stated, list) or len(stated) != 2 or not all(map(_is_size, stated)):
        raise ConfigError(f"{path}: frame_hw must be [height, width], not {shown(stated)}")
    if tuple(stated) != frame_hw:
        raise ConfigError(
            f"{path}: frame_hw is {stated}, but the frames have {list(frame_hw)} (height, width)"
        )


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST_SIDE


def _polygons(path: Path, raw: Any, key: str) -> tuple[Polygon, ...]:
    if raw is None:
        return ()
    if not isinstance(raw, list):
        raise ConfigError(f"{path}: {key} must be a list of polygons, not {shown(raw)}")
    return tuple(_polygon(path, points, f"{key}.{index}") for index, points in enumerate(raw))


def _polygon(path: Path, raw: Any, key: str) -> Polygon:
    if not isinstance(raw, list) or len(raw) < 3:
        raise ConfigError(
            f"{path}: {key} must be a list of at least three [x, y], not {shown(raw)}"
        )
    return tuple(_point(path, point, f"{key}.{index}") for index, point in enumerate(raw))


def _point(path: Path, raw: Any, key: str) -> tuple[float, float]:
    if not isinstance(raw, list) or len(raw) != 2 or not all(map(_is_number, raw)):
        raise ConfigError(f"{path}: {key} must be two numbers [x, y], not {shown(raw)}")
    return float(raw[0]), float(raw[1])


def _is_number(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and abs(value) <= sys.float_info.max
