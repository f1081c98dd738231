"""Calibrates from a known scale: millimetres per pixel, the same everywhere in the frame."""

from typing import Final

from calibration.plane import Calibration
from inspector.core.clock import utc_now

ASSUMED_U_REL: Final = 0.005
"""Relative uncertainty (k = 1) of a length that somebody measured with a ruler, if it is not known
better. The commands use and state it."""


def from_scale(
    mm_per_px: float,
    frame_hw: tuple[int, int],
    *,
    mm_per_px_y: float | None = None,
    scale_u_rel: float = 0.0,
    camera: str = "",
) -> Calibration:
    """Makes a calibration of kind scale.

    mm_per_px_y: along y, if pixels are not square (line cameras); None: the same as along x.
    """
    pitch_y = mm_per_px if mm_per_px_y is None else mm_per_px_y
    return Calibration(
        kind="scale",
        frame_hw=frame_hw,
        how=f"scale given: {mm_per_px:g} x {pitch_y:g} mm per pixel",
        made_utc=utc_now(),
        mm_per_px=(mm_per_px, pitch_y),
        scale_u_rel=scale_u_rel,
        camera=camera,
    )
