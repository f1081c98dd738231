"""Calibrating from rendered boards recovers the camera that they were rendered with."""

import math

import numpy as np
import pytest
from printed_boards import (
    FRAME_HW,
    SQUARE_MM,
    camera,
    charuco,
    checkerboard,
    from_board,
    photograph,
)

from calibration.board import BoardReport, tilt_deg
from calibration.plane import Calibration
from calibration.target import Board
from inspector.core.errors import CalibrationError

CHECKER = Board("checkerboard", (9, 6), SQUARE_MM)
CHARUCO = Board("charuco", (9, 6), SQUARE_MM, marker_mm=7.0, dictionary="4X4_50")


def calibrate(board: Board, *images: np.ndarray) -> tuple[Calibration, BoardReport]:
    names = [f"picture {i}" for i in range(len(images))]
    return from_board(list(images), names, board, max_residual_px=0.5)


def scale_error(calibration: Calibration, matrix: np.ndarray) -> float:
    """Largest relative error of lengths between points spread over the frame."""
    pixels = np.array(((200, 150), (1100, 140), (1080, 600), (240, 580), (640, 360)), np.float64)
    rays = np.column_stack((pixels, np.ones(len(pixels)))) @ np.linalg.inv(matrix).T
    true, measured = rays[:, :2] / rays[:, 2:], calibration.to_plane(pixels)
    errors = [
        abs(math.dist(measured[i], measured[j]) / math.dist(true[i], true[j]) - 1)
        for i in range(len(pixels))
        for j in range(i)
    ]
    return max(errors)


@pytest.mark.parametrize("tilt", [0.0, 25.0])
def test_a_checkerboard_gives_the_scale_to_a_tenth_of_a_percent(tilt: float) -> None:
    matrix = camera(tilt, 170.0)
    calibration, report = calibrate(CHECKER, photograph(checkerboard(9, 6), matrix))
    assert report.corners == 8 * 5
    assert scale_error(calibration, matrix) < 1e-3
    assert report.residual_rms_px < 0.15
    assert calibration.relative_u(np.array(((640.0, 360.0),)))[0] < 2e-3


def test_a_charuco_board_that_is_half_hidden_still_gives_the_scale() -> None:
    matrix = camera(15.0)
    image = photograph(charuco(9, 6, 7.0), matrix)
    image[:, 820:] = 150
    calibration, report = calibrate(CHARUCO, image)
    assert 12 <= report.corners < 8 * 5
    pitch = calibration.mm_per_px_at((560.0, 360.0))
    truth = Calibration("homography", FRAME_HW, "", "", homography=_inverse(matrix))
    assert pitch == pytest.approx(truth.mm_per_px_at((560.0, 360.0)), rel=2e-3)


@pytest.mark.parametrize("tilt", [10.0, 25.0, 40.0])
def test_the_tilt_of_the_plane_is_measured(tilt: float) -> None:
    truth = Calibration("homography", FRAME_HW, "", "", homography=_inverse(camera(tilt)))
    assert tilt_deg(truth) == pytest.approx(tilt, abs=1e-6)
    _, report = calibrate(CHECKER, photograph(checkerboard(9, 6), camera(tilt)))
    assert report.tilt_deg == pytest.approx(tilt, abs=1.5)


def test_pictures_of_a_board_moved_on_one_plane_are_joined() -> None:
    matrix = camera(20.0)
    board = checkerboard(9, 6)
    places = (((-35.0, -12.0), 0.0), ((35.0, 15.0), 20.0), ((0.0, 0.0), -10.0))
    images = [photograph(board, matrix, shift_mm=s, turn_deg=t) for s, t in places]
    calibration, report = calibrate(CHECKER, *images)
    assert report.corners == 3 * 40
    assert scale_error(calibration, matrix) < 1e-3


def test_a_board_on_another_plane_is_refused() -> None:
    board = checkerboard(9, 6)
    images = [photograph(board, camera(25.0)), photograph(board, camera(0.0, 230.0))]
    with pytest.raises(CalibrationError, match="rms error of the board's corners"):
        calibrate(CHECKER, *images)


def test_the_error_names_a_picture_without_a_board() -> None:
    empty = np.full((*FRAME_HW, 3), 128, np.uint8)
    for board in (CHECKER, CHARUCO):
        with pytest.raises(CalibrationError, match=r"picture 0: found no \w+ of 9x6 squares"):
            calibrate(board, empty)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"type": "dots"}, "dots"),
        ({"squares": (2, 6)}, "3x3"),
        ({"square_mm": 0.0}, "square_mm"),
        ({"type": "charuco"}, "marker-mm and --dictionary"),
        ({"type": "charuco", "marker_mm": 12.0, "dictionary": "4X4_50"}, "marker_mm"),
    ],
)
def test_an_impossible_board_is_refused(values: dict[str, object], reason: str) -> None:
    known: dict[str, object] = {"type": "checkerboard", "squares": (9, 6), "square_mm": SQUARE_MM}
    with pytest.raises(CalibrationError, match=reason):
        Board(**(known | values))  # type: ignore[arg-type]


def test_an_unknown_dictionary_is_refused() -> None:
    board = Board("charuco", (9, 6), SQUARE_MM, marker_mm=7.0, dictionary="9X9_1")
    with pytest.raises(CalibrationError, match="9X9_1"):
        calibrate(board, np.full((*FRAME_HW, 3), 128, np.uint8))


def _inverse(matrix: np.ndarray) -> tuple[tuple[float, float, float], ...]:
    inverse = np.linalg.inv(matrix)
    return tuple(tuple(row) for row in (inverse / inverse[2, 2]).tolist())
