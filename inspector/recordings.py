"""Finds the recordings that a folder or a glob means, and names their result folders."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loguru import logger

from inspector.config import Config
from inspector.core.errors import ConfigError
from inspector.core.picture_files import entries, expand_glob, is_glob, is_picture, natural_key
from inspector.outputs.folder import RESULTS
from inspector.sources.uri import strip_file_scheme

RECORDING_SUFFIXES: Final = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".avi", ".webm", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts"),
    *(".wmv", ".flv", ".mjpeg", ".mjpg", ".h264", ".264", ".h265", ".hevc", ".ogv", ".3gp", ".mxf"),
)
"""In lower case. Only files with these suffixes are recordings in a folder or a glob."""

RECORD: Final = "recordings.json"
"""File that says which recordings were inspected into a folder, and with what."""

_UNUSABLE: Final = re.compile(r"[{}/\\]")


@dataclass(frozen=True, slots=True)
class Recording:
    """A video file, and the name of its result folder."""

    name: str
    path: Path


def find_recordings(config: Config) -> tuple[Recording, ...]:
    """The recordings that source.uri means, in natural order; none for any other source.

    A folder or a glob with pictures means pictures. A warning says if it has videos, too. Raises
    ConfigError if two recordings have the same name.
    """
    if config.sources or config.source.uri is None:
        return ()
    uri = strip_file_scheme(config.source.uri)
    if os.path.isdir(uri):
        paths, base = entries(Path(uri)), Path(uri)
    elif is_glob(uri):
        paths, base = [Path(path) for path in expand_glob(uri)], _fixed_folder(uri)
    else:
        return ()
    videos = sorted((p for p in paths if _is_recording(p)), key=lambda p: natural_key(str(p)))
    if videos and any(map(is_picture, paths)):
        logger.warning(
            "{} means pictures; its {} videos are left out: name them by a glob such as *{}",
            *(uri, len(videos), videos[0].suffix),
        )
        return ()
    return tuple(_name(videos, base))


def _is_recording(path: Path) -> bool:
    hidden = path.name.startswith(".")
    return path.suffix.lower() in RECORDING_SUFFIXES and not hidden and os.path.isfile(path)


def _fixed_folder(pattern: str) -> Path:
    """The part of a glob before the first wildcard, as a folder."""
    parts = Path(pattern).parts
    first = next(i for i, part in enumerate(parts) if is_glob(part) or set("*?[") & set(part))
    return Path(*parts[:first])


def _name(paths: Iterable[Path], base: Path) -> Iterable[Recording]:
    """The name of a recording depends only on its path below the base, so that it does not change
    when recordings are added."""
    names: dict[str, Path] = {}
    for path in paths:
        name = _UNUSABLE.sub("_", str(path.relative_to(base).with_suffix("")))
        if name in (*RESULTS, RECORD):
            raise ConfigError(f"{path}: {name} is the name of a result: rename the recording")
        if (other := names.get(name.casefold())) is not None:
            raise ConfigError(
                f"{other} and {path} would have the same result folder {name}: rename one of them, "
                "or name a more exact --source"
            )
        names[name.casefold()] = path
        yield Recording(name, path)
