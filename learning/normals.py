"""Reads normal pictures from a folder or a stream, as input pixels of one size."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from loguru import logger

from engines.pictures import decode, decode_picture
from engines.resize import to_input
from engines.spec import ResizeRule
from inspector.core.arrays import Image, Mask
from inspector.core.errors import ConfigError, DataError
from inspector.core.picture_files import pictures_of
from inspector.core.reading import READING, Reading
from learning.datasets.pictures import list_pictures
from learning.frame_sizes import (
    SHORT_SIDE,
    Aspects,
    by_aspect,
    choose_frame,
    default_input_hw,
    warn_of_varied_aspects,
)

MAX_UNREADABLE: Final = 0.1
"""Share of a folder's pictures that may be unreadable before fitting stops."""

MAX_PICTURES: Final = 200
"""More pictures make methods that keep all of them slow."""
SPARE: Final = 600
"""Most pictures that are read in addition and choose the thresholds only."""

MAX_NAMES: Final = 8
"""Pictures that a warning names."""

Size = tuple[int, int] | int
"""(height, width) of the input; or its short side, then the long side follows the frame."""

Crop = tuple[float, float, float, float]
WHOLE: Final[Crop] = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Normals:
    """Normal pictures as the engine takes them.

    pixels: (n, H, W, 3) uint8 RGB. names: of the pictures, for the hash in the spec. frame_hw: the
    size that stands for the pictures before resizing, see choose_frame. aspects: of frames that
    the engine accepts, if those of the pictures vary. ordered: frames of one stream. unread: names
    of pictures that could not be read. unused: how many were left out by max_pictures. bit_depth:
    of the camera; None if it is not known. empty: names of pictures that show nothing. copies:
    names of pictures that count as one with another picture. The last two are not among the pixels.
    sources: names of several sources, with the number of pictures that were read of each. distinct:
    the pictures were searched for those two.
    """

    name: str
    pixels: Image
    names: tuple[str, ...]
    frame_hw: tuple[int, int]
    rule: ResizeRule
    ordered: bool
    unread: tuple[str, ...] = ()
    unused: int = 0
    bit_depth: int | None = None
    empty: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    sources: tuple[tuple[str, int], ...] = ()
    distinct: bool = False
    aspects: Aspects | None = None

    def take(self, chosen: npt.NDArray[np.int64] | Mask) -> "Normals":
        """Only some pictures. chosen: their indices, or (n,) bool."""
        indices = np.arange(len(self.names))[chosen]
        names = tuple(self.names[index] for index in indices)
        return replace(self, pixels=self.pixels[indices], names=names)


def _input_hw(size: Size | None, frame_hw: tuple[int, int]) -> tuple[int, int]:
    if isinstance(size, tuple):
        return size
    return default_input_hw(frame_hw, SHORT_SIDE if size is None else size)


def spread(count: int, most: int) -> list[int]:
    """At most `most` of the indices 0..count-1, evenly spread, first and last among them."""
    if count <= most:
        return list(range(count))
    return [round(i) for i in np.linspace(0, count - 1, most)]


def from_folder(
    folder: Path,
    *,
    input_hw: Size | None = None,
    max_pictures: int = MAX_PICTURES,
    crop: Crop = WHOLE,
    reading: Reading = READING,
) -> Normals:
    """The pictures of a folder, or of its train/good; see from_pictures."""
    return from_pictures(
        folder.name,
        _name_by_path(list_pictures(folder)),
        input_hw=input_hw,
        max_pictures=max_pictures,
        crop=crop,
        reading=reading,
    )


def from_glob(
    pattern: str,
    *,
    input_hw: Size | None = None,
    max_pictures: int = MAX_PICTURES,
    reading: Reading = READING,
) -> Normals:
    """The pictures that match a glob, or a single picture; see from_pictures. A glob of all the
    pictures in a folder gives what from_folder gives. Names are paths from the innermost folder
    that holds all of them."""
    paths = pictures_of(pattern)
    name = _common_folder(paths).resolve().name
    named = _name_by_path(paths)
    return from_pictures(name, named, input_hw=input_hw, max_pictures=max_pictures, reading=reading)


def _common_folder(paths: Sequence[Path]) -> Path:
    return Path(os.path.commonpath([path.parent for path in paths]))


def _name_by_path(paths: Sequence[Path]) -> list[tuple[str, Path]]:
    """Each path with its name from the innermost folder that holds all of them."""
    folder = _common_folder(paths)
    return [(path.relative_to(folder).as_posix(), path) for path in paths]


