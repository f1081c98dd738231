"""The parameters of a lens in a fit, and what is known about lenses in general."""

import math
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from calibration.lens import COEFFICIENTS, Lens
from inspector.core.geometry import Points

Vector = npt.NDArray[np.float64]

CAMERA: Final = ("log f", "log aspect", "cx", "cy", *COEFFICIENTS)
"""Parameters of the lens in the fit. Coefficients are in units of the displacement at the corner of
the frame, so that their meaning does not depend on the focal length."""

FOCAL_PER_SIDE: Final = 1.5
KNOWN: Final = (1.0, 0.01, 0.025, 0.025, 0.06, 0.02, 0.001, 0.001, 0.006)
"""What is known before a picture is seen, as standard deviations in the order of CAMERA: focal
length (factor e around FOCAL_PER_SIDE frame sides), pixels that are square to 1 %, a centre within
2.5 % of the longer side. At the corner of the frame: 6 % of distortion, 2 % and 0.6 % of its higher
terms, and 0.3 % of decentring."""

TAIL: Final = (0.0005, 0.03)
"""Standard deviation of the distortion at the corner that no coefficient describes: a constant, and
a share of the whole distortion."""

TAIL_POWER: Final = 10
"""Of the distance from the centre. The coefficients describe lower powers, and can imitate those
that are a little higher."""


def usual_lens(frame_hw: tuple[int, int]) -> tuple[Vector, Vector]:
    """What is known before a picture is seen: mean and standard deviation of CAMERA."""
    height, width = frame_hw
    side = max(frame_hw)
    mean = np.zeros(len(CAMERA))
    mean[0], mean[2:4] = math.log(FOCAL_PER_SIDE * side), (width / 2, height / 2)
    return mean, np.array(KNOWN) * np.array((1, 1, side, side, *(1,) * len(COEFFICIENTS)))


def make_lens(values: Vector, frame_hw: tuple[int, int]) -> Lens:
    log_f, log_aspect, cx, cy, *terms = (float(value) for value in values[: len(CAMERA)])
    focal = math.exp(log_f)
    scales = coefficient_scales(focal, frame_hw)
    k1, k2, p1, p2, k3 = (term * scale for term, scale in zip(terms, scales, strict=True))
    return Lens((focal, focal * math.exp(log_aspect)), (cx, cy), (k1, k2, p1, p2, k3))


def homography(values: Vector, frame_hw: tuple[int, int]) -> Points:
    """(3, 3) from undistorted pixels to squares on the plane."""
    lens, pose = make_lens(values, frame_hw), values[len(CAMERA) : len(CAMERA) + 6]
    rotation = cv2.Rodrigues(pose[:3])[0]
    shift = pose[3:] * (1, 1, focal_share(lens.focal_px[0], frame_hw))
    return np.asarray(
        np.linalg.inv(lens.matrix @ np.column_stack((rotation[:, :2], shift))), np.float64
    )


def focal_share(focal: float, frame_hw: tuple[int, int]) -> float:
    """The focal length relative to the distance from the centre of the frame to its corner. The
    distance of a board is fitted in units of it, because the picture of a board hardly changes if
    both grow together; telecentric lenses have a very large one."""
    return focal / (math.hypot(*frame_hw) / 2)


def coefficient_scales(focal: float, frame_hw: tuple[int, int]) -> tuple[float, ...]:
    share = focal_share(focal, frame_hw)
    return share**2, share**4, share, share, share**6


def tail_shift(pixels: Points, tail: float, values: Vector, frame_hw: tuple[int, int]) -> Points:
    """(n, 2) px by which the rest of the distortion moves pixels away from the centre. tail: this
    movement at the corner of the frame, relative to the distance from the centre."""
    away = pixels - values[2:4]
    reach = np.linalg.norm(away, axis=1, keepdims=True) / (math.hypot(*frame_hw) / 2)
    return np.asarray(tail * away * reach**TAIL_POWER, np.float64)


def lens_derivatives(lens: Lens, frame_hw: tuple[int, int]) -> Points:
    """(9, 9) derivatives of fx, fy, cx, cy, k1, k2, p1, p2, k3 by the parameters of CAMERA."""
    fx, fy = lens.focal_px
    chain = np.zeros((9, len(CAMERA)))
    chain[:2, 0], chain[1, 1] = (fx, fy), fy
    chain[2, 2] = chain[3, 3] = 1
    powers = np.array((2, 4, 1, 1, 6))
    chain[4:, 0] = powers * np.array(lens.coefficients)
    chain[4:, 4:] = np.diag(coefficient_scales(fx, frame_hw))
    return chain
