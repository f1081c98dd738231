"""Where a defect and a frame are on a moving web."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WebPlace:
    """The track of a defect and the centre of its area on the web.

    track_id: the same for all sightings of one defect; None if the web at this place was counted
    before. x_mm: across, in the frame. y_m: along, from the start of the run. x_px, y_px: the same
    in frame pixels without a calibration. Values of the other unit are None.
    """

    track_id: str | None
    x_mm: float | None = None
    y_m: float | None = None
    x_px: float | None = None
    y_px: float | None = None


@dataclass(frozen=True, slots=True)
class FrameOnWeb:
    """How far the web has moved from the start of the run to one frame.

    motion: known, assumed or unknown, how well the motion since the frame before is known. u_mm:
    standard uncertainty of that motion. y_m: along. x_mm: across. y_px, x_px, u_px: the same in
    frame pixels without a calibration. Values of the other unit are None. encoder_mm: position of
    an encoder; None if the motion has no encoder with absolute positions.
    """

    motion: str
    y_m: float | None = None
    x_mm: float | None = None
    u_mm: float | None = None
    y_px: float | None = None
    x_px: float | None = None
    u_px: float | None = None
    encoder_mm: float | None = None
