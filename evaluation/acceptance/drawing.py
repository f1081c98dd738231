"""Draws one defect of a known size on a good picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from calibration.plane import Calibration
from inspector.core.arrays import Image, Mask
from inspector.core.errors import DataError
from inspector.synthetic.defect_shapes import feret
from learning.simulation.plans import WITHOUT_CONTRAST, DefectPlan
from learning.simulation.simulate import SimulatedPicture, simulate

TRIES: Final = 12
"""Shapes and places that are tried until a defect lies completely on the product."""

SCALINGS: Final = 4
"""Times that a defect is drawn until its size in mm is right: the scale depends on the place."""

TOLERANCE: Final = 0.01
"""Largest relative error of the size."""

LEAST_VISIBLE: Final = 0.98
"""Share of its outline that must lie on the product, in the region of interest and the picture."""


@dataclass(frozen=True, slots=True)
class DrawingGround:
    """A good picture to draw on. picture: (H, W, 3) uint8 RGB. donors: other good pictures of this
    size. inside: (H, W) of the part that the engine inspects; None is all. calibration: None for
    sizes in px."""

    picture: Image
    donors: Sequence[Image]
    inside: Mask | None
    calibration: Calibration | None


@dataclass(frozen=True, slots=True)
class DrawnDefect:
    """size_px: longest extent, px. centre: (x, y), px. change: largest difference from the good
    picture, grey levels of 0 to 255."""

    simulated: SimulatedPicture
    size_px: float
    centre: tuple[float, float]
    change: float


def draw_sized(
    canvas: DrawingGround, kind: str, size: float, contrast: float, seeds: Sequence[int]
) -> DrawnDefect | None:
    """The first defect of this size that lies completely on the product; None if none does.

    size: longest extent of the outline, or of the middle line of a scratch, crack or fibre; mm with
    a calibration, else px. contrast: see DefectPlan. seeds: entropy; the same draw the same.
    """
    for attempt in range(TRIES):
        seed = int(np.random.default_rng((*seeds, attempt)).integers(2**31))
        drawn = _draw(canvas, kind, size, contrast, seed)
        if drawn is not None and drawn.simulated.visible >= LEAST_VISIBLE:
            return drawn
    return None


def _draw(
    canvas: DrawingGround, kind: str, size: float, contrast: float, seed: int
) -> DrawnDefect | None:
    """None if the region of interest has no room, or if no scale gives the size."""
    unit = min(canvas.picture.shape[:2])
    contrast = 0.0 if kind in WITHOUT_CONTRAST else contrast
    size_px = size / scale_at_centre(canvas.calibration)
    for _ in range(SCALINGS):
        plan = DefectPlan(0, kind, size_px / unit, contrast, seed)
        try:
            simulated = simulate(canvas.picture, plan, canvas.donors, canvas.inside)
        except DataError:
            return None
        length = _length(simulated, canvas.calibration)
        if abs(length / size - 1) <= TOLERANCE:
            return _describe(canvas.picture, simulated)
        size_px *= size / length
    return None


def scale_at_centre(calibration: Calibration | None) -> float:
    """Millimetres per pixel in the middle of a frame; 1 without a calibration."""
    if calibration is None:
        return 1.0
    height, width = calibration.frame_hw
    return float(np.sqrt(np.prod(calibration.mm_per_px_at((width / 2, height / 2)))))


def _length(simulated: SimulatedPicture, calibration: Calibration | None) -> float:
    points = simulated.points
    return feret(points if calibration is None else calibration.to_plane(points))[0]


def _describe(picture: Image, simulated: SimulatedPicture) -> DrawnDefect:
    changed = simulated.pixels[simulated.mask].astype(int) - picture[simulated.mask]
    low, high = simulated.points.min(axis=0), simulated.points.max(axis=0)
    x, y = (low + high) / 2
    size_px = feret(simulated.points)[0]
    return DrawnDefect(simulated, size_px, (float(x), float(y)), float(np.abs(changed).max()))
