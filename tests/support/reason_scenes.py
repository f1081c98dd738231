"""Inspections whose verdict needs a reason, or needs none."""

import numpy as np

from inspector.core.arrays import freeze
from inspector.core.geometry import Affine
from inspector.core.types import Defect, Frame, Inspection, Severity, Verdict

UTC = "2026-01-31T12:00:00.123Z"
HW = (360, 640)
OUTLINE = np.array(((30.0, 30.0), (60.0, 30.0), (60.0, 50.0), (30.0, 50.0)))
DEFECT = Defect(
    0,
    (OUTLINE,),
    0,
    (30.0, 30.0, 60.0, 50.0),
    (45.0, 40.0),
    600.0,
    36.0,
    20.0,
    30.0,
    3.0,
    2.0,
    Severity.LOW,
    "map",
    False,
    600.0,
    36.0,
    20.0,
)


def inspection(
    verdict: Verdict, score: float, *, defects: bool, peak: float = 0.2, hw: tuple[int, int] = HW
) -> Inspection:
    """Thresholds: 0.35 for pictures, 0.5 for the map."""
    image = freeze(np.full((*hw, 3), 120, np.uint8))
    frame = Frame(5, "line", image, 0, 2.5, UTC)
    anomaly_map = np.full((30, 40), peak, np.float32)
    to_frame = Affine.between((30, 40), (0, 0, hw[1], hw[0]))
    shown = (DEFECT,) if defects else ()
    return Inspection(frame, verdict, 0.35, 0.5, score, anomaly_map, to_frame, defects=shown)
