"""Calibrations of format 1 open, with the uncertainty of a lens that may distort."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from plane_errors import length_errors, length_u

from benchmarks.board_pictures import SQUARE_MM, Camera, checkerboard, photograph, pose
from calibration import Calibration, load_calibration
from calibration.scale import from_scale
from calibration.target import Board, find_corners
from inspector.core.geometry import Points


def write_format_1(path: Path, camera: Camera, plane: Points, squares: tuple[int, int]) -> None:
    """As the version that assumed a lens without distortion."""
    columns, rows = squares
    image = photograph(checkerboard(columns, rows), camera, plane)
    view = find_corners(image, Board("checkerboard", squares, SQUARE_MM), "a")
    marks = view.marks * SQUARE_MM
    matrix = np.asarray(cv2.findHomography(view.corners, marks, 0)[0])
    mapped = np.column_stack((view.corners, np.ones(len(marks)))) @ matrix.T
    off = mapped[:, :2] / mapped[:, 2:] - marks
    values = {
        "format": 1,
        "kind": "homography",
        "frame_hw": list(camera.frame_hw),
        "how": f"checkerboard {columns}x{rows} of 10 mm, {len(marks)} corners in 1 pictures",
        "made_utc": "2026-01-01T00:00:00.000Z",
        "homography": (matrix / matrix[2, 2]).tolist(),
        "residual_mm": float(np.sqrt(np.mean(np.sum(off**2, axis=1)))),
        "scale_u_rel": 0.001,
        "camera": "",
    }
    path.write_text(yaml.safe_dump(values, sort_keys=False))


def test_a_small_board_with_distortion_has_a_large_uncertainty_on_the_other_side(
    tmp_path: Path,
) -> None:
    path, camera = tmp_path / "cal.yaml", Camera(barrel=0.1)
    plane = pose(distance_mm=190.0)
    there = plane @ np.array(((1, 0, 50.0), (0, 1, 20.0), (0, 0, 1)))
    write_format_1(path, camera, there, (5, 4))
    calibration = load_calibration(path)
    far, near = (100.0, 100.0), (1000.0, 450.0)
    error = float(np.abs(length_errors(calibration, camera, plane, far)).max())
    assert error > 0.1
    assert error < 2 * length_u(calibration, far)
    assert length_u(calibration, near) < 0.02


def test_a_large_board_without_distortion_stays_certain(tmp_path: Path) -> None:
    path = tmp_path / "cal.yaml"
    write_format_1(path, Camera(), pose(10.0, distance_mm=190.0), (13, 8))
    calibration = load_calibration(path)
    assert length_u(calibration, (640.0, 360.0)) < 1e-3
    assert calibration.lens is None


def test_other_calibrations_of_format_1_do_not_change(tmp_path: Path) -> None:
    path = tmp_path / "cal.yaml"
    scale = from_scale(0.1, (720, 1280), scale_u_rel=0.002)
    path.write_text(
        "format: 1\nkind: scale\nframe_hw: [720, 1280]\nmm_per_px: [0.1, 0.1]\n"
        f"scale_u_rel: 0.002\nhow: '{scale.how}'\nmade_utc: '{scale.made_utc}'\n"
    )
    assert load_calibration(path) == scale
    matrix = "[[0.05, 0.002, -3.0], [0.001, 0.06, 1.0], [1.0e-05, 2.0e-05, 1.0]]"
    path.write_text(
        f"format: 1\nkind: homography\nframe_hw: [720, 1280]\nhomography: {matrix}\n"
        "how: by hand\nmade_utc: now\n"
    )
    calibration = load_calibration(path)
    assert calibration.uncertainty is None
    assert calibration.relative_u(np.zeros((1, 2))) == (0.0, 0.0)


def test_the_digest_of_a_calibration_without_lens_is_that_of_format_1() -> None:
    calibration = Calibration("scale", (10, 20), "how", "now", mm_per_px=(0.1, 0.1))
    assert calibration.sha256() == (
        "2e855a55a78f34613db3233c4fc305b0617bbf28467fce3de23cbbc8a51ae4eb"
    )


@pytest.mark.parametrize("how", ["checkerboard 5x4 of 1e-300 mm, 12 corners in 1 pictures"])
def test_a_board_outside_the_frame_says_nothing(how: str, tmp_path: Path) -> None:
    path = tmp_path / "cal.yaml"
    matrix = "[[0.05, 0.0, 30.0], [0.0, 0.05, 30.0], [0.0, 0.0, 1.0]]"
    path.write_text(
        f"format: 1\nkind: homography\nframe_hw: [720, 1280]\nhomography: {matrix}\n"
        f"how: '{how}'\nmade_utc: now\nresidual_mm: 0.1\n"
    )
    assert load_calibration(path).uncertainty is None
