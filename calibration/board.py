"""Calibrates from pictures of a checkerboard or ChArUco board on the plane of the product."""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from calibration.charuco import CharucoBoard, Grey
from calibration.plane import (
    LARGEST_SCALE,
    LARGEST_SIDE,
    MIN_SCALE,
    Calibration,
    Matrix,
    frame_corners,
)
from inspector.core.arrays import Image
from inspector.core.clock import utc_now
from inspector.core.errors import CalibrationError
from inspector.core.geometry import Points

TYPES: Final = ("checkerboard", "charuco")
MIN_CORNERS: Final = 8
ALIGN_ROUNDS: Final = 20

MIN_SQUARE_MM: Final = MIN_SCALE
LARGEST_SQUARE_MM: Final = LARGEST_SCALE * LARGEST_SIDE
"""A square is at least one pixel and at most one frame wide."""

HALF_PIXEL: Final = 0.5
"""In OpenCV the centre of the first pixel is (0, 0). In this project it is (0.5, 0.5)."""


@dataclass(frozen=True, slots=True)
class Board:
    """A printed calibration board.

    squares: (columns, rows) of squares. square_u_mm: standard uncertainty of square_mm.
    marker_mm, dictionary (a name such as "4X4_50"): for ChArUco boards only.
    """

    type: str
    squares: tuple[int, int]
    square_mm: float
    square_u_mm: float = 0.0
    marker_mm: float | None = None
    dictionary: str | None = None

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise CalibrationError(
                f"board type {self.type!r} is unknown; known: {', '.join(TYPES)}"
            )
        if min(self.squares) < 3:
            raise CalibrationError(f"squares must be at least 3x3, not {self.squares}")
        if not (MIN_SQUARE_MM <= self.square_mm <= LARGEST_SQUARE_MM and self.square_u_mm >= 0):
            raise CalibrationError(
                f"square_mm must lie between {MIN_SQUARE_MM:g} and {LARGEST_SQUARE_MM:g}, and "
                f"square_u_mm must be at least 0, not {self.square_mm} and {self.square_u_mm}"
            )
        if self.type == "charuco":
            if self.marker_mm is None or self.dictionary is None:
                raise CalibrationError("a ChArUco board needs --marker-mm and --dictionary")
            if not 0 < self.marker_mm < self.square_mm:
                raise CalibrationError(
                    f"marker_mm must be between 0 and square_mm, not {self.marker_mm}"
                )


@dataclass(frozen=True, slots=True)
class BoardReport:
    """Accuracy of a board calibration.

    corners: number of corners. pitch_*: (x, y) mm per pixel. pitch_corners: at the four corners of
    the frame, clockwise from the origin. tilt_deg: angle between the optical axis and the normal of
    the plane, see tilt_deg(). pattern: of a ChArUco board, empty for a checkerboard. markers: for
    each picture how many were seen, and how many the board has.
    """

    corners: int
    residual_rms_mm: float
    residual_max_mm: float
    residual_rms_px: float
    pitch_centre: tuple[float, float]
    pitch_corners: tuple[tuple[float, float], ...]
    tilt_deg: float
    pattern: str
    markers: tuple[tuple[int, int], ...]


def from_board(
    images: list[Image], names: list[str], board: Board, *, max_residual_px: float, camera: str = ""
) -> tuple[Calibration, BoardReport]:
    """Computes a calibration from pictures of a board.

    images: (H, W, 3) BGR, all of the same size. The board may be anywhere, but always on the same
    plane. names: of the pictures, for messages. Plane coordinates (mm) start at the first inner
    corner of the board in the first picture. Raises CalibrationError if a picture shows no board,
    or if the rms error of the corners is above max_residual_px. Reasons for such an error are a
    bent board, a board on another plane, and lens distortion.
    """
    if not images:
        raise CalibrationError("no picture of the board; give at least one")
    frame_hw = images[0].shape[0], images[0].shape[1]
    views = []
    for image, name in zip(images, names, strict=True):
        if image.shape[:2] != frame_hw:
            raise CalibrationError(
                f"{name} and {names[0]} differ in size; all pictures must have the same size"
            )
        views.append(find_corners(image, board, name))
        if views[-1].pattern != views[0].pattern:
            raise CalibrationError(
                f"{name} shows a board of the {views[-1].pattern} and {names[0]} one of the "
                f"{views[0].pattern}; all pictures must show the same board"
            )
    matrix, plane = _fit([(view.corners, view.marks) for view in views])
    pixels = np.concatenate([view.corners for view in views])
    errors = np.linalg.norm(_project(matrix, pixels) - plane, axis=1)
    rms = float(np.sqrt(np.mean(errors**2)))
    spread = float(np.sqrt(np.mean(np.sum((plane - plane.mean(axis=0)) ** 2, axis=1))))
    from_marks = rms / (math.sqrt(len(errors)) * spread)
    calibration = Calibration(
        kind="homography",
        frame_hw=frame_hw,
        how=_describe(board, views),
        made_utc=utc_now(),
        homography=_rows(matrix),
        residual_mm=rms,
        scale_u_rel=math.hypot(from_marks, board.square_u_mm / board.square_mm),
        camera=camera,
    )
    report = _report(calibration, errors, views)
    if report.residual_rms_px > max_residual_px:
        raise CalibrationError(
            f"the rms error of the board's corners is {report.residual_rms_px:.2f} pixels, above "
            f"the limit of {max_residual_px:g}: check that the board is flat and on the same plane "
            "in all pictures, and that the lens does not distort"
        )
    return calibration, report