def from_pictures(
    name: str,
    named: Sequence[tuple[str, Path]],
    *,
    input_hw: Size | None = None,
    max_pictures: int = MAX_PICTURES,
    crop: Crop = WHOLE,
    reading: Reading = READING,
) -> Normals:
    """Reads pictures, given as names and files; unreadable ones are named, skipped and counted.

    input_hw: None takes default_input_hw of frame_hw. crop: see ResizeRule. Raises
    DataError for more than MAX_UNREADABLE unreadable pictures.
    """
    chosen = [named[i] for i in spread(len(named), check_max_pictures(max_pictures))]
    paths = [path for _, path in chosen]
    sizes: dict[Path, tuple[int, int]] = {}
    resized: dict[Path, Image] = {}
    depths: list[int] = []
    reason = ""
    for path in paths:
        try:
            decoded = decode(path, reading)
        except DataError as exc:
            logger.warning("skipped: {}", exc)
            reason = reason or str(exc)
            continue
        image = decoded.image
        depths.append(decoded.bit_depth)
        sizes[path] = (image.shape[0], image.shape[1])
        resized[path] = _resize(image, _input_hw(input_hw, sizes[path]), crop)
    unread = tuple(picture_name for picture_name, path in chosen if path not in sizes)
    _refuse_unread(name, unread, len(paths), reason)
    frame_hw, aspects = _choose_frame(sizes)
    rule = ResizeRule(_input_hw(input_hw, frame_hw), crop)
    for path, pixels in resized.items():
        if pixels.shape[:2] != rule.input_hw:
            resized[path] = to_input(decode_picture(path, reading=reading), rule)[0]
    names = tuple(picture_name for picture_name, path in chosen if path in sizes)
    pixels = np.stack(list(resized.values()))
    unused = len(named) - len(paths)
    return Normals(
        name,
        pixels,
        names,
        frame_hw,
        rule,
        ordered=False,
        unread=unread,
        unused=unused,
        bit_depth=max(depths),
        aspects=aspects,
    )


def from_stream(
    name: str,
    frames: Iterable[Image],
    *,
    input_hw: Size | None = None,
    max_pictures: int = MAX_PICTURES,
) -> Normals:
    """Takes frames (H, W, 3) uint8 BGR of one stream, numbered from 0; see from_frames."""
    named = ((f"{name}#{index}", frame) for index, frame in enumerate(frames))
    return from_frames(name, named, input_hw=input_hw, max_pictures=max_pictures)


def from_frames(
    name: str,
    frames: Iterable[tuple[str, Image]],
    *,
    input_hw: Size | None = None,
    max_pictures: int = MAX_PICTURES,
) -> Normals:
    """Takes evenly spread frames of one stream, never holding more than twice max_pictures.

    frames: name and picture, (H, W, 3) uint8 BGR, of each. The first frame's size decides. Raises
    DataError if there is no frame.
    """
    most = check_max_pictures(max_pictures)
    stored: list[tuple[str, Image]] = []
    sizes: dict[str, tuple[int, int]] = {}
    rule, frame_hw, step, count = None, (0, 0), 1, 0
    for index, (frame_name, frame) in enumerate(frames):
        count = index + 1
        if rule is None:
            frame_hw = (frame.shape[0], frame.shape[1])
            rule = ResizeRule(_input_hw(input_hw, frame_hw))
        if index % step:
            continue
        stored.append((frame_name, to_input(frame, rule)[0]))
        sizes[frame_name] = (frame.shape[0], frame.shape[1])
        if len(stored) == 2 * most:
            stored, step = stored[::2], 2 * step
            sizes = {stored_name: sizes[stored_name] for stored_name, _ in stored}
    if rule is None:
        raise DataError(f"{name} gave no frames")
    chosen = [stored[i] for i in spread(len(stored), most)]
    pixels = np.stack([image for _, image in chosen])
    names = tuple(frame_name for frame_name, _ in chosen)
    _warn_of_sizes({frame_name: sizes[frame_name] for frame_name in names}, frame_hw)
    return Normals(name, pixels, names, frame_hw, rule, True, (), count - len(chosen))


def list_some(items: Sequence[str]) -> str:
    """The first MAX_NAMES items, and how many more there are."""
    more = f", ... ({len(items) - MAX_NAMES} more)" if len(items) > MAX_NAMES else ""
    return ", ".join(items[:MAX_NAMES]) + more


def check_max_pictures(max_pictures: int) -> int:
    """Raises ConfigError for fewer than two."""
    if max_pictures < 2:
        raise ConfigError(f"max_pictures must be at least 2, not {max_pictures}")
    return max_pictures


def _resize(image: Image, input_hw: tuple[int, int], crop: Crop) -> Image:
    return to_input(image, ResizeRule(input_hw, crop))[0]


def _refuse_unread(name: str, unread: tuple[str, ...], count: int, reason: str) -> None:
    """reason: why the first unread picture cannot be read."""
    if unread and len(unread) == count:
        raise DataError(f"none of the {count} pictures of {name} can be read, first: {reason}")
    if len(unread) > MAX_UNREADABLE * count:
        raise DataError(
            f"{len(unread)} of {count} pictures of {name} cannot be read, first: {reason}; "
            f"at most {MAX_UNREADABLE:.0%} may"
        )


def _choose_frame(sizes: Mapping[Path, tuple[int, int]]) -> tuple[tuple[int, int], Aspects | None]:
    """See choose_frame. A warning names the pictures of another size."""
    frame_hw, aspects = choose_frame(list(sizes.values()))
    named = {path.name: hw for path, hw in sizes.items()}
    if aspects is None:
        _warn_of_sizes(named, frame_hw)
    else:
        warn_of_varied_aspects(named, frame_hw, aspects)
    return frame_hw, aspects


def _warn_of_sizes(sizes: Mapping[str, tuple[int, int]], frame_hw: tuple[int, int]) -> None:
    """sizes: name of each picture -> (height, width)."""
    others = [(name, hw) for name, hw in sizes.items() if hw != frame_hw]
    if not others:
        return
    stretched = any(by_aspect(hw) != by_aspect(frame_hw) for _, hw in others)
    logger.warning(
        "{} of {} pictures do not have the size {}x{} of the others and are {}: {}",
        *(len(others), len(sizes), frame_hw[1], frame_hw[0]),
        "stretched to its aspect" if stretched else "resized",
        list_some([f"{name} ({hw[1]}x{hw[0]})" for name, hw in others]),
    )
