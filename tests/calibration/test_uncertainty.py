"""The uncertainty by place covers the real errors, and it grows where no board was seen."""

import numpy as np
import pytest
from plane_errors import length_errors, length_u
from printed_boards import from_board

from benchmarks.board_pictures import SQUARE_MM, Camera, checkerboard, photograph, pose
from calibration.board import BoardReport
from calibration.plane import Calibration
from calibration.target import Board
from calibration.uncertainty_map import UncertaintyMap
from inspector.core.errors import CalibrationError
from inspector.core.geometry import Points

PLACES = [(x, y) for y in (60.0, 360.0, 660.0) for x in (60.0, 350.0, 640.0, 930.0, 1220.0)]


def move(x: float, y: float) -> Points:
    return np.array(((1, 0, x), (0, 1, y), (0, 0, 1.0)))


def calibrate_flat(
    camera: Camera, plane: Points, squares: tuple[int, int], at_mm: tuple[float, float]
) -> tuple[Calibration, BoardReport]:
    image = photograph(checkerboard(*squares), camera, plane @ move(*at_mm))
    board = Board("checkerboard", squares, SQUARE_MM)
    return from_board([image], ["board"], board, max_residual_px=0.5)


def errors_per_u(calibration: Calibration, camera: Camera, plane: Points) -> list[float]:
    """For each of PLACES the largest error, in standard uncertainties."""
    return [
        float(np.abs(length_errors(calibration, camera, plane, place)).max())
        / length_u(calibration, place)
        for place in PLACES
    ]


@pytest.mark.parametrize("barrel", [0.0, 0.1, -0.05])
@pytest.mark.parametrize("tilt", [0.0, 25.0])
def test_a_small_board_at_the_edge_has_honest_uncertainties_on_the_other_side(
    barrel: float, tilt: float
) -> None:
    camera = Camera(barrel=barrel, centre_px=(652.0, 354.0))
    plane = pose(tilt, towards_deg=30.0, distance_mm=190.0)
    calibration, report = calibrate_flat(camera, plane, (5, 4), (50.0, 20.0))
    assert report.coverage < 0.08
    assert np.mean(np.array(errors_per_u(calibration, camera, plane)) <= 2) >= 0.9
    assert length_u(calibration, (60.0, 60.0)) > 5 * length_u(calibration, (1000.0, 450.0))
    assert length_u(calibration, (60.0, 60.0)) < 0.12


@pytest.mark.parametrize("barrel", [0.0, 0.1])
def test_a_board_that_fills_the_frame_gives_sizes_to_a_tenth_of_a_percent(barrel: float) -> None:
    camera, plane = Camera(barrel=barrel), pose(12.0, towards_deg=70.0, distance_mm=190.0)
    calibration, report = calibrate_flat(camera, plane, (16, 9), (0.0, 0.0))
    assert report.coverage > 0.6
    assert report.fit.determined[:2] == ("k1", "k2")
    for place in PLACES[5:10]:
        assert length_errors(calibration, camera, plane, place) == pytest.approx(0, abs=1e-3)
    assert length_u(calibration, (640.0, 360.0)) < 3e-4


def test_pictures_in_several_poses_measure_the_lens_and_leave_the_plane_to_the_flat_one() -> None:
    camera, board = Camera(barrel=0.08, centre_px=(630.0, 365.0)), Board("checkerboard", (9, 6), 10)
    texture, rng = checkerboard(9, 6), np.random.default_rng(3)
    poses = [
        pose(rng.uniform(10, 30), towards_deg=rng.uniform(0, 360), distance_mm=200.0) @ move(x, y)
        for x, y in ((-40, -20), (40, -20), (-40, 20), (40, 20), (0, 0))
    ]
    flat = pose(20.0, towards_deg=200.0, distance_mm=210.0)
    images = [photograph(texture, camera, each) for each in (*poses, flat @ move(15.0, 5.0))]
    calibration, report = from_board(
        images, [str(n) for n in range(6)], board, max_residual_px=0.2, flat=[*[False] * 5, True]
    )
    assert report.focal_known
    assert report.fit.lens.focal_px[0] == pytest.approx(camera.focal_px, rel=0.005)
    assert report.fit.lens.centre_px == pytest.approx((630.0, 365.0), abs=4.0)
    assert report.distortion == pytest.approx(1 / 1.08 - 1, abs=0.01)
    assert report.tilt_deg == pytest.approx(20.0, abs=1.0)
    assert max(errors_per_u(calibration, camera, flat)) < 2.5