@dataclass(frozen=True, slots=True)
class BoardView:
    """The inner corners of a board in one picture.

    corners: (n, 2) in frame pixels. marks: (n, 2) in mm on the board. pattern: of a ChArUco board,
    empty for a checkerboard. markers: how many were seen, and how many the board has.
    """

    corners: Points
    marks: Points
    pattern: str = ""
    markers: tuple[int, int] = (0, 0)


def find_corners(image: Image, board: Board, name: str) -> BoardView:
    """Finds the inner corners of a board.

    Raises CalibrationError, which says what the markers suggest, if the picture shows fewer than
    MIN_CORNERS of them.
    """
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    if board.type == "charuco":
        return _find_charuco(grey, board, name)
    corners = _find_checks(grey, board)
    if corners is None or len(corners[0]) < MIN_CORNERS:
        count = 0 if corners is None else len(corners[0])
        raise _not_found(name, board, count, "check --squares (count squares, not corners)")
    return BoardView(corners[0] + HALF_PIXEL, corners[1])


def _not_found(name: str, board: Board, count: int, advice: str) -> CalibrationError:
    columns, rows = board.squares
    return CalibrationError(
        f"{name}: found no {board.type} of {columns}x{rows} squares ({count} corners found, "
        f"{MIN_CORNERS} needed); {advice}"
    )


def _find_checks(grey: Grey, board: Board) -> tuple[Points, Points] | None:
    inner = (board.squares[0] - 1, board.squares[1] - 1)
    flags = cv2.CALIB_CB_ACCURACY | cv2.CALIB_CB_EXHAUSTIVE
    success, corners = cv2.findChessboardCornersSB(grey, inner, flags=flags)
    if not success:
        return None
    columns, rows = np.meshgrid(np.arange(inner[0]), np.arange(inner[1]))
    marks = np.column_stack((columns.ravel(), rows.ravel())) * board.square_mm
    return np.asarray(corners, dtype=np.float64).reshape(-1, 2), marks.astype(np.float64)


def _find_charuco(grey: Grey, board: Board, name: str) -> BoardView:
    assert board.marker_mm is not None  # Board checks this
    assert board.dictionary is not None
    target = CharucoBoard(board.squares, board.square_mm, board.marker_mm, board.dictionary)
    view = target.find(grey)
    if len(view.corners) < MIN_CORNERS:
        advice = target.explain(grey, view, MIN_CORNERS)
        raise _not_found(name, board, len(view.corners), advice)
    markers = (view.markers, view.expected)
    return BoardView(view.corners + HALF_PIXEL, view.marks, view.pattern, markers)


def _fit(views: list[tuple[Points, Points]]) -> tuple[Points, Points]:
    """Homography from pixels to mm, (3, 3), and positions of the corners on the plane, (n, 2).

    The first board defines the plane. The loop alternates two steps: move every other board onto
    that plane by a rigid motion, then compute the homography of all boards again.
    """
    pixels = np.concatenate([v[0] for v in views])
    matrix = _homography(*views[0])
    plane = views[0][1]
    for _ in range(ALIGN_ROUNDS if len(views) > 1 else 0):
        moved = [_move_rigidly(marks, _project(matrix, corners)) for corners, marks in views[1:]]
        plane = np.concatenate([views[0][1], *moved])
        matrix = _homography(pixels, plane)
    return matrix, plane


def _homography(pixels: Points, plane: Points) -> Points:
    matrix, _ = cv2.findHomography(pixels, plane, 0)
    if matrix is None:
        raise CalibrationError(
            "the corners of the board are all on one line; take a picture that shows more of it"
        )
    return np.asarray(matrix, dtype=np.float64)


def _move_rigidly(marks: Points, target: Points) -> Points:
    """Moves marks as near to target as possible, without scaling or mirroring (Kabsch)."""
    centre, goal = marks.mean(axis=0), target.mean(axis=0)
    u, _, vt = np.linalg.svd((marks - centre).T @ (target - goal))
    flip = np.diag((1.0, float(np.sign(np.linalg.det(u @ vt)))))
    return (marks - centre) @ (u @ flip @ vt) + goal


def _project(matrix: Points, points: Points) -> Points:
    mapped = np.column_stack((points, np.ones(len(points)))) @ matrix.T
    return mapped[:, :2] / mapped[:, 2:]


def _rows(matrix: Points) -> Matrix:
    a, b, c = ((float(row[0]), float(row[1]), float(row[2])) for row in matrix / matrix[2, 2])
    return a, b, c


def _describe(board: Board, views: list[BoardView]) -> str:
    columns, rows = board.squares
    pattern = f" ({views[0].pattern})" if views[0].pattern else ""
    corners = sum(len(view.corners) for view in views)
    return (
        f"{board.type} {columns}x{rows}{pattern} of {board.square_mm:g} mm, {corners} corners in "
        f"{len(views)} pictures"
    )


def _report(calibration: Calibration, errors: Points, views: list[BoardView]) -> BoardReport:
    height, width = calibration.frame_hw
    centre = (width / 2, height / 2)
    pitch = calibration.mm_per_px_at(centre)
    rms = float(np.sqrt(np.mean(errors**2)))
    corners = frame_corners(calibration.frame_hw)
    return BoardReport(
        corners=len(errors),
        residual_rms_mm=rms,
        residual_max_mm=float(errors.max()),
        residual_rms_px=rms / math.sqrt(pitch[0] * pitch[1]),
        pitch_centre=pitch,
        pitch_corners=tuple(calibration.mm_per_px_at((x, y)) for x, y in corners.tolist()),
        tilt_deg=tilt_deg(calibration),
        pattern=views[0].pattern,
        markers=tuple(view.markers for view in views),
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
