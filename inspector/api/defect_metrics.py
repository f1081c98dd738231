"""Holds the defects of one mask with their totals, and writes them as JSON, CSV and drawing."""

import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from calibration.units import mm_per
from inspector.core.arrays import Image
from inspector.core.errors import DataError
from inspector.core.geometry import Affine
from inspector.core.pictures import as_bgr
from inspector.core.refining import REFINING_OFF
from inspector.core.tables import csv_row
from inspector.core.types import Defect, Severity
from inspector.render.canvas import Canvas, Font
from inspector.render.overlay import draw_defects, draw_labels

DIGITS = 7
"""Significant digits in JSON and CSV."""


@dataclass(frozen=True, slots=True)
class DefectMetrics:
    """The defects of one mask. The defect with the highest peak score comes first.

    defects: with sizes in pixels of the frame and, with a scale or a calibration, in millimetres.
    physical_unit: unit of the `*_physical` values; areas are in its square. Without a scale and
    without a calibration, the unit and these values are None.
    threshold: as the caller set it. mask_hw, frame_hw: (height, width); equal without a frame.
    defect_percentage: share of the mask's pixels that belong to the defects, 0 to 100.
    """

    defects: tuple[Defect, ...]
    physical_unit: str | None
    threshold: float
    mask_hw: tuple[int, int]
    frame_hw: tuple[int, int]
    defect_percentage: float

    @property
    def num_defects(self) -> int:
        return len(self.defects)

    @property
    def severities(self) -> tuple[Severity, ...]:
        """Severity of each defect."""
        return tuple(defect.severity for defect in self.defects)

    @property
    def severity_counts(self) -> dict[Severity, int]:
        """Number of defects for every severity, 0 included."""
        return {severity: self.severities.count(severity) for severity in Severity}

    @property
    def defect_areas_px(self) -> tuple[float, ...]:
        """Area of each defect, in pixels of the frame."""
        return tuple(defect.area_px for defect in self.defects)

    @property
    def defect_areas_physical(self) -> tuple[float, ...] | None:
        """Area of each defect, in physical_unit squared."""
        return self._physical(lambda defect: defect.area_mm2, power=2)

    @property
    def defect_lengths_physical(self) -> tuple[float, ...] | None:
        """Largest caliper diameter of each defect, in physical_unit."""
        return self._physical(lambda defect: defect.length_mm)

    @property
    def defect_widths_physical(self) -> tuple[float, ...] | None:
        """Smallest caliper diameter of each defect, in physical_unit."""
        return self._physical(lambda defect: defect.width_mm)

    @property
    def total_defect_area_physical(self) -> float | None:
        areas = self.defect_areas_physical
        return None if areas is None else float(sum(areas))

    @property
    def mean_defect_area_physical(self) -> float | None:
        """None if there is no defect."""
        areas = self.defect_areas_physical
        return statistics.fmean(areas) if areas else None

    @property
    def median_defect_area_physical(self) -> float | None:
        """None if there is no defect."""
        areas = self.defect_areas_physical
        return statistics.median(areas) if areas else None

    @property
    def std_defect_area_physical(self) -> float | None:
        """Sample standard deviation (n - 1). None if there are fewer than two defects."""
        areas = self.defect_areas_physical
        return statistics.stdev(areas) if areas and len(areas) > 1 else None

    def to_json(self) -> str:
        """The totals, and one object for each defect with the columns of to_csv() and its outline.
        The outline has polygons in frame pixels, outer polygons first; the last `holes` of them are
        holes."""
        values = {
            "num_defects": self.num_defects,
            "physical_unit": self.physical_unit,
            "total_defect_area_physical": self.total_defect_area_physical,
            "mean_defect_area_physical": self.mean_defect_area_physical,
            "median_defect_area_physical": self.median_defect_area_physical,
            "std_defect_area_physical": self.std_defect_area_physical,
            "defect_percentage": self.defect_percentage,
            "severity_counts": {str(key): count for key, count in self.severity_counts.items()},
            "threshold": self.threshold,
            "mask_hw": self.mask_hw,
            "frame_hw": self.frame_hw,
        }
        defects = [
            self._row(defect)
            | {"holes": defect.holes, "polygons": [p.round(2).tolist() for p in defect.polygons]}
            for defect in self.defects
        ]
        plain = {key: _round(value) for key, value in values.items()} | {"defects": defects}
        return json.dumps(plain, allow_nan=False)

    def to_csv(self) -> str:
        """A header line and one line for each defect (RFC 4180).

        Columns in a physical unit exist only if the unit is known. Their names end in the unit,
        such as area_mm2. `*_u_*` are standard uncertainties (k = 1). They are empty if a size was
        not refined, because the error of a mask is unknown.
        """
        rows = [self._row(d) | {"truncated": str(d.truncated).lower()} for d in self.defects]
        return "".join(map(csv_row, (self._columns(), *(row.values() for row in rows))))

    def draw(self, image: Image) -> Image:
        """Draws the outline and the label of each defect on a copy of the image.

        image: (H, W, 3) uint8 BGR or (H, W) uint8 grey, of size frame_hw; DataError otherwise.
        The result is (H, W, 3) BGR. It was converted to YUV 4:2:0 and back, as in the pipeline, so
        its colours differ a little from those of the image.
        """
        picture = as_bgr(image)
        height, width = picture.shape[:2]
        if (height, width) != self.frame_hw:
            raise DataError(
                f"the image must have {self.frame_hw[1]}x{self.frame_hw[0]} pixels, like the frame "
                f"of the defects, got {width}x{height}"
            )
        even = cv2.copyMakeBorder(picture, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        canvas = Canvas((even.shape[0], even.shape[1]))
        cv2.cvtColor(even, cv2.COLOR_BGR2YUV_I420, dst=canvas.buffer)
        defects = tuple(map(_mark_mask, self.defects))
        draw_defects(canvas, defects, [Affine(1, 1)], max(1, round(height / 540)))
        font = Font(min(max(min(height // 42, width // 32), 9), 32))
        unit = self.physical_unit or "mm"
        draw_labels(canvas, defects, Affine(1, 1), (0, 0, width, height), font, unit)
        return np.ascontiguousarray(canvas.bgr()[:height, :width])

    def _physical(
        self, size: Callable[[Defect], float | None], power: int = 1
    ) -> tuple[float, ...] | None:
        if self.physical_unit is None:
            return None
        scale = mm_per(self.physical_unit) ** power
        sizes = [size(defect) for defect in self.defects]
        return tuple(value / scale for value in sizes if value is not None)

    def _columns(self) -> list[str]:
        physical = [f"{name}_{self._unit(power)}" for name, _, power in _PHYSICAL]
        return [*_GRADE, *(physical if self.physical_unit else ()), *_PIXELS]

    def _unit(self, power: int) -> str:
        return f"{self.physical_unit}{power if power > 1 else ''}"

    def _row(self, defect: Defect) -> dict[str, Any]:
        values = [get(defect) for get in _GRADE.values()]
        if self.physical_unit is not None:
            scale = mm_per(self.physical_unit)
            for _, name, power in _PHYSICAL:
                value = getattr(defect, name)
                unknown = "_u_" in name and defect.size_source != "refined"
                values.append(None if unknown else value / scale**power)
        values += [get(defect) for get in _PIXELS.values()]
        return dict(zip(self._columns(), map(_round, values), strict=True))


def _mark_mask(defect: Defect) -> Defect:
    """Without a frame, the mask itself is what is measured."""
    return replace(defect, size_source="mask") if defect.size_note == REFINING_OFF else defect


_Get = Callable[[Defect], Any]

_GRADE: dict[str, _Get] = {
    "defect_id": lambda d: d.defect_id,
    "severity": lambda d: d.severity.value,
    "peak_score": lambda d: d.peak_score,
    "mean_score": lambda d: d.mean_score,
    "size_source": lambda d: d.size_source,
    "size_note": lambda d: d.size_note,
    "truncated": lambda d: d.truncated,
}

_PHYSICAL = (
    ("area", "area_mm2", 2),
    ("area_u", "area_u_mm2", 2),
    ("length", "length_mm", 1),
    ("length_u", "length_u_mm", 1),
    ("width", "width_mm", 1),
    ("width_u", "width_u_mm", 1),
)
"""Column without its unit, field of Defect, power of the unit."""

_PIXELS: dict[str, _Get] = {
    "area_px": lambda d: d.area_px,
    "length_px": lambda d: d.length_px,
    "width_px": lambda d: d.width_px,
    "orientation_deg": lambda d: d.orientation_deg,
    "centroid_x_px": lambda d: d.centroid_px[0],
    "centroid_y_px": lambda d: d.centroid_px[1],
    "box_x0_px": lambda d: d.box_px[0],
    "box_y0_px": lambda d: d.box_px[1],
    "box_x1_px": lambda d: d.box_px[2],
    "box_y1_px": lambda d: d.box_px[3],
}


def _round(value: Any) -> Any:
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
