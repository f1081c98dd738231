"""ChArUco boards of both patterns, and what the error says about a board that is not found."""

import dataclasses

import numpy as np
import pytest
from printed_boards import FRAME_HW, SQUARE_MM, camera, charuco, from_board, photograph

from calibration.board import BoardReport
from calibration.target import Board
from inspector.core.errors import CalibrationError

BOARD = Board("charuco", (8, 6), SQUARE_MM, marker_mm=7.0, dictionary="4X4_50")


def calibrate(board: Board, *images: np.ndarray) -> tuple[str, BoardReport]:
    names = [f"picture {i}" for i in range(len(images))]
    calibration, report = from_board(list(images), names, board, max_residual_px=0.5)
    return calibration.how, report


def refusal(board: Board, *images: np.ndarray) -> str:
    with pytest.raises(CalibrationError) as error:
        calibrate(board, *images)
    return str(error.value)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("squares", [(8, 6), (5, 4), (10, 4)])
def test_both_patterns_are_found_and_named(legacy: bool, squares: tuple[int, int]) -> None:
    columns, rows = squares
    image = photograph(charuco(columns, rows, 7.0, legacy=legacy), camera(15.0))
    how, report = calibrate(dataclasses.replace(BOARD, squares=squares), image)
    assert report.corners == (columns - 1) * (rows - 1)
    assert report.pattern == ("legacy pattern" if legacy else "current pattern")
    assert report.views[0].markers == (columns * rows // 2, columns * rows // 2)
    assert report.pattern in how
    assert report.residual_rms_px < 0.2


def test_a_board_of_the_legacy_pattern_may_be_half_hidden() -> None:
    image = photograph(charuco(8, 6, 7.0, legacy=True), camera(15.0))
    image[:, 820:] = 150
    _, report = calibrate(BOARD, image)
    assert report.pattern == "legacy pattern"
    assert 12 <= report.corners < 35
    assert report.views[0].markers[0] < 24


def test_pictures_of_two_patterns_are_refused() -> None:
    images = [photograph(charuco(8, 6, 7.0, legacy=old), camera(15.0)) for old in (False, True)]
    assert "picture 1 shows a board of the legacy pattern" in refusal(BOARD, *images)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("squares", [(6, 8), (7, 5), (12, 4), (9, 6)])
def test_other_squares_are_named(legacy: bool, squares: tuple[int, int]) -> None:
    image = photograph(charuco(8, 6, 7.0, legacy=legacy), camera(15.0))
    sentence = refusal(dataclasses.replace(BOARD, squares=squares), image)
    assert "they fit a board of 8x6 squares" in sentence or "rms error" in sentence


@pytest.mark.parametrize("markers", ["5X5_100", "6X6_250", "ARUCO_ORIGINAL", "APRILTAG_36h11"])
def test_another_dictionary_is_named(markers: str) -> None:
    image = photograph(charuco(8, 6, 7.0, markers=markers), camera(15.0))
    sentence = refusal(BOARD, image)
    name = {"5X5_100": "5X5_50", "6X6_250": "6X6_50"}.get(markers, markers)
    assert "0 of 24 markers of 4X4_50 are visible, but 24 markers of" in sentence
    assert sentence.endswith(f"give --dictionary {name}")


def mirror(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(image[:, ::-1])


@pytest.mark.parametrize("legacy", [False, True])
def test_a_board_seen_in_a_mirror_gives_the_same_sizes_and_is_named(legacy: bool) -> None:
    image = photograph(charuco(8, 6, 7.0, legacy=legacy), camera(15.0))
    plain, report = from_board([image], ["plain"], BOARD, max_residual_px=0.2)
    mirrored, in_mirror = from_board([mirror(image)], ["mirror"], BOARD, max_residual_px=0.2)
    assert in_mirror.pattern == f"mirrored {report.pattern}"
    assert in_mirror.corners == 35
    points = np.array(((500.0, 300.0), (800.0, 420.0)))
    there = points * (-1, 1) + (FRAME_HW[1], 0)
    lengths = [np.ptp(c.to_plane(p), axis=0) for c, p in ((plain, points), (mirrored, there))]
    assert np.linalg.norm(lengths[0]) == pytest.approx(np.linalg.norm(lengths[1]), rel=1e-4)


def test_the_squares_of_a_mirrored_board_are_named() -> None:
    image = mirror(photograph(charuco(8, 6, 7.0), camera(15.0)))
    sentence = refusal(dataclasses.replace(BOARD, squares=(7, 5)), image)
    assert "4X4_50 are visible in the mirrored picture; they fit a board of 8x6" in sentence


def test_a_picture_without_a_board_is_refused() -> None:
    empty = refusal(BOARD, np.full((*FRAME_HW, 3), 90, np.uint8))
    assert "0 of 24 markers of 4X4_50 are visible, and none of other dictionaries" in empty


def test_a_board_that_is_mostly_hidden_says_how_many_markers_are_visible() -> None:
    image = photograph(charuco(8, 6, 7.0), camera(15.0))
    image[:, 480:] = 150
    sentence = refusal(BOARD, image)
    assert "of 24 markers of 4X4_50 are visible: check --dictionary, the light" in sentence


@pytest.mark.parametrize("square_mm", [1e-9, 1e9, 1e-300, 1e300, float("inf"), float("nan")])
def test_squares_of_an_impossible_size_are_refused(square_mm: float) -> None:
    with pytest.raises(
        CalibrationError, match=r"square_mm must lie between 1e-06 and 6\.5536e\+08"
    ):
        dataclasses.replace(BOARD, square_mm=square_mm, marker_mm=0.7 * square_mm)


@pytest.mark.parametrize("square_mm", [1e-5, 1e7])
def test_squares_whose_pixels_are_impossible_are_refused(square_mm: float) -> None:
    board = dataclasses.replace(BOARD, square_mm=square_mm, marker_mm=0.7 * square_mm)
    image = photograph(charuco(8, 6, 7.0), camera(15.0))
    assert "mm_per_px along x must lie between 1e-06 and 10000" in refusal(board, image)


def test_the_case_of_a_dictionary_does_not_matter() -> None:
    image = photograph(charuco(8, 6, 7.0), camera(15.0))
    assert calibrate(dataclasses.replace(BOARD, dictionary="4x4_50"), image)[1].corners == 35
