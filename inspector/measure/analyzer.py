"""MapAnalyzer: from an anomaly map to defects with sizes in pixels and millimetres."""

from dataclasses import dataclass, replace

import numpy as np

from calibration.plane import Calibration
from inspector.core.arrays import Image, Map, Mask
from inspector.core.geometry import Affine, Points
from inspector.core.types import Defect, Severity
from inspector.measure import shape
from inspector.measure.contours import Region, find_regions, open_map, region_scores
from inspector.measure.options import MeasureOptions
from inspector.measure.outline import Outline, Unrefined
from inspector.measure.physical import Physical, in_millimetres
from inspector.measure.refine import refine
from inspector.measure.severity import grade

BORDER_PX = 1.0
"""Frame pixels to the border of what was inspected from where an outline counts as cut off."""

MAP_AREA_U = 0.85
"""Standard uncertainty of an area that the map alone gives, relative: the true one is usually 4 to
17 times smaller, so the deviation is nearly the value itself."""

MAP_LENGTH_U = 1.0
"""The same of its length and width, in widths of the region: a map swells about as far at the ends
as at the sides, and of a weak defect it may show a part only."""


@dataclass(frozen=True, slots=True)
class _Found:
    """One region of the map, in map and in frame pixels."""

    region: Region
    polygons: tuple[Points, ...]
    peak: float
    mean: float

    @property
    def outer(self) -> Points:
        return np.concatenate(self.polygons[: len(self.polygons) - self.region.holes])


@dataclass(frozen=True, slots=True)
class _View:
    """What one call of analyze() looks at."""

    image: Image
    anomaly_map: Map
    to_frame: Affine
    pixel_threshold: float


