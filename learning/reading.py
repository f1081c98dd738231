"""Reads normal pictures from a folder, picture files or arrays."""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Image
from inspector.core.errors import ConfigError, DataError
from inspector.core.pictures import CHANNELS, as_bgr
from inspector.core.reading import READING, Reading
from learning.distinct import keep_distinct
from learning.normals import (
    MAX_PICTURES,
    Normals,
    Size,
    from_folder,
    from_pictures,
    from_stream,
)

NormalPictures = str | Path | Normals | Iterable[str | Path] | Iterable[npt.NDArray[np.uint8]]


def read_normals(
    pictures: NormalPictures,
    *,
    channels: str = "bgr",
    ordered: bool = False,
    size: Size | None = None,
    max_pictures: int = MAX_PICTURES,
    spare: int = 0,
    keep_similar: bool = False,
    reading: Reading = READING,
) -> Normals:
    """Reads normal pictures, each once; see learning.fit for the parameters. spare: how many more
    of a folder or of files are read.

    Raises ConfigError for other channels, DataError for pictures that cannot be used.
    """
    if channels not in CHANNELS:
        raise ConfigError(f"channels must be bgr or rgb, not {channels!r}")
    normals = _read(
        pictures,
        channels,
        ordered=ordered,
        size=size,
        max_pictures=max_pictures,
        spare=spare,
        reading=reading,
    )
    return keep_distinct(normals, keep_similar=keep_similar)


def _read(
    pictures: NormalPictures,
    channels: str,
    *,
    ordered: bool,
    size: Size | None,
    max_pictures: int,
    spare: int,
    reading: Reading,
) -> Normals:
    if isinstance(pictures, Normals):
        return pictures
    most = max_pictures + spare
    if isinstance(pictures, str | Path):
        return from_folder(Path(pictures), input_hw=size, max_pictures=most, reading=reading)
    first, rest = _peek(pictures)
    if isinstance(first, str | Path):
        paths = [_path(item) for item in rest]
        named = list(zip(_names(paths), paths, strict=True))
        return from_pictures("files", named, input_hw=size, max_pictures=most, reading=reading)
    frames = _frames(rest, channels)
    normals = from_stream("arrays", frames, input_hw=size, max_pictures=max_pictures)
    return dataclasses.replace(normals, ordered=ordered)


def _peek(items: Iterable[Any]) -> tuple[Any, Iterator[Any]]:
    """The first item, and all of them."""
    rest = iter(items)
    for first in rest:
        return first, itertools.chain([first], rest)
    raise DataError("there are no pictures to fit")


def _path(item: object) -> Path:
    if not isinstance(item, str | Path):
        raise DataError(f"pictures must be all paths or all arrays, not also {type(item).__name__}")
    return Path(item)


def _names(paths: list[Path]) -> list[str]:
    """File names, or whole paths for files that share a name."""
    counts = Counter(path.name for path in paths)
    return [path.name if counts[path.name] == 1 else str(path) for path in paths]


def _frames(pictures: Iterable[Any], channels: str) -> Iterator[Image]:
    """(H, W, 3) uint8 BGR each. Grey pictures (H, W) become BGR."""
    for index, picture in enumerate(pictures):
        try:
            yield as_bgr(picture, channels)
        except DataError as exc:
            raise DataError(f"picture {index}: {exc}") from exc
