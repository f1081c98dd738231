"""A valid example value for every field that format 2 adds."""

from typing import Any

import numpy as np

from engines import png
from engines.spec_fields import (
    DefectPower,
    Foreground,
    PictureFigure,
    PictureStatistics,
    PowerPoint,
    Quantisation,
    RateThresholds,
    ReferenceView,
    Selection,
    SelectionCandidate,
)

VIEW_HW = (16, 24)


def figure(name: str = "brightness") -> PictureFigure:
    return PictureFigure(name, 5.0, 2.0, (1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 8.0, 8.5, 9.0), 0.5, 9.5)


def view() -> np.ndarray:
    """Grey picture of size VIEW_HW, uint8."""
    return np.arange(16 * 24, dtype=np.uint16).reshape(VIEW_HW).astype(np.uint8)


def new_fields() -> dict[str, Any]:
    picture = png.encode(view())
    return {
        "aspects": (0.5, 2.5),
        "good_pictures": PictureStatistics(12, (figure(), figure("contrast")), 8, 0.001),
        "reference_view": ReferenceView(VIEW_HW, picture, 12, True, figure("shift")),
        "rates": (
            RateThresholds(0.01, 0.5, 0.6, None, 0.25),
            RateThresholds(0.05, 0.4, 0.5, 0.09, 0.75),
        ),
        "selection": Selection(
            "simulated defects detected at 5 % false alarms",
            (
                SelectionCandidate("rad", {"radius": 1, "layers": ["a", "b"]}, 0.8, 3.5),
                SelectionCandidate("padim", {}, note="needs 3 pictures"),
            ),
            0,
            "rad detects most",
            60.0,
        ),
        "power": (
            DefectPower("scratch", (PowerPoint(2.0, 40, 10, 30.0), PowerPoint(4.0, 40, 38))),
            DefectPower("hole", (PowerPoint(3.0, 40, 40),), 3.0, {"edge": "soft"}),
        ),
        "foreground": Foreground("features", 0.4, VIEW_HW, picture, {"level": 0.5}),
        "quantisation": Quantisation(
            "int8", "uint8", "minmax", 32, "ab" * 32, True, False, 120, ("head",), 0.01
        ),
    }