class MapAnalyzer:
    """Finds defects on the anomaly map and sizes them on the frame.

    calibration: None leaves everything in pixels. inspected: (h, w) of the map, what the engine
    judges; None is all.
    """

    def __init__(
        self,
        calibration: Calibration | None,
        options: MeasureOptions,
        *,
        inspected: Mask | None = None,
    ) -> None:
        self._calibration = calibration
        self._options = options
        self._inspected = inspected

    def analyze(
        self, image: Image, anomaly_map: Map, to_frame: Affine, pixel_threshold: float
    ) -> tuple[Defect, ...]:
        """image: (H, W, 3) BGR. anomaly_map: (h, w). to_frame: map -> frame pixels.

        The defects, highest peak score first. Raises CalibrationSizeError for a frame of another
        size than the calibration's.
        """
        if self._calibration is not None:
            self._calibration.check((image.shape[0], image.shape[1]))
        if not anomaly_map.max() >= pixel_threshold:
            return ()
        view = _View(image, self._judged(anomaly_map), to_frame, pixel_threshold)
        found = _find(view)
        defects = [
            defect
            for rank, one in enumerate(found)
            for outline, note in self._outlines(view, found, rank)
            if self._large_enough(defect := self._defect(view, one, outline, note))
        ]
        defects.sort(key=lambda d: -d.peak_score)
        return tuple(replace(d, defect_id=index) for index, d in enumerate(defects))

    def _judged(self, anomaly_map: Map) -> Map:
        if self._inspected is not None:
            anomaly_map = np.where(self._inspected, anomaly_map, anomaly_map.min())
        return open_map(anomaly_map, self._options.opening_px)

    def _outlines(
        self, view: _View, found: list[_Found], rank: int
    ) -> list[tuple[Outline, str | None]]:
        """Refined outlines of one region, or its own with the reason why."""
        one = found[rank]
        if not self._options.refine:
            return [(_from_map(one), "refinement is off")]
        most = self._options.max_refined
        if rank >= most:
            return [(_from_map(one), f"only {most} regions of a frame are refined")]
        others = tuple(f.polygons for i, f in enumerate(found) if i != rank)
        result = refine(view.image, one.region, view.anomaly_map, view.to_frame, others)
        if isinstance(result, Unrefined):
            return [(_from_map(one), result.reason)]
        return [(outline, None) for outline in result]

    def _large_enough(self, defect: Defect) -> bool:
        if defect.area_px < self._options.min_area_px:
            return False
        limit, size = self._options.min_area_mm2, defect.area_mm2
        return limit is None or size is None or size >= limit

    def _defect(self, view: _View, found: _Found, outline: Outline, note: str | None) -> Defect:
        points = outline.outer
        length, orientation = shape.max_feret(points)
        area = shape.region_area(outline.polygons, outline.holes)
        physical = Physical()
        if self._calibration is not None:
            physical = in_millimetres(
                self._calibration, outline, found.polygons, found.region.holes
            )
        peak, mean = self._scores(view, found, outline)
        return Defect(
            defect_id=0,
            polygons=outline.polygons,
            holes=outline.holes,
            box_px=shape.box(points),
            centroid_px=shape.region_centroid(outline.polygons, outline.holes),
            area_px=area,
            length_px=length,
            width_px=shape.min_feret(points),
            orientation_deg=orientation,
            peak_score=peak,
            mean_score=mean,
            severity=self._grade(length, physical, peak, view.pixel_threshold),
            size_source="refined" if note is None else "map",
            size_note=note,
            truncated=self._truncated(points, view),
            map_area_px=shape.region_area(found.polygons, found.region.holes),
            map_length_px=shape.max_feret(found.outer)[0],
            map_width_px=shape.min_feret(found.outer),
            centroid_mm=physical.centroid_mm,
            area_mm2=physical.area_mm2,
            length_mm=physical.length_mm,
            width_mm=physical.width_mm,
            equivalent_diameter_mm=physical.equivalent_diameter_mm,
            area_u_mm2=physical.area_u_mm2,
            length_u_mm=physical.length_u_mm,
            width_u_mm=physical.width_u_mm,
            map_area_mm2=physical.map_area_mm2,
            map_length_mm=physical.map_length_mm,
            map_width_mm=physical.map_width_mm,
        )

    def _grade(
        self, length_px: float, physical: Physical, peak: float, threshold: float
    ) -> Severity:
        return grade(
            self._options.severity,
            length_px=length_px,
            length_mm=physical.length_mm,
            area_mm2=physical.area_mm2,
            peak_score=peak,
            pixel_threshold=threshold,
        )

    def _scores(self, view: _View, found: _Found, outline: Outline) -> tuple[float, float]:
        """Peak and mean of the whole region, or around its own part where that was split."""
        if outline.parts == 1:
            return found.peak, found.mean
        back = view.to_frame.inverse()
        own = Region(tuple(back.apply(p) for p in outline.polygons), outline.holes)
        return region_scores(view.anomaly_map, own)

    def _truncated(self, points: Points, view: _View) -> bool:
        """Whether an outline comes to the border of the frame, of the engine's crop, or of the
        region of interest; the last to one map pixel."""
        map_h, map_w = view.anomaly_map.shape
        corners = view.to_frame.apply(np.array(((0, 0), (map_w, map_h)), dtype=np.float64))
        frame = np.array((view.image.shape[1], view.image.shape[0]), dtype=np.float64)
        low, high = np.maximum(corners[0], 0), np.minimum(corners[1], frame)
        if (points < low + BORDER_PX).any() or (points > high - BORDER_PX).any():
            return True
        if self._inspected is None:
            return False
        places = np.floor(view.to_frame.inverse().apply(points)).astype(int)
        columns, rows = np.clip(places, 0, (map_w - 1, map_h - 1)).T
        return any(
            not self._inspected[
                np.clip(rows + down, 0, map_h - 1), np.clip(columns + right, 0, map_w - 1)
            ].all()
            for down in (-1, 0, 1)
            for right in (-1, 0, 1)
        )


def _find(view: _View) -> list[_Found]:
    found = []
    for region in find_regions(view.anomaly_map, view.pixel_threshold):
        peak, mean = region_scores(view.anomaly_map, region)
        polygons = tuple(view.to_frame.apply(p) for p in region.polygons)
        found.append(_Found(region, polygons, peak, mean))
    return sorted(found, key=lambda f: -f.peak)


def _from_map(found: _Found) -> Outline:
    area = shape.region_area(found.polygons, found.region.holes)
    swelling = MAP_LENGTH_U * shape.min_feret(found.outer)
    return Outline(found.polygons, found.region.holes, MAP_AREA_U * area, swelling, swelling)
