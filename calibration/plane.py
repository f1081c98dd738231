"""Calibration: converts frame pixels to millimetres on the plane of the product."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass

import numpy as np

from calibration.lens import Lens
from calibration.uncertainty_map import UncertaintyMap
from inspector.core.errors import CalibrationError, CalibrationSizeError
from inspector.core.geometry import Points

KINDS = ("scale", "homography")

LARGEST_SIDE = 65_536
MIN_SCALE, LARGEST_SCALE = 1e-6, 1e4
"""Plausible mm per pixel for every kind of calibration: from 1 nm to 10 m."""

_STENCIL = np.array(((0, 0), (0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5)))
"""A point and its neighbours; opposite neighbours are a pixel apart."""

_NEW = ("lens", "uncertainty")
"""Fields that calibrations of format 1 do not have. Without them the digest is as before."""

Row = tuple[float, float, float]
Matrix = tuple[Row, Row, Row]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Maps pixels of frames of size frame_hw to millimetres on one plane.

    kind: "scale" uses mm_per_px (x, y). "homography" uses homography, a 3x3 matrix from (x, y, 1)
    in pixels to mm on the plane, after lens has removed the distortion of the pixels. lens: None
    means no distortion. residual_mm: rms distance between the measured and the true positions of
    the calibration marks; None if there were no marks to compare. scale_u_rel: relative standard
    uncertainty (k = 1) of every length; 0 if unknown. uncertainty: what is added to it by place in
    the frame; None if unknown. how: how the calibration was made, for reports. camera: any name.
    """

    kind: str
    frame_hw: tuple[int, int]
    how: str
    made_utc: str
    mm_per_px: tuple[float, float] | None = None
    homography: Matrix | None = None
    residual_mm: float | None = None
    scale_u_rel: float = 0.0
    camera: str = ""
    lens: Lens | None = None
    uncertainty: UncertaintyMap | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise CalibrationError(f"kind must be one of {', '.join(KINDS)}, not {self.kind!r}")
        if not (min(self.frame_hw) >= 1 and max(self.frame_hw) <= LARGEST_SIDE):
            raise CalibrationError(
                f"frame_hw must be between 1 and {LARGEST_SIDE}, not {self.frame_hw}"
            )
        if not (math.isfinite(self.scale_u_rel) and self.scale_u_rel >= 0):
            raise CalibrationError(f"scale_u_rel must be 0 or more, not {self.scale_u_rel}")
        if self.residual_mm is not None and not (
            math.isfinite(self.residual_mm) and self.residual_mm >= 0
        ):
            raise CalibrationError(f"residual_mm must be 0 or more, not {self.residual_mm}")
        if self.kind == "scale":
            self._check_scale()
        else:
            self._check_homography()

    def _check_scale(self) -> None:
        if self.homography is not None:
            raise CalibrationError("homography is not allowed with kind scale; remove it")
        if self.lens is not None:
            raise CalibrationError("lens is not allowed with kind scale; remove it")
        if self.mm_per_px is None:
            raise CalibrationError("mm_per_px is missing; kind scale needs it")
        _check_range(self.mm_per_px, "")

    def _check_homography(self) -> None:
        if self.mm_per_px is not None:
            raise CalibrationError("mm_per_px is not allowed with kind homography; remove it")
        if self.homography is None:
            raise CalibrationError("homography is missing; kind homography needs it")
        matrix = np.array(self.homography, dtype=np.float64)
        if matrix.shape != (3, 3) or not np.isfinite(matrix).all():
            raise CalibrationError("homography must be 3x3 finite numbers")
        if self.lens is not None:
            self.lens.check(self.frame_hw)
        corners = frame_corners(self.frame_hw)
        border = np.concatenate((corners, (corners + np.roll(corners, 1, axis=0)) / 2))
        depth = _homogeneous(self._straighten(border)) @ matrix[2]
        if not (np.all(depth > 0) or np.all(depth < 0)):
            raise CalibrationError(
                "homography is wrong: the horizon of its plane is inside the frame"
            )
        for x, y in (*corners.tolist(), (self.frame_hw[1] / 2, self.frame_hw[0] / 2)):
            _check_range(self.mm_per_px_at((x, y)), f" at the pixel ({x:g}, {y:g})")
        # Without the scale, which the range limits, only the shape of the matrix counts.
        scaled = matrix / np.array([[np.abs(matrix[:2, :2]).max()]] * 2 + [[1.0]])
        if np.linalg.cond(scaled) > 1e12:
            raise CalibrationError("homography is wrong: the matrix cannot be inverted")

    def check(self, frame_hw: tuple[int, int]) -> None:
        """Raises CalibrationSizeError for frames of another size: the size alone does not tell
        whether a frame was cropped or scaled."""
        if tuple(frame_hw) != tuple(self.frame_hw):
            height, width = self.frame_hw
            raise CalibrationSizeError(
                f"the calibration is for frames of {width}x{height} pixels, but the frames have "
                f"{frame_hw[1]}x{frame_hw[0]}: calibrate again with frames of this size"
            )

    def to_plane(self, points: Points) -> Points:
        """Converts points: (n, 2) frame pixels -> (n, 2) mm."""
        if self.mm_per_px is not None:
            return points * np.array(self.mm_per_px)
        mapped = _homogeneous(self._straighten(points)) @ np.array(self.homography).T
        return np.asarray(mapped[:, :2] / mapped[:, 2:], np.float64)

    def _straighten(self, points: Points) -> Points:
        return points if self.lens is None else self.lens.undistort(points)

    def mm_per_px_at(self, point: tuple[float, float]) -> tuple[float, float]:
        """Size of one pixel in mm, along x and along y, at a point of the frame."""
        if self.mm_per_px is not None:
            return self.mm_per_px
        jacobian = self.jacobian(point)
        along_x, along_y = np.linalg.norm(jacobian, axis=0)
        return float(along_x), float(along_y)

    def jacobian(self, point: tuple[float, float]) -> Points:
        """(2, 2) mm per pixel at a point of the frame: column 0 for a step along x, 1 along y."""
        if self.mm_per_px is not None:
            return np.diag(np.array(self.mm_per_px))
        matrix = np.array(self.homography, dtype=np.float64)
        near = self._straighten(np.array(point) + _STENCIL)
        u, v, w = matrix @ np.array((*near[0], 1.0))
        plane = np.array(((u,), (v,))) / w
        bend = np.column_stack((near[1] - near[2], near[3] - near[4]))
        return np.asarray((matrix[:2, :2] - plane * matrix[2, :2]) / w @ bend, np.float64)

    def relative_u(self, points: Points) -> tuple[float, float]:
        """Relative standard uncertainties (k = 1) of a length and of an area.

        points: (n, 2) frame pixels, spread evenly over what is measured. The errors of neighbouring
        places are alike, so their uncertainties are averaged and not reduced.
        """
        length, area = self.scale_u_rel, 2 * self.scale_u_rel
        if self.uncertainty is None:
            return length, area
        by_length, by_area = self.uncertainty.at(points, self.frame_hw)
        return math.hypot(length, float(by_length.mean())), math.hypot(area, float(by_area.mean()))

    def sha256(self) -> str:
        """Hex digest of all fields; equal calibrations have the same digest."""
        values = {k: v for k, v in asdict(self).items() if v is not None or k not in _NEW}
        text = json.dumps(values, sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


def _check_range(mm_per_px: tuple[float, float], where: str) -> None:
    for axis, value in zip("xy", mm_per_px, strict=True):
        if not MIN_SCALE <= value <= LARGEST_SCALE:
            raise CalibrationError(
                f"mm_per_px along {axis} must lie between {MIN_SCALE:g} and {LARGEST_SCALE:g}, got "
                f"{value:g}{where}: check that all lengths are in mm"
            )


def frame_corners(frame_hw: tuple[int, int]) -> Points:
    """(4, 2): the outer corners of a frame, clockwise from the origin."""
    height, width = frame_hw
    return np.array(((0, 0), (width, 0), (width, height), (0, height)), dtype=np.float64)


def _homogeneous(points: Points) -> Points:
    return np.column_stack((points, np.ones(len(points))))
