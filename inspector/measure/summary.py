"""Totals of a run over its defects, in memory that does not grow with its length."""

import math
from typing import Any, Final

from inspector.core.quantiles import LogHistogram
from inspector.core.types import Defect, Inspection, Severity, Verdict

MEDIAN_PRECISION: Final = 0.005
"""Largest relative error of a median; all other figures are exact."""

DIGITS: Final = 6
"""Significant digits of what is reported."""


class DefectSummary:
    """Counts, mean, median and standard deviation of sizes, and how much was defective.

    Every sighting counts: a defect that is seen in three frames of a moving web counts three
    times. calibrated: sizes in mm; otherwise in frame pixels.
    """

    def __init__(self, *, calibrated: bool) -> None:
        self._unit = "mm" if calibrated else "px"
        names = (f"length_{self._unit}", f"width_{self._unit}", self._area_name)
        self._sizes = {n: LogHistogram(precision=MEDIAN_PRECISION) for n in names}
        self._severities = dict.fromkeys(Severity, 0)
        self._total = self._refined = self._truncated = 0
        self._judged = self._with_defects = self._failed = 0
        self._defect_px = self._frame_px = 0.0

    @property
    def _area_name(self) -> str:
        return "area_mm2" if self._unit == "mm" else "area_px"

    def add(self, inspection: Inspection) -> None:
        """Frames that could not be judged say nothing about defects and are left out."""
        if inspection.verdict is Verdict.ERROR or inspection.frame.image is None:
            return
        height, width = inspection.frame.image.shape[:2]
        self._judged += 1
        self._with_defects += bool(inspection.defects)
        self._failed += inspection.verdict is Verdict.FAIL
        self._frame_px += height * width
        for defect in inspection.defects:
            self._add(defect)

    def _add(self, defect: Defect) -> None:
        self._total += 1
        self._refined += defect.size_source == "refined"
        self._truncated += defect.truncated
        self._severities[defect.severity] += 1
        self._defect_px += defect.area_px
        for name, histogram in self._sizes.items():
            histogram.add(getattr(defect, name))

    def as_dict(self) -> dict[str, Any]:
        """Plain values; None where too few defects were seen to say it. *_percent: of the frames
        judged, and of their area."""
        return {
            "total": self._total,
            "by_severity": {str(s): count for s, count in self._severities.items()},
            "refined": self._refined,
            "from_map": self._total - self._refined,
            "truncated": self._truncated,
            "frames_judged": self._judged,
            "frames_with_defects": self._with_defects,
            "frames_with_defects_percent": _percent(self._with_defects, self._judged),
            "frames_failed_percent": _percent(self._failed, self._judged),
            "area_percent": _percent(self._defect_px, self._frame_px),
            **{name: _figures(histogram) for name, histogram in self._sizes.items()},
            "median_precision": MEDIAN_PRECISION,
        }


def _figures(sizes: LogHistogram) -> dict[str, float | None]:
    seen = sizes.count > 0
    return {
        "total": _plain(sizes.mean * sizes.count if seen else math.nan),
        "mean": _plain(sizes.mean if seen else math.nan),
        "median": _plain(sizes.quantile(0.5)),
        "standard_deviation": _plain(sizes.std),
        "smallest": _plain(sizes.minimum if seen else math.nan),
        "largest": _plain(sizes.maximum if seen else math.nan),
    }


def _percent(part: float, whole: float) -> float | None:
    return _plain(100 * part / whole if whole else math.nan)


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(f"{value:.{DIGITS}g}")
