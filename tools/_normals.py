"""Good pictures for a command: a folder, a stream, or a class of a data set."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from inspector.build import open_source
from inspector.core.arrays import Image
from inspector.core.errors import ConfigError
from inspector.core.protocols import Source
from inspector.core.types import Frame
from inspector.sources.options import SourceOptions
from inspector.sources.uri import kind_of
from learning.datasets.layouts import load
from learning.datasets.splits import Fractions, load_or_make
from learning.datasets.types import ClassData
from learning.normals import Normals, from_folder, from_glob, from_pictures, from_stream
from learning.thresholds.folds import Scheme


def normals_of(uri: str, arguments: argparse.Namespace) -> Normals:
    """arguments: size, max_pictures and, for a live source, seconds."""
    size, most = arguments.size, arguments.max_pictures
    if not arguments.seconds > 0:
        raise ConfigError(f"--seconds must be above 0, not {arguments.seconds}")
    if kind_of(uri) == "image_folder":
        if Path(uri).is_dir():
            return from_folder(Path(uri), input_hw=size, max_pictures=most)
        return from_glob(uri, input_hw=size, max_pictures=most)
    if uri == "synthetic":
        raise ConfigError("--normal synthetic shows defects; normal pictures must have none")
    source = open_source(SourceOptions(uri=uri))
    name = source.info.source_id if source.info.path is None else source.info.path.name
    try:
        frames = frames_of(source, arguments.seconds)
        return from_stream(name, frames, input_hw=size, max_pictures=most)
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
    place: Path | None = arguments.split
    if place is None:
        return data
    if len(data) > 1 and place.suffix:
        raise ConfigError(f"--split {place} must be a folder: there are {len(data)} classes")
    return tuple(one if not one.samples else _divided(one, place, arguments.seed) for one in data)


def _divided(one: ClassData, place: Path, seed: int) -> ClassData:
    path = place if place.suffix else place / f"{one.name}.json"
    return load_or_make(path, one, seed=seed, fractions=Fractions()).apply(one)


def normals_of_class(
    one: ClassData, arguments: argparse.Namespace, scheme: Scheme
) -> tuple[Normals, Scheme]:
    """Good validation pictures, where there are any, are held out to choose the thresholds.

    Raises ConfigError where the scheme asks for something else.
    """
    held = tuple(sample for sample in one.validation() if not sample.defective)
    named = [(sample.name, sample.path) for sample in (*one.normals(), *held)]
    normals = from_pictures(
        one.name, named, input_hw=arguments.size, max_pictures=arguments.max_pictures
    )
    there = set(normals.names)
    kept = tuple(sample.name for sample in held if sample.name in there)
    if kept and scheme != Scheme():
        raise ConfigError(
            f"class {one.name} has {len(kept)} good validation pictures that choose its "
            "thresholds: leave out --folds and --hold-out"
        )
    return normals, Scheme(held_out=kept) if kept else scheme
