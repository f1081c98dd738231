"""Turns the pictures of a folder or data set into the frames of a test video."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from engines.pictures import decode_picture
from inspector.core.arrays import Image
from inspector.core.errors import ConfigError, DataError
from inspector.core.picture_files import folders_in, pictures_in

FrameBox = tuple[float, float, float, float]
"""(x0, y0, x1, y1) in frame pixels."""


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """A picture of a data set. label: its folder under test/, None in a plain folder."""

    path: Path
    label: str | None


@dataclass(frozen=True, slots=True)
class PlacedPicture:
    """A picture in a frame. box_px: the part of the frame that it covers."""

    picture: LabelledPicture
    box_px: FrameBox


VideoFrames = Iterator[tuple[Image, list[PlacedPicture]]]
"""(H, W, 3) uint8 BGR each, with the pictures that it shows."""


def list_labelled_pictures(dataset: Path, defect: str | None) -> list[LabelledPicture]:
    """The pictures in DATASET/test/<kind>, in DATASET/<kind>, or directly in DATASET.

    They are sorted by kind and name. defect: only this kind. Raises DataError if there are none.
    """
    if not dataset.is_dir():
        raise DataError(f"data set {dataset} is not a folder")
    root = dataset / "test" if (dataset / "test").is_dir() else dataset
    kinds = [folder for folder in folders_in(root) if pictures_in(folder)]
    if defect is not None:
        chosen = [p for p in kinds if p.name == defect]
        if not chosen:
            known = ", ".join(p.name for p in kinds) or "none, it is a plain folder"
            raise DataError(f"{root} has no pictures of kind {defect!r}; kinds: {known}")
        return [LabelledPicture(path, defect) for path in pictures_in(chosen[0])]
    plain = [LabelledPicture(path, None) for path in pictures_in(root)]
    pictures = plain or [LabelledPicture(path, p.name) for p in kinds for path in pictures_in(p)]
    if not pictures:
        raise DataError(f"{root} holds no pictures, and neither do its folders")
    return pictures


def video_hw(first: Path) -> tuple[int, int]:
    """Height and width of a video that starts with this picture; both are even.

    Raises DataError if the picture is too small or cannot be decoded.
    """
    height, width = decode_picture(first).shape[:2]
    if min(height, width) < 2:
        raise DataError(
            f"the first picture has {width}x{height} pixels; a video needs at least 2x2"
        )
    return height - height % 2, width - width % 2


def show_each(pictures: list[LabelledPicture], hw: tuple[int, int], hold: int) -> VideoFrames:
    """Shows every picture for `hold` frames."""
    for picture in pictures:
        image, box = _fit_into(decode_picture(picture.path), hw)
        for _ in range(hold):
            yield image, [PlacedPicture(picture, box)]


def scroll_past(
    pictures: list[LabelledPicture], hw: tuple[int, int], speed: float | None
) -> VideoFrames:
    """Moves the pictures, side by side, from right to left.

    The first frame shows the first picture completely, the last frame the last one. speed: pixels
    per frame; None for a 24th of the width. Raises ConfigError for a speed out of range.
    """
    width = hw[1]
    step = width / 24 if speed is None else speed
    if not 0 < step <= width:
        raise ConfigError(f"--speed must lie above 0 and up to the width of {width}, not {step:g}")
    near: dict[int, tuple[Image, FrameBox]] = {}
    end = (len(pictures) - 1) * width
    for position in (*np.arange(0, end, step), float(end)):
        left, offset = divmod(round(position), width)
        numbers = range(left, min(left + 2, len(pictures)))
        near = {n: near.get(n) or _fit_into(decode_picture(pictures[n].path), hw) for n in numbers}
        row = np.concatenate([near[n][0] for n in numbers], axis=1)
        shown = []
        for number in numbers:
            box = _shift(near[number][1], (number - left) * width - offset, width)
            if box is not None:
                shown.append(PlacedPicture(pictures[number], box))
        yield np.ascontiguousarray(row[:, offset : offset + width]), shown


def _shift(box: FrameBox, shift: float, width: int) -> FrameBox | None:
    """The part of the shifted box that lies in the frame."""
    x0, x1 = max(box[0] + shift, 0.0), min(box[2] + shift, float(width))
    return (x0, box[1], x1, box[3]) if x0 < x1 else None


def _fit_into(image: Image, hw: tuple[int, int]) -> tuple[Image, FrameBox]:
    """The complete picture in a black frame of the size hw, with its aspect unchanged; and its box.

    A picture that is larger by a row or a column loses that row or column and is not resampled.
    """
    height, width = image.shape[:2]
    if height - hw[0] in (0, 1) and width - hw[1] in (0, 1):
        return image[: hw[0], : hw[1]], (0.0, 0.0, float(hw[1]), float(hw[0]))
    scale = min(hw[0] / height, hw[1] / width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    top, left = (hw[0] - size[0]) // 2, (hw[1] - size[1]) // 2
    out = np.zeros((*hw, 3), np.uint8)
    out[top : top + size[0], left : left + size[1]] = cv2.resize(
        image, (size[1], size[0]), interpolation=method
    )
    return out, (float(left), float(top), float(left + size[1]), float(top + size[0]))
