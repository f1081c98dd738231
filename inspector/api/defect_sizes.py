"""Measures the defects of a mask or an anomaly map with the code of the pipeline."""

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from calibration.plane import Calibration
from calibration.scale import from_scale
from calibration.units import mm_per
from inspector.api.arguments import check_mask
from inspector.api.defect_metrics import DefectMetrics
from inspector.core.arrays import Image, Map
from inspector.core.errors import ConfigError, DataError
from inspector.core.geometry import Affine
from inspector.core.pictures import as_bgr
from inspector.measure.analyzer import MapAnalyzer
from inspector.measure.contours import open_map
from inspector.measure.options import MeasureOptions
from inspector.measure.severity import SeverityLimits

AnyMask = npt.NDArray[Any]


class DefectSizeAnalyzer:
    """Finds the defects of a mask and measures them. Threads can share it: it holds only settings.

    pixel_size: physical_unit per pixel of the frame, or of the mask if no frame is passed. Without
    pixel_size and calibration, sizes are in pixels only. No scale is guessed.
    physical_unit: mm, um (micrometre), cm or inch.
    min_defect_area: in pixels of the mask. Regions with fewer pixels are ignored. Regions are
    8-connected, and their pixels are counted before sizes are refined on a frame.
    calibration: replaces pixel_size for tilted cameras, pixels that are not square, and
    uncertainties.
    severity: limits of the grades; None: the defaults of SeverityLimits, which grade by length over
    the shorter side of the frame. Masks have no scores, so score_ratio is not used for them.
    opening_px: mask pixels; use_morphology=True removes what is narrower.

    Raises ConfigError.
    """

    def __init__(
        self,
        pixel_size: float | None = None,
        physical_unit: str = "mm",
        min_defect_area: float = 0,
        *,
        calibration: Calibration | None = None,
        severity: SeverityLimits | None = None,
        opening_px: int = 3,
    ) -> None:
        mm_per(physical_unit)
        if pixel_size is not None and calibration is not None:
            raise ConfigError("pixel_size and calibration both set the scale: pass one of them")
        if pixel_size is not None and not (math.isfinite(pixel_size) and pixel_size > 0):
            raise ConfigError(f"pixel_size must be above 0, got {pixel_size}")
        if not (math.isfinite(min_defect_area) and min_defect_area >= 0):
            raise ConfigError(f"min_defect_area must be 0 or more pixels, got {min_defect_area}")
        if not 2 <= opening_px <= 255:
            raise ConfigError(f"opening_px must lie between 2 and 255, got {opening_px}")
        self._pixel_size = pixel_size
        self._unit = physical_unit
        self._min_area = min_defect_area
        self._calibration = calibration
        self._severity = severity or SeverityLimits()
        self._opening_px = opening_px
        self._scaled = pixel_size is not None or calibration is not None

    def analyze_defects(
        self,
        anomaly_mask: AnyMask,
        threshold: float = 0.5,
        use_morphology: bool = False,
        *,
        frame: Image | None = None,
        to_frame: Affine | None = None,
    ) -> DefectMetrics:
        """Measures the defects of one mask.

        anomaly_mask: (h, w). Floats are an anomaly map: outlines run between pixels, where the
        values pass the threshold. Bool, whole numbers and floats with at most two values (0 and 1,
        0 and 255) are a mask: outlines run half-way between the pixels at or above the threshold
        and those below it, so a region of n pixels has an area of n - 0.5 pixels. threshold: in
        the values of the mask.
        use_morphology: remove what is narrower than opening_px. This removes thin scratches too.
        frame: (H, W, 3) uint8 BGR or (H, W) grey. Sizes are refined on it.
        to_frame: mask pixels -> frame pixels, such as Prediction.to_picture. None: the mask covers
        the frame. Without a frame it covers the frame of the calibration, if there is one.

        Raises DataError, or CalibrationSizeError if the frame does not have the size of the
        calibration.
        """
        anomaly_map, level, scores = check_mask(anomaly_mask, threshold)
        if to_frame is not None and frame is None:
            raise DataError("to_frame maps the mask to a frame: pass the frame as well")
        image = self._prepare_frame(frame, (anomaly_map.shape[0], anomaly_map.shape[1]))
        frame_hw = (image.shape[0], image.shape[1])
        if use_morphology:
            anomaly_map = open_map(anomaly_map, self._opening_px)
        anomaly_map, pixels = self._remove_small(anomaly_map, level)
        if to_frame is None:
            to_frame = Affine.between(anomaly_map.shape, (0, 0, frame_hw[1], frame_hw[0]))
        analyzer = self._make_analyzer(frame_hw, refine=frame is not None, scores=scores)
        # With the next smaller float as threshold, pixels that touch at a corner are one region,
        # and a value at the threshold is inside.
        below = float(np.nextafter(np.float32(level), np.float32(-np.inf)))
        defects = analyzer.analyze(image, anomaly_map, to_frame, below) if pixels else ()
        return DefectMetrics(
            defects=defects,
            physical_unit=self._unit if self._scaled else None,
            threshold=float(threshold),
            mask_hw=(anomaly_map.shape[0], anomaly_map.shape[1]),
            frame_hw=frame_hw,
            defect_percentage=100 * pixels / anomaly_map.size,
        )

    def analyze_batch(
        self,
        masks: Iterable[AnyMask],
        threshold: float = 0.5,
        use_morphology: bool = False,
        *,
        frames: Iterable[Image] | None = None,
    ) -> Iterator[DefectMetrics]:
        """Yields the metrics of each mask in order.

        masks: a list, an array (n, h, w) or an endless stream. A mask is measured when its result
        is requested. frames: one frame for each mask. Raises DataError, with the number of the
        mask, starting at 0. Also raises it if there are more masks than frames or more frames.
        """
        pairs = (
            itertools.zip_longest(masks, frames)
            if frames is not None
            else ((mask, None) for mask in masks)
        )
        for number, (mask, frame) in enumerate(pairs):
            if mask is None or (frames is not None and frame is None):
                missing = "mask" if mask is None else "frame"
                raise DataError(f"there is no {missing} {number}: pass one frame for each mask")
            try:
                metrics = self.analyze_defects(mask, threshold, use_morphology, frame=frame)
            except DataError as exc:
                raise DataError(f"mask {number}: {exc}") from exc
            yield metrics

    def _prepare_frame(self, frame: Image | None, mask_hw: tuple[int, int]) -> Image:
        """The frame as BGR. Without a frame, an array of the right size whose values are unused."""
        if frame is not None:
            return as_bgr(frame)
        hw = mask_hw if self._calibration is None else self._calibration.frame_hw
        return np.broadcast_to(np.uint8(0), (*hw, 3))

    def _remove_small(self, anomaly_map: Map, level: float) -> tuple[Map, int]:
        """Removes regions below the least area. Returns the map and the pixels of the others."""
        above = anomaly_map >= np.float32(level)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(above.view(np.uint8))
        large = stats[:, cv2.CC_STAT_AREA] >= self._min_area
        large[0] = False  # the pixels below the threshold
        pixels = int(stats[large, cv2.CC_STAT_AREA].sum())
        if large[1:].all():
            return anomaly_map, pixels
        return np.where(above & ~large[labels], anomaly_map.min(), anomaly_map), pixels

    def _make_analyzer(
        self, frame_hw: tuple[int, int], *, refine: bool, scores: bool
    ) -> MapAnalyzer:
        calibration, severity = self._calibration, self._severity
        if self._pixel_size is not None:
            calibration = from_scale(self._pixel_size * mm_per(self._unit), frame_hw)
        if not scores:
            severity = replace(severity, score_ratio=None)
        return MapAnalyzer(calibration, MeasureOptions(refine=refine, severity=severity))
