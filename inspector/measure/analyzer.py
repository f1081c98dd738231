"""Turns an anomaly map into defects with sizes in pixels and millimetres."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from calibration.plane import Calibration
from inspector.core.arrays import Image, Map, Mask
from inspector.core.geometry import Affine, Points
from inspector.core.refining import NOT_REACHED, REFINING_OFF, KnownDefects, RefinePlan
from inspector.core.types import Defect, Severity
from inspector.measure import shape
from inspector.measure.candidates import (
    FrameRegion,
    MapOnFrame,
    RegionOutlines,
    find_candidates,
    keep_map,
    refine_candidate,
)
from inspector.measure.contours import MapRegion, open_map, score_region
from inspector.measure.options import MeasureOptions
from inspector.measure.outline import Outline
from inspector.measure.physical import PhysicalSizes, measure_in_millimetres
from inspector.measure.severity import grade
from inspector.measure.shape_figures import compute_shape_figures
from inspector.measure.unite import unite_regions

BORDER_PX = 1.0
"""Frame pixels. An outline this near to the border of the inspected area counts as cut off."""


class MapAnalyzer:
    """Finds defects on the anomaly map and sizes them on the frame.

    calibration: None for sizes in pixels only. inspected: (h, w) mask of the map, True where the
    engine inspects; None for the whole map.
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
        self,
        image: Image,
        anomaly_map: Map,
        to_frame: Affine,
        pixel_threshold: float,
        plan: RefinePlan | None = None,
        known: KnownDefects | None = None,
    ) -> tuple[Defect, ...]:
        """Finds and measures the defects. The defect with the highest peak score comes first.

        image: (H, W, 3) BGR. anomaly_map: (h, w). to_frame: map -> frame pixels. plan: which
        regions are refined; None: the strongest, without a limit of time. known: defects that need
        not be refined, because earlier frames gave their sizes. Raises CalibrationSizeError if the
        frame does not have the size of the calibration.
        """
        if self._calibration is not None:
            self._calibration.check((image.shape[0], image.shape[1]))
        if not anomaly_map.max() >= pixel_threshold:
            return ()
        view = MapOnFrame(image, self._prepare_map(anomaly_map), to_frame, pixel_threshold)
        candidates = find_candidates(view)
        outlines = self._find_outlines(view, candidates, plan, known)
        defects = [
            (defect, rank)
            for rank, (parts, note) in enumerate(outlines)
            for part in parts
            if self._is_large_enough(
                defect := self._measure(view, candidates[rank], part, note, alone=len(parts) == 1)
            )
        ]
        defects.sort(key=lambda pair: -pair[0].peak_score)
        if known is not None:
            known.learn([rank for _, rank in defects])
        return tuple(replace(d, defect_id=index) for index, (d, _) in enumerate(defects))

    def _prepare_map(self, anomaly_map: Map) -> Map:
        if self._inspected is not None:
            anomaly_map = np.where(self._inspected, anomaly_map, anomaly_map.min())
        return open_map(anomaly_map, self._options.opening_px)

    def _find_outlines(
        self,
        view: MapOnFrame,
        candidates: list[FrameRegion],
        plan: RefinePlan | None,
        known: KnownDefects | None,
    ) -> list[RegionOutlines]:
        """Refined outlines of each region, or its outline on the map with the reason."""
        if not self._options.refine:
            return [keep_map(candidate, REFINING_OFF) for candidate in candidates]
        most, boxes = self._options.max_refined, [c.box for c in candidates]
        recalled = {} if known is None else known.recall(boxes)
        refined: dict[int, RegionOutlines] = {
            rank: (defects, None) for rank, defects in recalled.items()
        }
        ranks: Sequence[int] = [r for r in range(len(boxes)) if r not in recalled][:most]
        for rank in ranks if plan is None else plan.order(boxes, most, recalled):
            work = partial(refine_candidate, view, candidates, rank)
            result = work() if plan is None else plan.attempt(rank, work)
            if result is None:
                break
            refined[rank] = result
        measured = {
            rank: tuple(part for part in parts if isinstance(part, Outline))
            for rank, (parts, why) in refined.items()
            if why is None and rank not in recalled
        }
        refined |= {rank: (parts, None) for rank, parts in unite_regions(measured).items()}
        note = f"only {most} regions of a frame are refined" if plan is None else NOT_REACHED
        return [refined.get(rank) or keep_map(c, note) for rank, c in enumerate(candidates)]

    def _is_large_enough(self, defect: Defect) -> bool:
        if defect.area_px < self._options.min_area_px:
            return False
        limit, size = self._options.min_area_mm2, defect.area_mm2
        return limit is None or size is None or size >= limit

    def _measure(
        self,
        view: MapOnFrame,
        candidate: FrameRegion,
        part: Outline | Defect,
        note: str | None,
        *,
        alone: bool,
    ) -> Defect:
        """alone: the part is the only defect of the region."""
        if isinstance(part, Outline):
            return self._make_defect(view, candidate, part, note)
        peak, mean = _compute_scores(view, candidate, part, whole=alone)
        physical = part.length_mm, part.area_mm2
        severity, severity_by = self._grade(view, part.length_px, physical, peak)
        return replace(
            part, peak_score=peak, mean_score=mean, severity=severity, severity_by=severity_by
        )

    def _grade(
        self,
        view: MapOnFrame,
        length_px: float,
        physical: tuple[float | None, float | None],
        peak: float,
    ) -> tuple[Severity, str | None]:
        """physical: length in mm and area in mm2."""
        return grade(
            self._options.severity,
            length_px=length_px,
            shorter_side_px=min(view.image.shape[:2]),
            length_mm=physical[0],
            area_mm2=physical[1],
            peak_score=peak,
            pixel_threshold=view.pixel_threshold,
        )

    def _make_defect(
        self, view: MapOnFrame, candidate: FrameRegion, outline: Outline, note: str | None
    ) -> Defect:
        points = outline.outer
        length, orientation, width = shape.measure_calipers(points)
        map_length, _, map_width = shape.measure_calipers(candidate.outer)
        area = shape.region_area(outline.polygons, outline.holes)
        physical, on_plane = PhysicalSizes(), outline.polygons
        if self._calibration is not None:
            on_plane = tuple(map(self._calibration.to_plane, outline.polygons))
            physical = measure_in_millimetres(
                self._calibration, outline, candidate.polygons, candidate.region.holes
            )
        peak, mean = _compute_scores(view, candidate, outline, whole=outline.parts == 1)
        severity, severity_by = self._grade(
            view, length, (physical.length_mm, physical.area_mm2), peak
        )
        return Defect(
            defect_id=0,
            polygons=outline.polygons,
            holes=outline.holes,
            box_px=shape.bounding_box(points),
            centroid_px=shape.region_centroid(outline.polygons, outline.holes),
            area_px=area,
            length_px=length,
            width_px=width,
            orientation_deg=orientation,
            peak_score=peak,
            mean_score=mean,
            severity=severity,
            severity_by=severity_by,
            size_source="refined" if note is None else "map",
            size_note=note,
            truncated=self._is_truncated(points, view),
            map_area_px=shape.region_area(candidate.polygons, candidate.region.holes),
            map_length_px=map_length,
            map_width_px=map_width,
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
            shape_figures=compute_shape_figures(on_plane, outline.holes),
            area_u_px=outline.area_u_px,
            length_u_px=outline.length_u_px,
            width_u_px=outline.width_u_px,
        )

    def _is_truncated(self, points: Points, view: MapOnFrame) -> bool:
        """Whether an outline reaches the border of the frame, of the engine's crop, or of the
        region of interest. For the region of interest the precision is one map pixel."""
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


def _compute_scores(
    view: MapOnFrame, candidate: FrameRegion, outline: Outline | Defect, *, whole: bool
) -> tuple[float, float]:
    """Peak and mean of the region, or of the outline if the region was split."""
    if whole:
        return candidate.peak, candidate.mean
    back = view.to_frame.inverse()
    part = MapRegion(tuple(back.apply(p) for p in outline.polygons), outline.holes)
    return score_region(view.anomaly_map, part)
