"""Where a defect is on a moving web."""

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
