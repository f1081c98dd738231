"""Decodes a mask file and describes it: its background, its drawing, and doubts about both."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from engines.pictures import decode_picture
from inspector.core.arrays import Mask
from inspector.core.errors import DataError

Values = npt.NDArray[Any]
Colour = tuple[float, ...]

MAX_LABELS: Final = 32
"""A mask with more values than this has soft edges, or it was compressed with losses."""

MIN_CONTRAST: Final = 0.25
"""Share of the range of values. The drawing of a compressed mask must reach it, because compression
adds values near the background."""

LARGEST_SHARE: Final = 0.9
"""A drawing that covers a larger share of the picture is doubtful."""

_LOSSY: Final = (b"\xff\xd8\xff", b"RIFF", b"\x00\x00\x00\x0cjP")
"""First bytes of JPEG, WebP and JPEG 2000."""


@dataclass(frozen=True, slots=True)
class MaskFile:
    """A decoded mask.

    values: (H, W, C) of its colour channels, or (H, W, 1) of its alpha channel. soft: values near
    the background belong to it, because the mask has soft edges or was compressed. in_alpha: the
    drawing is in the alpha channel. doubt: why the drawing is not certain, else empty.
    """

    values: Values
    soft: bool
    in_alpha: bool
    doubt: str

    @property
    def black(self) -> Colour:
        return (0.0,) * self.values.shape[2]

    def drawn(self, background: Colour) -> Mask:
        """(H, W) bool, true where the mask differs from the background."""
        if not self.soft:
            return np.asarray(
                (self.values != np.array(background, self.values.dtype)).any(axis=2), np.bool_
            )
        distance = _distance(self.values, background)
        return np.asarray(distance > distance.max() / 2, np.bool_)

    def border_colour(self) -> Colour:
        """The commonest colour of the outermost pixels. If the mask is soft: their median, as black
        or as white if it is near."""
        border = _border(self.values)
        if self.soft:
            highest = float(_highest(self.values))
            return tuple(_snap(float(value), highest) for value in np.median(border, axis=0))
        colours, counts = np.unique(border, axis=0, return_counts=True)
        return tuple(float(value) for value in colours[counts.argmax()])


def read_mask_file(path: Path) -> MaskFile:
    """Raises DataError for a file that is no picture."""
    # Unchanged, since turning colours into grey would round small labels down to 0.
    image = decode_picture(path, cv2.IMREAD_UNCHANGED)
    layers = image[..., None] if image.ndim == 2 else image
    if layers.dtype.kind == "f" and not np.isfinite(layers).all():
        raise DataError(f"{path} has values that are not finite")
    has_alpha = layers.shape[2] in (2, 4)
    colours = layers[..., :-1] if has_alpha else layers
    alpha = layers[..., -1:]
    lossy = _is_lossy(path)
    if not has_alpha or _is_constant(alpha):
        return _describe(colours, lossy, False)
    if _is_constant(colours):
        return _describe(alpha, lossy, True)
    by_colour, by_alpha = _describe(colours, lossy, False), _describe(alpha, lossy, True)
    drawings = [mask.drawn(mask.border_colour()) for mask in (by_colour, by_alpha)]
    if (drawings[0] == drawings[1]).all():
        return by_alpha
    doubt = "its colours show another drawing than its alpha channel"
    return MaskFile(by_colour.values, by_colour.soft, False, doubt)


def border_share(mask: Mask) -> float:
    """Share of the outermost pixels that are true."""
    return float(_border(mask[..., None]).mean())


def _describe(values: Values, lossy: bool, in_alpha: bool) -> MaskFile:
    soft = lossy or np.unique(values).size > MAX_LABELS
    mask = MaskFile(values, soft, in_alpha, "")
    doubt = _doubt(mask, lossy) if soft else ""
    return MaskFile(values, soft, in_alpha, doubt)


def _doubt(mask: MaskFile, lossy: bool) -> str:
    background = mask.border_colour()
    if any(value not in (0.0, _highest(mask.values)) for value in background):
        return "it has many values, and its border is neither black nor white, as in a photo"
    distance = _distance(mask.values, background)
    highest = float(distance.max())
    if lossy and 0 < highest < MIN_CONTRAST * _highest(mask.values):
        return (
            f"its values differ by {highest:g} at most, and compression with losses makes such "
            "differences by itself"
        )
    between = np.count_nonzero((distance > highest / 4) & (distance < highest * 3 / 4))
    if between > np.count_nonzero(distance >= highest * 3 / 4):
        return "it has many values in between, so it does not show where a defect ends"
    return ""


def _highest(values: Values) -> float:
    """Highest value of the type of the mask; of the values themselves if they are floats."""
    return float(np.iinfo(values.dtype).max if values.dtype.kind == "u" else values.max())


def _snap(value: float, highest: float) -> float:
    if value < highest / 8:
        return 0.0
    return highest if value > highest * 7 / 8 else value


def _distance(values: Values, colour: Sequence[float]) -> npt.NDArray[np.float32]:
    """(H, W) largest difference of a channel from a colour."""
    distance = np.zeros(values.shape[:2], np.float32)
    for channel, value in enumerate(colour):
        np.maximum(distance, np.abs(values[..., channel] - np.float32(value)), out=distance)
    return distance


def _border(values: Values) -> Values:
    """(n, C) of the outermost pixels."""
    sides = (values[0], values[-1], values[1:-1, 0], values[1:-1, -1])
    return np.concatenate(sides)


def _is_constant(values: Values) -> bool:
    return bool((values == values[0, 0]).all())


def _is_lossy(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(8).startswith(_LOSSY)
