"""Describes printed calibration boards and finds their corners in pictures."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from calibration.charuco import CharucoBoard, CharucoView, Grey
from calibration.plane import LARGEST_SCALE, LARGEST_SIDE, MIN_SCALE
from inspector.core.arrays import Image
from inspector.core.errors import CalibrationError
from inspector.core.geometry import Points

TYPES: Final = ("checkerboard", "charuco")
MIN_CORNERS: Final = 8

MIN_SQUARE_MM: Final = MIN_SCALE
LARGEST_SQUARE_MM: Final = LARGEST_SCALE * LARGEST_SIDE
"""A square is at least one pixel and at most one frame wide."""

SQUARE_U_REL: Final = 0.001
"""Paper from a printer is often 0.1 % longer or shorter than it should be."""

HALF_PIXEL: Final = 0.5
"""In OpenCV the centre of the first pixel is (0, 0). In this project it is (0.5, 0.5)."""


@dataclass(frozen=True, slots=True)
class Board:
    """A printed calibration board.

    squares: (columns, rows) of squares. square_u_mm: standard uncertainty of square_mm, the same
    share for all squares; None for SQUARE_U_REL of it. marker_mm, dictionary (a name such as
    "4X4_50"): for ChArUco boards only.
    """

    type: str
    squares: tuple[int, int]
    square_mm: float
    square_u_mm: float | None = None
    marker_mm: float | None = None
    dictionary: str | None = None

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise CalibrationError(
                f"board type {self.type!r} is unknown; known: {', '.join(TYPES)}"
            )
        if min(self.squares) < 3:
            raise CalibrationError(f"squares must be at least 3x3, not {self.squares}")
        if not MIN_SQUARE_MM <= self.square_mm <= LARGEST_SQUARE_MM:
            raise CalibrationError(
                f"square_mm must lie between {MIN_SQUARE_MM:g} and {LARGEST_SQUARE_MM:g}, not "
                f"{self.square_mm}"
            )
        if self.square_u_mm is not None and not self.square_u_mm >= 0:
            raise CalibrationError(f"square_u_mm must be at least 0, not {self.square_u_mm}")
        if self.type == "charuco":
            if self.marker_mm is None or self.dictionary is None:
                raise CalibrationError("a ChArUco board needs --marker-mm and --dictionary")
            if not 0 < self.marker_mm < self.square_mm:
                raise CalibrationError(
                    f"marker_mm must be between 0 and square_mm, not {self.marker_mm}"
                )

    @property
    def square_u_rel(self) -> float:
        return SQUARE_U_REL if self.square_u_mm is None else self.square_u_mm / self.square_mm


@dataclass(frozen=True, slots=True)
class BoardView:
    """The inner corners of a board in one picture.

    name: of the picture. frame_hw: size of the picture. corners: (n, 2) in frame pixels. marks:
    (n, 2) on the board, in squares. pattern: of a ChArUco board, empty for a checkerboard. markers:
    how many were seen, and how many the board has.
    """

    name: str
    frame_hw: tuple[int, int]
    corners: Points
    marks: Points
    pattern: str = ""
    markers: tuple[int, int] = (0, 0)


def find_corners(image: Image, board: Board, name: str) -> BoardView:
    """Finds the inner corners of a board. image: (H, W, 3) BGR.

    Raises CalibrationError, which says what the markers suggest, if the picture shows fewer than
    MIN_CORNERS of them.
    """
    grey = _grey(image)
    if board.type == "charuco":
        target = _charuco(board)
        seen = target.find(grey)
        if len(seen.corners) < MIN_CORNERS:
            raise _not_found(
                name, board, len(seen.corners), target.explain(grey, seen, MIN_CORNERS)
            )
        return _charuco_view(seen, grey, name)
    view = _find_checks(grey, board, name)
    if view is None or len(view.corners) < MIN_CORNERS:
        count = 0 if view is None else len(view.corners)
        raise _not_found(name, board, count, "check --squares (count squares, not corners)")
    return view


def look_for_corners(image: Image, board: Board, name: str) -> BoardView | None:
    """As find_corners(), but without an explanation, which takes time."""
    grey = _grey(image)
    if board.type == "charuco":
        seen = _charuco(board).find(grey)
        return _charuco_view(seen, grey, name) if len(seen.corners) >= MIN_CORNERS else None
    view = _find_checks(grey, board, name)
    return None if view is None or len(view.corners) < MIN_CORNERS else view


def _grey(image: Image) -> Grey:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def _not_found(name: str, board: Board, count: int, advice: str) -> CalibrationError:
    columns, rows = board.squares
    return CalibrationError(
        f"{name}: found no {board.type} of {columns}x{rows} squares ({count} corners found, "
        f"{MIN_CORNERS} needed); {advice}"
    )


def _find_checks(grey: Grey, board: Board, name: str) -> BoardView | None:
    inner = (board.squares[0] - 1, board.squares[1] - 1)
    flags = cv2.CALIB_CB_ACCURACY | cv2.CALIB_CB_EXHAUSTIVE
    success, corners = cv2.findChessboardCornersSB(grey, inner, flags=flags)
    if not success:
        return None
    columns, rows = np.meshgrid(np.arange(inner[0]), np.arange(inner[1]))
    marks = np.column_stack((columns.ravel(), rows.ravel())).astype(np.float64)
    pixels = np.asarray(corners, dtype=np.float64).reshape(-1, 2) + HALF_PIXEL
    return BoardView(name, (grey.shape[0], grey.shape[1]), pixels, marks)


def _charuco(board: Board) -> CharucoBoard:
    assert board.marker_mm is not None  # Board checks this
    assert board.dictionary is not None
    # OpenCV needs the ratio only; it fails with very small and very large squares.
    return CharucoBoard(board.squares, board.marker_mm / board.square_mm, board.dictionary)


def _charuco_view(view: CharucoView, grey: Grey, name: str) -> BoardView:
    frame_hw, markers = (grey.shape[0], grey.shape[1]), (view.markers, view.expected)
    return BoardView(name, frame_hw, view.corners + HALF_PIXEL, view.marks, view.pattern, markers)
