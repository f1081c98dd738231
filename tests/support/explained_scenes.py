"""Draws plain pictures with a defect of known shape and look, without a renderer of the project."""

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Image, Mask
from inspector.core.geometry import Affine
from inspector.core.types import Defect, Frame, Inspection, Severity, Verdict
from inspector.measure import shape

HW = (240, 360)
GREY = 120.0


def surface(noise: float = 2.0) -> npt.NDArray[np.float32]:
    """(240, 360, 3) BGR with a little noise."""
    random = np.random.default_rng(7)
    return (GREY + noise * random.standard_normal((*HW, 1)) * np.ones(3)).astype(np.float32)


def disc(x: float, y: float, radius: float, soft: float = 0.7) -> npt.NDArray[np.float32]:
    """Share of each pixel in a disc; its edge is soft by a standard deviation in pixels."""
    mask = np.zeros(HW, np.float32)
    cv2.circle(mask, (round(x * 16 - 8), round(y * 16 - 8)), round(radius * 16), 1.0, -1, 8, 4)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), soft), np.float32)


def line(points: npt.NDArray[np.float64], width: int) -> npt.NDArray[np.float32]:
    mask = np.zeros(HW, np.float32)
    cv2.polylines(mask, [np.rint(points).astype(np.int32)], False, 1.0, width)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.7), np.float32)


def paint(
    picture: npt.NDArray[np.float32], share: npt.NDArray[np.float32], gain: tuple[float, ...]
) -> npt.NDArray[np.float32]:
    """gain: relative change of B, G, R."""
    return np.asarray(picture * (1 + share[..., None] * np.array(gain, np.float32)), np.float32)


def as_image(picture: npt.NDArray[np.float32]) -> Image:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def outlined(share: npt.NDArray[np.float32], defect_id: int = 0, source: str = "refined") -> Defect:
    """The defect whose outline is at half of the share."""
    contours, _ = cv2.findContours(
        (cv2.resize(share, None, fx=4, fy=4) >= 0.5).astype(np.uint8),
        cv2.RETR_EXTERNAL,
        cv2.CHAIN_APPROX_NONE,
    )
    polygon = max(contours, key=len)[:, 0].astype(np.float64) / 4 + 0.125
    length, angle, width = shape.measure_calipers(polygon)
    area = shape.area(polygon)
    return Defect(
        defect_id=defect_id,
        polygons=(polygon,),
        holes=0,
        box_px=shape.bounding_box(polygon),
        centroid_px=shape.region_centroid((polygon,), 0),
        area_px=area,
        length_px=length,
        width_px=width,
        orientation_deg=angle,
        peak_score=2.0 - 0.1 * defect_id,
        mean_score=1.5,
        severity=Severity.MEDIUM,
        size_source=source,
        truncated=False,
        map_area_px=area,
        map_length_px=length,
        map_width_px=width,
        length_u_px=0.5,
        width_u_px=0.5,
        area_u_px=5.0,
    )


def inspected(image: Image, *defects: Defect) -> Inspection:
    """A failing frame with a map of half the size."""
    return Inspection(
        frame=Frame(3, "line", image, 0, None, "2026-01-31T12:00:00Z", "part.png"),
        verdict=Verdict.FAIL,
        image_threshold=1.0,
        pixel_threshold=1.0,
        score=2.0,
        anomaly_map=np.full((HW[0] // 2, HW[1] // 2), 0.5, np.float32),
        to_frame=Affine(2.0, 2.0),
        defects=tuple(replace(d, defect_id=k) for k, d in enumerate(defects)),
    )


def right_half() -> Mask:
    """Of the map: True where it is inspected."""
    mask = np.zeros((HW[0] // 2, HW[1] // 2), bool)
    mask[:, HW[1] // 4 :] = True
    return mask
