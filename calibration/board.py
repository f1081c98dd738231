"""Calibrates from pictures of a checkerboard or ChArUco board."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from calibration.fit import CameraFit, Corners, fit_camera
from calibration.lens import COEFFICIENTS, Lens
from calibration.plane import Calibration, Matrix, frame_corners
from calibration.target import Board, BoardView
from calibration.uncertainty import map_uncertainty
from inspector.core.clock import utc_now
from inspector.core.errors import CalibrationError
from inspector.core.geometry import Points

LARGEST_U_REL: Final = 0.25
"""With more at any place of the frame a calibration is refused, because errors this large are no
longer proportional to those of the corners."""

_UNKNOWN_FOCAL: Final = 0.1
"""With a larger relative uncertainty the focal length is called unknown."""

_CELLS: Final = 128


@dataclass(frozen=True, slots=True)
class BoardReport:
    """Accuracy of a board calibration.

    views, fit: the corners and what was fitted to them. residual_*: distances between the measured
    and the expected corners. tilt_deg: angle between the optical axis and the normal of the plane,
    see tilt_deg(). coverage: share of the frame in which a board was seen. distortion: at the
    corner of the frame, relative to the distance from the centre; below 0 for barrel distortion.
    focal_known: whether the pictures determine the focal length.
    """

    views: tuple[BoardView, ...]
    fit: CameraFit
    residual_rms_mm: float
    residual_max_mm: float
    residual_rms_px: float
    tilt_deg: float
    coverage: float
    distortion: float
    focal_known: bool

    @property
    def corners(self) -> int:
        return sum(len(view.corners) for view in self.views)

    @property
    def pattern(self) -> str:
        return self.views[0].pattern

    @property
    def limited(self) -> tuple[str, ...]:
        """Coefficients that the corners do not determine."""
        return tuple(name for name in COEFFICIENTS if name not in self.fit.determined)


def from_views(
    views: Sequence[BoardView],
    board: Board,
    *,
    max_residual_px: float,
    flat: Sequence[bool] | None = None,
    camera: str = "",
) -> tuple[Calibration, BoardReport]:
    """Computes a calibration from the corners of boards.

    flat: for each picture, whether its board lies on the plane of the product; None for all. The
    others show the board in any pose; they only help to measure the lens. Plane coordinates (mm)
    start at the first inner corner of the board in the first flat picture. Raises CalibrationError
    if there is no flat picture, if the pictures differ in size or show different boards, if the rms
    error of the corners is above max_residual_px, or if a size would be less certain than
    LARGEST_U_REL anywhere in the frame. Reasons for large errors are a bent board and a board that
    is not on the plane.
    """
    flat = [True] * len(views) if flat is None else flat
    if not any(flat):
        raise CalibrationError("no picture shows the board flat on the plane; give at least one")
    _check_same(views)
    frame_hw = views[0].frame_hw
    corners = [Corners(v.corners, v.marks, on) for v, on in zip(views, flat, strict=True)]
    fit = fit_camera(corners, frame_hw)
    errors = np.linalg.norm(np.concatenate(fit.residuals), axis=1)
    rms = float(np.sqrt(np.mean(errors**2)))
    if rms > max_residual_px:
        raise CalibrationError(
            f"the rms error of the board's corners is {rms:.2f} pixels, above the limit of "
            f"{max_residual_px:g}: check --squares, and that the board is flat and on the plane of "
            "the product"
        )
    calibration = _make_calibration(fit, board, views, camera)
    on_plane = [(v.corners, r) for v, r, on in zip(views, fit.residuals, flat, strict=True) if on]
    pixels, residuals = (np.concatenate(part) for part in zip(*on_plane, strict=True))
    off = calibration.to_plane(pixels) - calibration.to_plane(pixels - residuals)
    distances = np.linalg.norm(off, axis=1)
    rms_mm = float(np.sqrt(np.mean(distances**2)))
    report = BoardReport(
        views=tuple(views),
        fit=fit,
        residual_rms_mm=rms_mm,
        residual_max_mm=float(distances.max()),
        residual_rms_px=rms,
        tilt_deg=tilt_deg(calibration),
        coverage=float(covered(views).mean()),
        distortion=_distortion(fit.lens, frame_hw),
        focal_known=bool(fit.covariance[0, 0] < _UNKNOWN_FOCAL**2),
    )
    return dataclasses.replace(calibration, residual_mm=rms_mm), report


def _check_same(views: Sequence[BoardView]) -> None:
    first = views[0]
    for view in views[1:]:
        if view.frame_hw != first.frame_hw:
            raise CalibrationError(
                f"{view.name} and {first.name} differ in size; all pictures must have the same size"
            )
        if view.pattern != first.pattern:
            raise CalibrationError(
                f"{view.name} shows a board of the {view.pattern} and {first.name} one of the "
                f"{first.pattern}; all pictures must show the same board"
            )


def _make_calibration(
    fit: CameraFit, board: Board, views: Sequence[BoardView], camera: str
) -> Calibration:
    scale = board.square_mm
    calibration = Calibration(
        kind="homography",
        frame_hw=fit.frame_hw,
        how=_describe(board, views),
        made_utc=utc_now(),
        homography=_rows(np.diag((scale, scale, 1.0)) @ fit.homography),
        scale_u_rel=board.square_u_rel,
        camera=camera,
        lens=fit.lens,
        uncertainty=map_uncertainty(fit),
    )
    for name, place in places(fit.frame_hw).items():
        u = calibration.relative_u(np.array((place,)))[0]
        if u > LARGEST_U_REL:
            raise CalibrationError(
                f"the board covers only {100 * covered(views).mean():.1f} % of the frame: at the "
                f"{name} a size would be uncertain by {200 * u:.0f} % (2u), above the limit of "
                f"{200 * LARGEST_U_REL:.0f} %. Use a larger board, or pictures of it in several "
                "places on the plane"
            )
    return calibration


def places(frame_hw: tuple[int, int]) -> dict[str, tuple[float, float]]:
    """Name -> pixel: the centre and the corners of the frame."""
    height, width = frame_hw
    names = ("top left", "top right", "bottom right", "bottom left")
    corners = ((float(x), float(y)) for x, y in frame_corners(frame_hw))
    return {"centre": (width / 2, height / 2)} | dict(zip(names, corners, strict=True))


def covered(views: Sequence[BoardView]) -> npt.NDArray[np.bool_]:
    """Cells of the frame, (_CELLS, _CELLS), in which the corners of a board were seen around."""
    height, width = views[0].frame_hw
    cells = np.zeros((_CELLS, _CELLS), np.uint8)
    for view in views:
        scaled = view.corners / (width, height) * _CELLS
        hull = cv2.convexHull(scaled.astype(np.float32))
        cv2.fillConvexPoly(cells, np.rint(hull).astype(np.int32), (1,))
    return cells.astype(bool)


def _distortion(lens: Lens, frame_hw: tuple[int, int]) -> float:
    corners, centre = frame_corners(frame_hw), np.array(lens.centre_px)
    far = np.linalg.norm(corners - centre, axis=1)
    return float(np.mean(far / np.linalg.norm(lens.undistort(corners) - centre, axis=1))) - 1


def _rows(matrix: Points) -> Matrix:
    a, b, c = ((float(row[0]), float(row[1]), float(row[2])) for row in matrix / matrix[2, 2])
    return a, b, c


def _describe(board: Board, views: Sequence[BoardView]) -> str:
    columns, rows = board.squares
    pattern = f" ({views[0].pattern})" if views[0].pattern else ""
    corners = sum(len(view.corners) for view in views)
    return (
        f"{board.type} {columns}x{rows}{pattern} of {board.square_mm:g} mm, {corners} corners in "
        f"{len(views)} pictures"
    )


def tilt_deg(calibration: Calibration) -> float:
    """Angle between the plane and the sensor, from the foreshortening at the frame's centre.

    At the point where the optical axis meets the plane, a pixel is longer along the tilt by the
    factor 1 / cos(tilt), for every focal length. Assumes square pixels and an optical axis through
    the frame's centre. A foreshortening of 0.1 % is already 2.6 degrees, so small tilts are
    inaccurate.
    """
    height, width = calibration.frame_hw
    sizes = np.linalg.svd(calibration.jacobian((width / 2, height / 2)), compute_uv=False)
    return math.degrees(math.acos(min(1.0, float(sizes[1] / sizes[0]))))
