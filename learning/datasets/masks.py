"""Reads the masks of a class as boolean arrays, by a stated rule."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from inspector.core.arrays import Mask
from inspector.core.errors import ConfigError, DataError
from learning.datasets.mask_files import (
    LARGEST_SHARE,
    Colour,
    MaskFile,
    border_share,
    read_mask_file,
)
from learning.datasets.types import Sample

AUTO: Final = "auto"

MASK_RULES: Final[dict[str, str]] = {
    AUTO: "a pixel is defective where the mask differs from its background, which is black unless "
    "all masks of the class prove another one; doubtful masks are refused",
    "any": "a pixel is defective where its value in the mask file is above 0",
    "half": "a pixel is defective where its value in the mask file is above half of what its type "
    "can hold, or above 0.5 where it is a float",
    "inverted": "a pixel is defective where its value in the mask file is at most half of the "
    "highest value in the file",
}
"""VisA's masks hold small numbers; on masks of 0 and 255 auto, any and half are the same. Reports
of pixel metrics name the rule."""

FIRM_BORDER: Final = 0.95
"""Share of the outermost pixels that a background covers."""

FEWEST_PROOFS: Final = 2
"""Masks that must show the same background before it is taken for the background of the class."""

REMEDY: Final = (
    "Correct it. If the masks of the class are right as they are, give evaluate --mask-values any "
    "(defects are above 0) or inverted (defects are dark)"
)


@dataclass(frozen=True, slots=True)
class _Look:
    """What one mask file shows. drawn: share of the picture that is not black. colour, border: the
    commonest colour of the border, and the share of the border that has it. inside: share of the
    picture that has another colour than this."""

    drawn: float
    colour: Colour
    border: float
    inside: float

    @property
    def is_bordered(self) -> bool:
        """Whether most of the border has a colour that is not black, and something is drawn."""
        return any(self.colour) and self.border > 0.5 and self.inside > 0

    @property
    def proves(self) -> bool:
        """Whether the mask shows that the colour of its border is its background."""
        return self.is_bordered and self.border >= FIRM_BORDER and self.inside < 0.5


class MaskReader:
    """Reads the masks of one class.

    notes: sentences about masks that are not simply white on black. Raises ConfigError for an
    unknown rule.
    """

    def __init__(self, samples: Iterable[Sample], rule: str = AUTO) -> None:
        if rule not in MASK_RULES:
            raise ConfigError(f"mask rule {rule!r} is unknown; known: {', '.join(MASK_RULES)}")
        self._rule = rule
        self._background: Colour | None = None
        self._doubts: dict[Path, str] = {}
        self.notes: tuple[str, ...] = ()
        if rule == AUTO:
            self._examine([path for sample in samples if sample.defective for path in sample.masks])

    def read(self, sample: Sample, hw: tuple[int, int]) -> Mask:
        """(H, W) bool; the union if a sample has several masks, all False for a good one.

        hw: size of the sample's picture. Raises DataError for a defective sample without a mask,
        for a mask that cannot be read, for a doubtful one, and for one of another size.
        """
        defects = np.zeros(hw, np.bool_)
        if not sample.defective:
            return defects
        if not sample.masks:
            raise DataError(f"picture {sample.path} is defective ({sample.kind}) and has no mask")
        for path in sample.masks:
            if path in self._doubts:
                raise DataError(f"mask {path} is refused: {self._doubts[path]}. {REMEDY}")
            mask = self._read_file(path, sample)
            if mask.shape != hw:
                turned = ", turned by 90 degrees" if mask.shape == hw[::-1] else ""
                raise DataError(
                    f"mask {path} is {mask.shape[1]}x{mask.shape[0]} and its picture {sample.path} "
                    f"is {hw[1]}x{hw[0]}{turned}: save the mask in the size of the picture"
                )
            defects |= mask
        return defects

    def _read_file(self, path: Path, sample: Sample) -> Mask:
        try:
            mask = read_mask_file(path)
        except DataError as exc:
            raise DataError(
                f"mask {path} of picture {sample.path} is not a readable picture"
            ) from exc
        if self._rule == AUTO:
            return mask.drawn(self._background or mask.black)
        values = mask.values.max(axis=-1)
        if self._rule == "any":
            return np.asarray(values > 0, np.bool_)
        if self._rule == "inverted":
            return np.asarray(mask.values.min(axis=-1) <= values.max() / 2, np.bool_)
        half = np.iinfo(values.dtype).max // 2 if values.dtype.kind == "u" else 0.5
        return np.asarray(values > half, np.bool_)

    def _examine(self, paths: list[Path]) -> None:
        looks: dict[Path, _Look] = {}
        counts = {"alpha": 0, "soft": 0}
        for path in paths:
            try:
                mask = read_mask_file(path)
            except DataError:
                continue  # read() reports the file
            if mask.doubt:
                self._doubts[path] = mask.doubt
                continue
            counts["alpha"] += mask.in_alpha
            counts["soft"] += mask.soft
            looks[path] = _look(mask)
        self._background = _find_background(list(looks.values()))
        doubts = {path: _doubt(look, self._background) for path, look in looks.items()}
        self._doubts |= {path: doubt for path, doubt in doubts.items() if doubt}
        self.notes = tuple(_describe(self._background, counts))


def _look(mask: MaskFile) -> _Look:
    colour = mask.border_colour()
    inside = mask.drawn(colour)
    drawn = mask.drawn(mask.black) if any(colour) else inside
    return _Look(float(drawn.mean()), colour, 1 - border_share(inside), float(inside.mean()))


def _find_background(looks: list[_Look]) -> Colour | None:
    """The background that the masks of a class prove; None if it is black or not certain."""
    proofs = [look for look in looks if look.proves]
    exceptions = [
        look for look in looks if look.is_bordered and look.inside < 0.5 and not look.proves
    ]
    agreeing = [*proofs, *exceptions]
    drawings = [look for look in looks if look.drawn > 0 and look.inside > 0]
    colours = {look.colour for look in agreeing}
    if len(proofs) < max(FEWEST_PROOFS, len(exceptions)) or len(agreeing) < len(drawings):
        return None
    return colours.pop() if len(colours) == 1 else None


def _doubt(look: _Look, background: Colour | None) -> str:
    """Why a mask is refused; empty if its drawing is certain."""
    if background is None and look.proves:
        return (
            f"its whole border is {_name(look.colour)}, so it may be inverted, but the other masks "
            "of the class do not prove it"
        )
    if background is None and look.is_bordered and look.border >= FIRM_BORDER:
        return "its whole border is marked, so it has a frame or is inverted"
    if background is None and look.is_bordered and look.drawn > 0.5:
        return (
            f"it marks {look.drawn:.0%} of the picture and most of its border, so it may be "
            "inverted"
        )
    marked = look.drawn
    if background is not None:
        marked = look.inside if look.colour == background else 1.0
    return f"it marks {marked:.0%} of the picture as defect" if marked > LARGEST_SHARE else ""


def _describe(background: Colour | None, counts: Mapping[str, int]) -> Iterator[str]:
    if background is not None:
        yield (
            f"the background of all masks is {_name(background)}, so other pixels are defective "
            "(--mask-values any reads the masks as white on black)"
        )
    if counts["alpha"]:
        yield f"{counts['alpha']} masks have the defects in their alpha channel"
    if counts["soft"]:
        yield (
            f"{counts['soft']} masks were compressed with losses or have soft edges: a pixel is "
            "defective if it differs from the background by more than half of the largest "
            "difference"
        )


def _name(colour: Colour) -> str:
    if set(colour) == {255.0}:
        return "white"
    return "of the value " + "/".join(f"{value:g}" for value in colour)
