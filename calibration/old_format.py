"""Adds to board calibrations of format 1 what they leave out: the uncertainty by place."""

import dataclasses
import re
from typing import Final

import cv2
import numpy as np

from calibration.lens import COEFFICIENTS
from calibration.lens_parameters import CAMERA, make_lens, usual_lens
from calibration.plane import Calibration
from calibration.uncertainty import combine_strains, grid_nodes, local_scale
from inspector.core.geometry import Points

_BOARD: Final = re.compile(r"(?:checkerboard|charuco) (\d+)x(\d+).* of (\S+) mm, \d+ corners in ")
"""How a board calibration of format 1 describes the board. The board of the first picture is at the
origin of the plane; where the others were is not in the file."""

_FEWEST_CORNERS: Final = 4


def add_uncertainty(calibration: Calibration) -> Calibration:
    """The calibration with the uncertainty of a lens that may distort as lenses usually do.

    Format 1 assumed a lens without distortion, and its scale_u_rel has only the noise of the
    corners. For each kind of distortion this computes the plane that fits the corners of the first
    picture then, and how far it differs. A distortion that would leave larger errors at the corners
    than there were is reduced. Calibrations of other kinds do not change.
    """
    match = _BOARD.match(calibration.how)
    residual_mm = calibration.residual_mm
    if calibration.kind != "homography" or match is None or residual_mm is None:
        return calibration
    columns, rows, square_mm = int(match[1]), int(match[2]), float(match[3])
    x, y = np.meshgrid(np.arange(columns - 1), np.arange(rows - 1))
    marks = square_mm * np.column_stack((x.ravel(), y.ravel())).astype(np.float64)
    matrix, frame_hw = np.array(calibration.homography), calibration.frame_hw
    pixels = _map(np.linalg.inv(matrix), marks)
    inside = np.all((pixels >= 0) & (pixels <= frame_hw[::-1]), axis=1)
    if np.count_nonzero(inside) < _FEWEST_CORNERS:
        return calibration
    mean, spread = usual_lens(frame_hw)
    nodes = grid_nodes(frame_hw)
    inverse = np.linalg.inv(local_scale(None, matrix, frame_hw, nodes))
    strains = []
    for index in range(len(CAMERA) - len(COEFFICIENTS), len(CAMERA)):
        values = mean.copy()
        values[index] = -spread[index]
        lens = make_lens(values, frame_hw)
        straight = lens.undistort(pixels[inside])
        other = np.asarray(cv2.findHomography(straight, marks[inside], 0)[0], np.float64)
        left = float(np.linalg.norm(_map(other, straight) - marks[inside])) / len(straight) ** 0.5
        share = min(1.0, residual_mm / max(left, 1e-9 * square_mm))
        strain = local_scale(lens, other, frame_hw, nodes) @ inverse - np.eye(2)
        strains.append(share * strain)
    return dataclasses.replace(calibration, uncertainty=combine_strains(strains, frame_hw))


def _map(matrix: Points, points: Points) -> Points:
    mapped = np.column_stack((points, np.ones(len(points)))) @ matrix.T
    return np.asarray(mapped[:, :2] / mapped[:, 2:], np.float64)
