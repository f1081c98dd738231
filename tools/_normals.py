"""Good pictures for a command: a folder, a stream, or a class of a data set."""

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from loguru import logger
from tqdm import tqdm

from inspector.build import open_source
from inspector.core.arrays import Image
from inspector.core.errors import ConfigError
from inspector.core.protocols import Source
from inspector.core.secrets import VISIBLE, insert_secrets, shows_secret
from inspector.core.types import Frame
from inspector.sources.options import SourceOptions
from inspector.sources.uri import kind_of
from learning.classes import divide_classes, read_class
from learning.datasets.layouts import load
from learning.datasets.types import ClassData
from learning.normals import Normals, from_folder, from_glob, from_stream
from learning.thresholds.folds import Scheme
from tools._reading_options import chosen_reading


def normals_of(uri: str, arguments: argparse.Namespace) -> Normals:
    """arguments: size, max_pictures, bit_depth, max_pixels and, for a live source, seconds."""
    size, most, reading = arguments.size, arguments.max_pictures, chosen_reading(arguments)
    if not arguments.seconds > 0:
        raise ConfigError(f"--seconds must be above 0, not {arguments.seconds}")
    if shows_secret(uri):
        logger.warning("{}", VISIBLE)
    uri = insert_secrets(uri, "--normal")
    if kind_of(uri) == "image_folder":
        if Path(uri).is_dir():
            return from_folder(Path(uri), input_hw=size, max_pictures=most, reading=reading)
        return from_glob(uri, input_hw=size, max_pictures=most, reading=reading)
    if uri == "synthetic":
        raise ConfigError("--normal synthetic shows defects; good pictures must have none")
    source = open_source(
        SourceOptions(uri=uri, bit_depth=reading.bit_depth, max_pixels=reading.max_pixels)
    )
    name = source.info.source_id if source.info.path is None else source.info.path.name
    try:
        frames = frames_of(source, arguments.seconds)
        normals = from_stream(name, frames, input_hw=size, max_pictures=most)
        return dataclasses.replace(normals, bit_depth=reading.bit_depth)
    finally:
        source.close()


def frames_of(source: Source, seconds: float) -> Iterator[Image]:
    """Frames until the source ends, a live one `seconds` after its first; damaged ones are left
    out."""
    first_ns: int | None = None
    with tqdm(desc="frames", unit="frame", total=source.info.frame_count, disable=None) as bar:
        while (frame := source.read()) is not None:
            first_ns = frame.captured_ns if first_ns is None else first_ns
            if source.info.live and frame.captured_ns - first_ns > seconds * 1e9:
                return
            bar.update()
            if isinstance(frame, Frame):
                yield frame.image


def classes_of(arguments: argparse.Namespace) -> tuple[ClassData, ...]:
    """The classes of the data set that --normal names, divided as --split says."""
    data = load(Path(arguments.normal), arguments.dataset)
    if arguments.split is None:
        return data
    return divide_classes(data, arguments.split, arguments.seed)


def normals_of_class(
    data: ClassData, arguments: argparse.Namespace, scheme: Scheme
) -> tuple[Normals, Scheme]:
    """See learning.classes.read_class."""
    return read_class(
        data,
        scheme,
        size=arguments.size,
        max_pictures=arguments.max_pictures,
        reading=chosen_reading(arguments),
    )