def test_many_poses_need_a_flat_picture() -> None:
    camera = Camera()
    image = photograph(checkerboard(9, 6), camera, pose(10.0))
    board = Board("checkerboard", (9, 6), SQUARE_MM)
    with pytest.raises(CalibrationError, match="no picture shows the board flat"):
        from_board([image], ["a"], board, max_residual_px=0.5, flat=[False])


def test_the_uncertainty_of_the_squares_counts_everywhere() -> None:
    camera, plane = Camera(), pose(distance_mm=190.0)
    image = photograph(checkerboard(9, 6), camera, plane)
    values = {None: 0.001, 0.0: 0.0, 0.5: 0.05}
    for square_u_mm, share in values.items():
        board = Board("checkerboard", (9, 6), SQUARE_MM, square_u_mm)
        calibration, _ = from_board([image], ["a"], board, max_residual_px=0.5)
        assert calibration.scale_u_rel == pytest.approx(share)
        length, area = calibration.relative_u(np.array(((640.0, 360.0),)))
        assert length >= share
        assert area >= 2 * share


def test_a_board_that_is_far_too_small_is_refused_with_the_place_and_the_remedy() -> None:
    plane = pose(50.0, towards_deg=80.0, distance_mm=500.0)
    with pytest.raises(
        CalibrationError, match=r"covers only 0.\d % .* at the top left a size would"
    ):
        calibrate_flat(Camera(), plane, (5, 4), (40.0, 0.0))


def test_the_map_is_linear_between_its_places_and_constant_outside_the_frame() -> None:
    table = UncertaintyMap(((0.0, 0.1), (0.2, 0.3)), ((0.0, 0.2), (0.4, 0.6)))
    points = np.array(((0.0, 0.0), (100.0, 0.0), (50.0, 25.0), (-9.0, 99.0), (100.0, 50.0)))
    length, area = table.at(points, (50, 100))
    assert length == pytest.approx([0.0, 0.1, 0.15, 0.2, 0.3])
    assert area == pytest.approx(2 * length)


@pytest.mark.parametrize(
    ("length", "area", "reason"),
    [
        (((0.1, 0.1),), ((0.1, 0.1),), "at least 2"),
        (((0.1, 0.1), (0.1,)), ((0.1, 0.1), (0.1, 0.1)), "same rows"),
        ((), (), "same rows"),
        (((0.1, 0.1), (0.1, -0.1)), ((0.1, 0.1), (0.1, 0.1)), "0 or more"),
        (((0.1, 0.1), (0.1, float("nan"))), ((0.1, 0.1), (0.1, 0.1)), "0 or more"),
    ],
)
def test_an_impossible_map_is_refused(length: object, area: object, reason: str) -> None:
    with pytest.raises(CalibrationError, match=reason):
        UncertaintyMap(length, area)  # type: ignore[arg-type]


def test_a_telecentric_lens_and_pixels_that_are_not_square_are_fitted() -> None:
    far = Camera(focal_px=150_000.0)
    plane = pose(15.0, towards_deg=40.0, distance_mm=19_000.0)
    calibration, report = calibrate_flat(far, plane, (13, 8), (0.0, 0.0))
    assert report.residual_rms_px < 0.1
    errors = length_errors(calibration, far, plane, (640.0, 360.0))
    assert np.abs(errors).max() < max(1e-3, 2 * length_u(calibration, (640.0, 360.0)))
    image = photograph(checkerboard(13, 8), Camera(), pose(distance_mm=190.0))
    board = Board("checkerboard", (13, 8), SQUARE_MM)
    wide = np.ascontiguousarray(np.repeat(image, 2, axis=1))
    calibration, report = from_board([wide], ["wide"], board, max_residual_px=0.5)
    along_x, along_y = calibration.mm_per_px_at((1280.0, 360.0))
    assert along_y / along_x == pytest.approx(2.0, rel=5e-3)
