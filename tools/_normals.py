"""Good pictures for a command: folders, streams, or a class of a data set."""

import argparse
import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from loguru import logger

from inspector.core.errors import ConfigError, SourceEndedEarly
from inspector.core.picture_files import pictures_of
from inspector.core.protocols import Source
from inspector.core.reading import Reading
from inspector.core.secrets import VISIBLE, insert_secrets, shows_secret
from inspector.core.types import BadFrame, Frame
from inspector.sources.opening import open_source
from inspector.sources.options import SourceOptions, WebOptions
from inspector.sources.uri import kind_of
from learning.classes import divide_classes, read_class
from learning.datasets.layouts import load
from learning.datasets.pictures import list_pictures
from learning.datasets.types import ClassData
from learning.distinct import keep_distinct
from learning.job import Progress
from learning.normals import (
    Normals,
    Size,
    from_folder,
    from_frames,
    from_glob,
    from_pictures,
    list_some,
)
from learning.thresholds.folds import Scheme
from tools._reading_options import chosen_reading

SYNTHETIC: Final = "synthetic"

FILES: Final = ("image_folder", "video_file")
"""Kinds of sources that can be read twice."""


def normals_of(
    uris: Sequence[str],
    arguments: argparse.Namespace,
    progress: Progress,
    *,
    size: Size | None = None,
    spare: int = 0,
) -> Normals:
    """The good pictures of one or several sources, each once. size: None for arguments.size. spare:
    how many more pictures of folders and globs are read.

    arguments: size, max_pictures, keep_similar, bit_depth, max_pixels and, for a live source,
    seconds. Folders and globs are read as one folder; a stream gets an equal share of max_pictures.
    """
    if not arguments.seconds > 0:
        raise ConfigError(f"--seconds must be above 0, not {arguments.seconds}")
    if any(map(shows_secret, uris)):
        logger.warning("{}", VISIBLE)
    if not all(uri.strip() for uri in uris):
        raise ConfigError("--normal: the name of a source is empty")
    places = Counter(os.path.realpath(uri) for uri in uris)
    if repeated := [uri for uri in uris if places[os.path.realpath(uri)] > 1]:
        raise ConfigError(f"--normal names {repeated[0]} twice: leave one out")
    uris = [insert_secrets(uri, "--normal") for uri in uris]
    folders = [uri for uri in uris if kind_of(uri) == "image_folder"]
    streams = [uri for uri in uris if uri not in folders]
    parts: list[Normals] = []
    size = arguments.size if size is None else size
    reading = chosen_reading(arguments)
    share = arguments.max_pictures // (len(streams) + bool(folders))
    if folders:
        parts.append(_read_folders(folders, size, share + spare, reading))
    for uri in streams:
        size = parts[0].rule.input_hw if parts else size
        parts.append(_read_stream(uri, size, share, reading, arguments.seconds, progress))
    normals = _join(parts)
    if len(normals.sources) > 1:
        counts = ", ".join(f"{name} {count}" for name, count in normals.sources)
        logger.info("good pictures of {} sources: {}", len(normals.sources), counts)
    return keep_distinct(normals, keep_similar=arguments.keep_similar)


def can_read_again(uris: Sequence[str]) -> bool:
    """Whether all sources give the same pictures again: folders, pictures and video files."""
    return all(kind_of(uri) in FILES for uri in uris)


def _read_folders(uris: Sequence[str], size: Size | None, most: int, reading: Reading) -> Normals:
    if len(uris) == 1:
        if Path(uris[0]).is_dir():
            return from_folder(Path(uris[0]), input_hw=size, max_pictures=most, reading=reading)
        return from_glob(uris[0], input_hw=size, max_pictures=most, reading=reading)
    places: dict[Path, str] = {}
    for uri in uris:
        files = list_pictures(Path(uri)) if Path(uri).is_dir() else pictures_of(uri)
        for path in files:
            places.setdefault(path.resolve(), uri)
    top = Path(os.path.commonpath([path.parent for path in places]))
    named = [(path.relative_to(top).as_posix(), path) for path in places]
    normals = from_pictures(
        " + ".join(uris), named, input_hw=size, max_pictures=most, reading=reading
    )
    read_files = Counter(places[top / name] for name in normals.names)
    return dataclasses.replace(normals, sources=tuple((uri, read_files[uri]) for uri in uris))


