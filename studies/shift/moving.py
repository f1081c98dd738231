"""Moves a picture and its mask: rotation, crop, translation, and a camera that moved or tilted.

Each shift has a function that draws its parameters, and one that makes a 3 x 3 matrix of them. It
maps places (x, y, 1) of the picture to places of the shifted picture, in pixels. Sizes are shares
of the shorter side.
"""

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Image, Mask
from studies.shift.drawing import Draw, Parameters

Matrix = npt.NDArray[np.float64]
HW = tuple[int, int]


def draw_rotation(draw: Draw, amount: float) -> Parameters:
    return {"degrees": draw.signed(amount)}


def rotation(parameters: Parameters, hw: HW) -> Matrix:
    return _about_centre(hw, degrees=parameters["degrees"])


def draw_crop(draw: Draw, amount: float) -> Parameters:
    return {"cut": draw.up_to(amount), "x": draw.between(0, 1), "y": draw.between(0, 1)}


def crop(parameters: Parameters, hw: HW) -> Matrix:
    """A part of the picture, 1 - cut of each side, is enlarged to the whole picture. x and y: its
    place, from 0 (left, top) to 1."""
    height, width = hw
    cut = parameters["cut"]
    left, top = parameters["x"] * cut * width, parameters["y"] * cut * height
    scale = 1 / (1 - cut)
    return np.array([[scale, 0, -scale * left], [0, scale, -scale * top], [0, 0, 1]])


def draw_translation(draw: Draw, amount: float) -> Parameters:
    return {"x": draw.signed(amount), "y": draw.signed(amount)}


def translation(parameters: Parameters, hw: HW) -> Matrix:
    side = min(hw)
    return np.array([[1, 0, parameters["x"] * side], [0, 1, parameters["y"] * side], [0, 0, 1.0]])


def draw_moved_camera(draw: Draw, amount: float) -> Parameters:
    """The camera moved sideways and nearer or farther, and turned a little."""
    return {
        "x": draw.signed(amount),
        "y": draw.signed(amount),
        "scale": 1 + draw.signed(amount / 2),
        "degrees": draw.signed(30 * amount),
    }


def moved_camera(parameters: Parameters, hw: HW) -> Matrix:
    turned = _about_centre(hw, parameters["degrees"], parameters["scale"])
    moved: Matrix = translation(parameters, hw) @ turned
    return moved


def draw_tilted_camera(draw: Draw, amount: float) -> Parameters:
    return {"horizontal": draw.signed(amount), "vertical": draw.signed(amount)}


def tilted_camera(parameters: Parameters, hw: HW) -> Matrix:
    """A homography. A tilt of 0.1 makes the sides at one edge 10 % shorter, and those at the other
    edge 10 % longer."""
    height, width = hw
    across, down = parameters["horizontal"], parameters["vertical"]
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float64)
    scale = 1 + across * corners[:, :1] + down * corners[:, 1:]
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    places = [centre + corners * centre, centre + corners * scale * centre]
    before, after = (np.ascontiguousarray(each, np.float32) for each in places)
    return np.asarray(cv2.getPerspectiveTransform(before, after), np.float64)


def warp(image: Image, mask: Mask | None, matrix: Matrix) -> tuple[Image, Mask | None]:
    """image: (H, W, 3) uint8. mask: (H, W) bool. What the picture does not show is filled by its
    mirror image, in the picture and in the mask, so a mirrored defect is marked too."""
    size = (image.shape[1], image.shape[0])
    border = cv2.BORDER_REFLECT_101
    moved = cv2.warpPerspective(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=border)
    if mask is None:
        return np.asarray(moved, np.uint8), None
    share = cv2.warpPerspective(
        mask.astype(np.float32), matrix, size, flags=cv2.INTER_LINEAR, borderMode=border
    )
    return np.asarray(moved, np.uint8), np.asarray(share >= 0.5, np.bool_)


def _about_centre(hw: HW, degrees: float, scale: float = 1.0) -> Matrix:
    height, width = hw
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, scale)
    return np.vstack([turn, [0, 0, 1]])
