"""Chooses the good pictures of a candidate: those of the engine, and those that are added."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engines.pictures import decode, reading_for
from engines.resize import describe_aspect, to_input
from engines.spec import EngineSpec
from inspector.core.arrays import Image
from inspector.core.errors import DataError
from learning.distinct import keep_distinct
from learning.fit_record import FitRecord
from learning.normals import Normals
from learning.stored_pictures import hash_pixels, load_picture


@dataclass(frozen=True, slots=True)
class ChosenPictures:
    """normals: all good pictures, those of the engine first. added, files: names and files of the
    new ones. removed: names of pictures of the engine that are left out. left_out: names of other
    pictures that are left out, and why."""

    normals: Normals
    added: tuple[str, ...]
    files: tuple[Path, ...]
    removed: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Read:
    """A picture file. pixels: of the engine's input."""

    path: Path
    pixels: Image
    bit_depth: int


@dataclass(slots=True)
class _Pictures:
    """names, pixels: in the order of fitting. bit_depth: the largest one."""

    bit_depth: int
    names: list[str] = field(default_factory=list)
    pixels: list[Image] = field(default_factory=list)

    def add(self, name: str, pixels: Image) -> None:
        self.names.append(name)
        self.pixels.append(pixels)

    def normals(self, spec: EngineSpec, record: FitRecord) -> Normals:
        return Normals(
            record.source,
            np.stack(self.pixels),
            tuple(self.names),
            spec.frame_hw,
            spec.resize,
            record.ordered,
            bit_depth=self.bit_depth,
            aspects=spec.aspects,
        )


def find_pictures(
    engine: Path, spec: EngineSpec, record: FitRecord, pictures: Sequence[Path]
) -> Normals:
    """All good pictures of an engine, from the files `pictures` or from those stored beside it.
    Other files are ignored. Raises DataError."""
    named = _read_all(pictures, spec)
    together = _Pictures(_bit_depth(spec, named.values()))
    _add_old(together, engine, spec, record, named, {})
    return together.normals(spec, record)


def choose_pictures(
    engine: Path,
    spec: EngineSpec,
    record: FitRecord,
    pictures: Sequence[Path],
    missed: Sequence[Path],
    *,
    keep_similar: bool,
) -> ChosenPictures:
    """See learning.refitting.refit_engine for the parameters. Raises DataError."""
    named, defects = _read_all(pictures, spec), _read_all(missed, spec)
    for digest, picture in named.items():
        if digest in defects:
            raise DataError(f"{picture.path} was answered as missed, so it is no good picture")
    together = _Pictures(_bit_depth(spec, named.values()))
    removed = _add_old(together, engine, spec, record, named, defects)
    old = len(together.names)
    known = {picture.sha256 for picture in record.pictures}
    new = {digest: picture for digest, picture in named.items() if digest not in known}
    for digest, picture in new.items():
        name = picture.path.name
        together.add(
            name if name not in together.names else f"{digest[:12]}-{name}", picture.pixels
        )
    normals = together.normals(spec, record)
    distinct = keep_distinct(normals, keep_similar=keep_similar)
    reasons = dict.fromkeys(distinct.empty, "it shows one brightness or colour only")
    reasons |= dict.fromkeys(distinct.copies, "it shows the same as another good picture")
    files = dict(zip(together.names[old:], (each.path for each in new.values()), strict=True))
    left_out = tuple((name, reasons[name]) for name in files if name in reasons)
    added = tuple(name for name in files if name not in reasons)
    if not added and not removed:
        why = "; ".join(f"{name}: {reason}" for name, reason in left_out)
        raise DataError(f"nothing to refit: no new good picture{f' ({why})' if why else ''}")
    taken = [i for i, name in enumerate(together.names) if i < old or name not in reasons]
    return ChosenPictures(
        normals.take(np.array(taken)),
        added,
        tuple(files[name] for name in added),
        removed,
        left_out,
    )


def _read_all(paths: Sequence[Path], spec: EngineSpec) -> dict[str, _Read]:
    """Hash of the input pixels -> first file with them."""
    pictures: dict[str, _Read] = {}
    for path in paths:
        picture = _read(path, spec)
        pictures.setdefault(hash_pixels(picture.pixels), picture)
    return pictures


def _read(path: Path, spec: EngineSpec) -> _Read:
    decoded = decode(path, reading_for(spec))
    height, width = decoded.image.shape[:2]
    if (sentence := describe_aspect(spec, (height, width))) is not None:
        raise DataError(f"{path} cannot be added: {sentence}")
    return _Read(path, to_input(decoded.image, spec.resize)[0], decoded.bit_depth)


def _bit_depth(spec: EngineSpec, named: Iterable[_Read]) -> int:
    statistics = spec.good_pictures
    fitted = 8 if statistics is None else statistics.bit_depth or 8
    return max([fitted, *(picture.bit_depth for picture in named)])


def _add_old(
    together: _Pictures,
    engine: Path,
    spec: EngineSpec,
    record: FitRecord,
    named: dict[str, _Read],
    defects: dict[str, _Read],
) -> tuple[str, ...]:
    """Adds the good pictures of the engine, from `named` or those stored beside it. Returns the
    names of those that are defects."""
    removed, missing = [], 0
    for picture in record.pictures:
        digest = picture.sha256
        if digest in defects:
            removed.append(picture.name)
            continue
        pixels: Image | None
        if digest in named:
            pixels = named[digest].pixels
        else:
            pixels = load_picture(engine, digest, spec.resize.input_hw)
        if pixels is None:
            missing += 1
        else:
            together.add(picture.name, pixels)
    if missing:
        raise DataError(
            f"{missing} of the {len(record.pictures)} good pictures of {engine} are neither stored "
            "beside it nor named: name their folder as well; `line-inspector fit --teachable` "
            "stores them"
        )
    return tuple(removed)
