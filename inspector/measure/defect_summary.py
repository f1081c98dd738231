"""Computes totals over the defects of a run. The memory does not grow with the run."""

import math
from typing import Any, Final

from inspector.core.quantiles import LogHistogram
from inspector.core.types import Defect, Inspection, Severity, Verdict

MEDIAN_PRECISION: Final = 0.005
"""Largest relative error of a median. All other figures are exact."""

DIGITS: Final = 6
"""Significant digits of the reported figures."""


class DefectSummary:
    """Counts defects and frames, and computes mean, median and standard deviation of the sizes.

    Every sighting counts: a defect in three frames of a moving web counts three times.
    calibrated: True for sizes in mm, False for frame pixels.
    """

    def __init__(self, *, calibrated: bool) -> None:
        self._unit = "mm" if calibrated else "px"
        names = (f"length_{self._unit}", f"width_{self._unit}", self._area_name)
        self._sizes = {n: LogHistogram(precision=MEDIAN_PRECISION) for n in names}
        self._severities = dict.fromkeys(Severity, 0)
        self._total = self._refined = self._tracked = self._truncated = 0
        self._frames = self._frames_with_defects = self._frames_failed = 0
        self._frames_failed_empty = 0
        self._defect_px = self._frame_px = 0.0

    @property
    def _area_name(self) -> str:
        return "area_mm2" if self._unit == "mm" else "area_px"

    def add(self, inspection: Inspection) -> None:
        """Adds a frame. A frame that could not be judged is ignored."""
        if inspection.verdict is Verdict.ERROR or inspection.frame.image is None:
            return
        height, width = inspection.frame.image.shape[:2]
        self._frames += 1
        self._frames_with_defects += bool(inspection.defects)
        self._frames_failed += inspection.verdict is Verdict.FAIL
        failed_empty = inspection.verdict is Verdict.FAIL and not inspection.defects
        self._frames_failed_empty += failed_empty
        self._frame_px += height * width
        for defect in inspection.defects:
            self._add(defect)

    def _add(self, defect: Defect) -> None:
        self._total += 1
        self._refined += defect.size_source == "refined"
        self._tracked += defect.size_source == "track"
        self._truncated += defect.truncated
        self._severities[defect.severity] += 1
        self._defect_px += defect.area_px
        for name, histogram in self._sizes.items():
            if (size := getattr(defect, name)) is not None:  # sizes in mm can be withheld
                histogram.add(size)

    def as_dict(self) -> dict[str, Any]:
        """Plain values; None if there are too few defects. *_percent: share of the judged frames,
        or of their area."""
        return {
            "total": self._total,
            "by_severity": {str(s): count for s, count in self._severities.items()},
            "refined": self._refined,
            "from_track": self._tracked,
            "from_map": self._total - self._refined - self._tracked,
            "truncated": self._truncated,
            "frames_judged": self._frames,
            "frames_with_defects": self._frames_with_defects,
            "frames_failed_without_defects": self._frames_failed_empty,
            "frames_with_defects_percent": _percent(self._frames_with_defects, self._frames),
            "frames_failed_percent": _percent(self._frames_failed, self._frames),
            "area_percent": _percent(self._defect_px, self._frame_px),
            **{name: _figures(histogram) for name, histogram in self._sizes.items()},
            "median_precision": MEDIAN_PRECISION,
        }


def _figures(sizes: LogHistogram) -> dict[str, float | None]:
    has_values = sizes.count > 0
    return {
        "total": _plain(sizes.mean * sizes.count if has_values else math.nan),
        "mean": _plain(sizes.mean if has_values else math.nan),
        "median": _plain(sizes.quantile(0.5)),
        "standard_deviation": _plain(sizes.std),
        "smallest": _plain(sizes.minimum if has_values else math.nan),
        "largest": _plain(sizes.maximum if has_values else math.nan),
    }


def _percent(part: float, total: float) -> float | None:
    return _plain(100 * part / total if total else math.nan)


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(f"{value:.{DIGITS}g}")
