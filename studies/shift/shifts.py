"""The table of shifts, and how a picture is shifted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from inspector.core.arrays import Image, Mask
from inspector.core.errors import ConfigError
from studies.shift import colours, moving
from studies.shift.colours import Pixels
from studies.shift.drawing import Draw, Parameters, make_generator
from studies.shift.moving import HW, Matrix

SEVERITIES: Final = ("mild", "moderate", "severe")
CLEAN: Final = "clean"
"""The transform that changes nothing. Its severity is CLEAN too."""

GEOMETRIC, PHOTOMETRIC, CAMERA = "geometric", "photometric", "camera"


@dataclass(frozen=True, slots=True)
class Shift:
    """A change of the pictures. It has either a matrix, which moves the picture and its mask, or
    alter, which changes the picture only.

    group: GEOMETRIC, PHOTOMETRIC or CAMERA. unit, meaning: of the amount. amounts: the limits for
    mild, moderate and severe; 0 changes nothing. largest: limit of the amount.
    """

    group: str
    unit: str
    meaning: str
    amounts: tuple[float, float, float]
    draw: Callable[[Draw, float], Parameters]
    matrix: Callable[[Parameters, HW], Matrix] | None = None
    alter: Callable[[Pixels, Parameters], Pixels] | None = None
    largest: float = np.inf

    def amount(self, strength: float) -> float:
        """strength: 0 is no shift, 1 mild, 2 moderate, 3 severe, and more is in proportion."""
        if strength > len(SEVERITIES):
            return min(self.amounts[-1] * strength / len(SEVERITIES), self.largest)
        return float(np.interp(strength, range(len(SEVERITIES) + 1), (0, *self.amounts)))


SHIFTS: Final[dict[str, Shift]] = {
    "rotation": Shift(
        *(GEOMETRIC, "degrees", "turned by", (3, 6, 10)),
        *(moving.draw_rotation, moving.rotation),
    ),
    "crop": Shift(
        *(GEOMETRIC, "of the side", "cut by", (0.03, 0.06, 0.1)),
        *(moving.draw_crop, moving.crop),
    ),
    "translation": Shift(
        *(GEOMETRIC, "of the side", "moved by", (0.02, 0.04, 0.06)),
        *(moving.draw_translation, moving.translation),
    ),
    "moved_camera": Shift(
        *(
            CAMERA,
            "of the side",
            "moved, turned and scaled by",
            (0.02, 0.05, 0.1),
        ),
        *(moving.draw_moved_camera, moving.moved_camera),
    ),
    "tilted_camera": Shift(
        *(CAMERA, "of the side", "edges shorter and longer by", (0.02, 0.04, 0.08)),
        *(moving.draw_tilted_camera, moving.tilted_camera),
    ),
    "brightness": Shift(
        *(PHOTOMETRIC, "of the value", "brighter or darker by", (0.1, 0.2, 0.3)),
        *(colours.draw_factor, None, colours.brightness, 0.95),
    ),
    "contrast": Shift(
        *(PHOTOMETRIC, "of the contrast", "more or less contrast by", (0.1, 0.2, 0.3)),
        *(colours.draw_factor, None, colours.contrast, 0.95),
    ),
    "saturation": Shift(
        *(PHOTOMETRIC, "of the saturation", "stronger or weaker colours by", (0.1, 0.2, 0.3)),
        *(colours.draw_factor, None, colours.saturation, 0.95),
    ),
    "vignetting": Shift(
        *(PHOTOMETRIC, "of the light", "darker corners by", (0.2, 0.4, 0.6)),
        *(colours.draw_vignetting, None, colours.vignetting, 1.0),
    ),
    "exposure": Shift(
        *(CAMERA, "stops", "more or less light by", (0.3, 0.6, 1.0)),
        *(colours.draw_exposure, None, colours.exposure),
    ),
    "white_balance": Shift(
        *(CAMERA, "of the value", "red and blue changed by", (0.05, 0.1, 0.2)),
        *(colours.draw_white_balance, None, colours.white_balance, 0.95),
    ),
    "dirty_lens": Shift(
        *(CAMERA, "opacity", "smudges with", (0.15, 0.3, 0.5)),
        *(colours.draw_dirty_lens, None, colours.dirty_lens, 1.0),
    ),
    "blur": Shift(
        *(PHOTOMETRIC, "px", "Gaussian kernel of", (3, 4, 5)),
        *(colours.draw_blur, None, colours.blur),
    ),
    "defocus": Shift(
        *(CAMERA, "px", "disc with a radius of", (1, 2, 3)),
        *(colours.draw_defocus, None, colours.defocus),
    ),
    "motion_blur": Shift(
        *(CAMERA, "px", "line with a length of", (3, 6, 10)),
        *(colours.draw_motion_blur, None, colours.motion_blur),
    ),
    "noise": Shift(
        *(PHOTOMETRIC, "of the range", "Gaussian noise with a sigma of", (0.01, 0.03, 0.05)),
        *(colours.draw_noise, None, colours.noise),
    ),
    "jpeg": Shift(
        *(CAMERA, "below quality 100", "compressed by", (30, 60, 85)),
        *(colours.draw_jpeg, None, colours.jpeg, 99.0),
    ),
}
"""Name -> shift, in the order in which the light meets them: places, light, lens, sensor, file."""

TOGETHER: Final = "together"
GROUPS: Final[dict[str, tuple[str, ...]]] = {
    PHOTOMETRIC: tuple(name for name, shift in SHIFTS.items() if shift.group == PHOTOMETRIC),
    GEOMETRIC: tuple(name for name, shift in SHIFTS.items() if shift.group == GEOMETRIC),
    TOGETHER: tuple(name for name, shift in SHIFTS.items() if shift.group != CAMERA),
}
"""Transforms that apply several shifts."""

KEPT_SHARE: Final = 0.5
"""Least share of the defective area that stays in a picture that is moved."""

WEAKER: Final = (1.0, 0.5, 0.25, 0.125, 0.0)
"""Factors of the movement, tried in this order until KEPT_SHARE is reached."""


@dataclass(frozen=True, slots=True)
class Shifted:
    """image: (H, W, 3) uint8 BGR. mask: (H, W) bool or None. parameters: of each shift. movement:
    factor of WEAKER."""

    image: Image
    mask: Mask | None
    parameters: dict[str, Parameters]
    movement: float


def transforms() -> tuple[str, ...]:
    """Names of all groups and single shifts."""
    return (*GROUPS, *SHIFTS)


def parts_of(transform: str) -> tuple[str, ...]:
    """The names of its shifts. Raises ConfigError for an unknown transform."""
    if transform == CLEAN:
        return ()
    if transform not in transforms():
        raise ConfigError(f"transform {transform!r} is unknown; known: {', '.join(transforms())}")
    return GROUPS.get(transform, (transform,))


def strength_of(severity: str) -> float:
    """Raises ConfigError for an unknown severity."""
    if severity == CLEAN:
        return 0.0
    if severity not in SEVERITIES:
        raise ConfigError(f"severity {severity!r} is unknown; known: {', '.join(SEVERITIES)}")
    return 1.0 + SEVERITIES.index(severity)


def shift_picture(
    image: Image,
    mask: Mask | None,
    transform: str,
    strength: float,
    *,
    seed: int,
    name: str,
    at_limit: bool = False,
) -> Shifted:
    """The shift depends on the seed, the transform and the name of the picture only. A stronger
    shift of the same picture has the same direction.

    image: (H, W, 3) uint8 BGR. strength: see Shift.amount. at_limit: see Draw. If a movement would
    leave less than KEPT_SHARE of the defective pixels, it is made smaller.
    """
    parts = parts_of(transform)
    defective = 0 if mask is None else np.count_nonzero(mask)
    for factor in WEAKER:
        draw = Draw(make_generator(seed, transform, name), at_limit=at_limit)
        parameters = _draw(draw, parts, strength, factor)
        moved, moved_mask = _move(image, mask, parts, parameters)
        if moved_mask is None or np.count_nonzero(moved_mask) >= KEPT_SHARE * defective:
            break
    return Shifted(_alter(moved, parts, parameters), moved_mask, parameters, factor)


def _draw(
    draw: Draw, parts: Sequence[str], strength: float, factor: float
) -> dict[str, Parameters]:
    parameters = {}
    for part in parts:
        shift = SHIFTS[part]
        amount = shift.amount(strength) * (1.0 if shift.matrix is None else factor)
        parameters[part] = shift.draw(draw, amount)
    return parameters


def _move(
    image: Image, mask: Mask | None, parts: Sequence[str], parameters: dict[str, Parameters]
) -> tuple[Image, Mask | None]:
    """All movements are done at once, so that the picture is interpolated once."""
    matrix, hw = np.eye(3), (image.shape[0], image.shape[1])
    for part in parts:
        if (make_matrix := SHIFTS[part].matrix) is not None:
            matrix = make_matrix(parameters[part], hw) @ matrix
    if np.array_equal(matrix, np.eye(3)):
        return image, mask
    return moving.warp(image, mask, matrix)


def _alter(image: Image, parts: Sequence[str], parameters: dict[str, Parameters]) -> Image:
    altering = [(part, alter) for part in parts if (alter := SHIFTS[part].alter) is not None]
    if not altering:
        return image
    pixels = colours.from_bytes(image)
    for part, alter in altering:
        pixels = np.clip(alter(pixels, parameters[part]), 0, 1)
    return colours.to_bytes(pixels)