def _read_stream(
    uri: str,
    size: Size | None,
    most: int,
    reading: Reading,
    seconds: float,
    progress: Progress,
) -> Normals:
    options = SourceOptions(uri=uri, bit_depth=reading.bit_depth, max_pixels=reading.max_pixels)
    if uri == SYNTHETIC:
        logger.info("the synthetic web is rendered without defects: {} pictures", most)
        options = SourceOptions(
            uri=uri, synthetic=WebOptions(defect_rate=0, paced=False, frames=most)
        )
    source = open_source(options)
    name = source.info.source_id if source.info.path is None else source.info.path.name
    damaged: list[BadFrame] = []
    try:
        frames = frames_of(source, seconds, progress, damaged.append)
        named = ((_name_of(frame, name), frame.image) for frame in frames)
        normals = from_frames(name, named, input_hw=size, max_pictures=most)
    finally:
        source.close()
    unread = [_name_of(frame, name) for frame in damaged]
    if unread:
        logger.warning(
            "{} damaged frames of {} are left out: {}; the first: {}",
            *(len(unread), name, list_some(unread), damaged[0].error),
        )
    return dataclasses.replace(normals, unread=tuple(unread), bit_depth=reading.bit_depth)


def frames_of(
    source: Source,
    seconds: float,
    progress: Progress = lambda *_: None,
    on_damaged: Callable[[BadFrame], None] = lambda _: None,
) -> Iterator[Frame]:
    """Frames until the source ends, a live one `seconds` after its first; damaged ones are left
    out. A file that ends early causes a warning."""
    first_ns: int | None = None
    while (frame := _read(source)) is not None:
        first_ns = frame.captured_ns if first_ns is None else first_ns
        if source.info.live and frame.captured_ns - first_ns > seconds * 1e9:
            return
        progress("frames", 1, source.info.frame_count or 0)
        if isinstance(frame, Frame):
            yield frame
        else:
            on_damaged(frame)


def _name_of(frame: Frame | BadFrame, source: str) -> str:
    """With the number of the frame and, in a file, its time."""
    time = "" if frame.pts_s is None else f" at {frame.pts_s:.2f} s"
    return f"{source}#{frame.frame_id}{time}"


def _join(parts: Sequence[Normals]) -> Normals:
    """All pictures of the parts, in their order."""
    if len(parts) == 1:
        return parts[0]
    largest = max(parts, key=lambda part: len(part.names))
    for part in parts:
        if part.frame_hw != largest.frame_hw:
            logger.warning(
                "the pictures of {} have {}x{} px and those of {} {}x{}: they are resized to the "
                "same input",
                *(part.name, *part.frame_hw[::-1], largest.name, *largest.frame_hw[::-1]),
            )
    return dataclasses.replace(
        largest,
        name=" + ".join(part.name for part in parts),
        pixels=np.concatenate([part.pixels for part in parts]),
        names=tuple(name for part in parts for name in part.names),
        ordered=any(part.ordered for part in parts),
        unread=tuple(name for part in parts for name in part.unread),
        unused=sum(part.unused for part in parts),
        sources=tuple(
            source for part in parts for source in part.sources or ((part.name, len(part.names)),)
        ),
    )


def _read(source: Source) -> Frame | BadFrame | None:
    try:
        return source.read()
    except SourceEndedEarly as exc:
        logger.warning("{}; only the frames before it are used", exc)
        return None


def classes_of(arguments: argparse.Namespace) -> tuple[ClassData, ...]:
    """The classes of the data set that --normal names, divided as --split says."""
    if len(arguments.normal) > 1:
        raise ConfigError(
            f"--normal names {len(arguments.normal)} sources: a data set must be one folder"
        )
    data = load(Path(arguments.normal[0]), arguments.dataset)
    if arguments.split is None:
        return data
    return divide_classes(data, arguments.split, arguments.seed)


def normals_of_class(
    data: ClassData, arguments: argparse.Namespace, scheme: Scheme, *, size: Size | None = None
) -> tuple[Normals, Scheme]:
    """See learning.classes.read_class. size: None for arguments.size."""
    return read_class(
        data,
        scheme,
        size=arguments.size if size is None else size,
        max_pictures=arguments.max_pictures,
        reading=chosen_reading(arguments),
        keep_similar=arguments.keep_similar,
    )
