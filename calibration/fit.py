"""Fits a lens and the poses of boards to the corners in pictures, with the covariance.

calibrateCamera of OpenCV gives the start. Then a least squares fit (Levenberg and Marquardt) adds
what is known about lenses in general, as normal distributions. So the fit is stable with a single
picture, and parameters that the corners do not determine keep an honest uncertainty.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from calibration.lens import COEFFICIENTS, Lens
from calibration.lens_parameters import (
    CAMERA,
    TAIL,
    Vector,
    coefficient_scales,
    focal_share,
    homography,
    lens_derivatives,
    make_lens,
    tail_shift,
    usual_lens,
)
from inspector.core.errors import CalibrationError
from inspector.core.geometry import Points

SIGMA_PX: Final = 0.05
SIGMA_WEIGHT: Final = 8
"""The error of a corner is about SIGMA_PX, known as well as from SIGMA_WEIGHT residuals."""

LARGE_SIGMA_PX: Final = 0.1
"""Larger errors come from squares that are not equal, a bent board, or another kind of lens.
Neighbouring corners share them, so they do not average out, and all corners together count less."""

SHARED_PX: Final = 0.03
"""Standard deviation of the error that the corners of a picture share: the distance of two opposite
sides of the board is wrong by about this, however many corners there are."""

_ROUNDS: Final = 3
_MOST_STEPS: Final = 60
_POSES_FOR_FOCAL: Final = 3
"""From so many pictures in different poses, the focal length of calibrateCamera is the start."""


@dataclass(frozen=True, slots=True)
class Corners:
    """pixels: (n, 2) frame pixels. marks: (n, 2) on the board, in squares. flat: whether the board
    lies on the plane of the product."""

    pixels: Points
    marks: Points
    flat: bool


@dataclass(frozen=True, slots=True)
class CameraFit:
    """A fitted camera.

    values: the lens in the order of CAMERA, then the pose of the plane: rotation vector, and
    translation in squares (z in units of focal_share). covariance: of values. tail: one standard
    deviation of the distortion that no coefficient describes, see tail_shift(). tail_effect: the
    error of values that it causes. shared_rel: relative error of all lengths that comes from
    SHARED_PX. residuals: of each picture (n, 2) px, measured minus expected, if no error counts as
    shared. sigma_px: their standard deviation along x or y. determined: names of the coefficients
    that the corners determine at least twice as well as they were known before.
    """

    frame_hw: tuple[int, int]
    values: Vector
    covariance: Points
    tail: float
    tail_effect: Vector
    shared_rel: float
    residuals: tuple[Points, ...]
    sigma_px: float
    determined: tuple[str, ...]

    @property
    def lens(self) -> Lens:
        return make_lens(self.values, self.frame_hw)

    @property
    def homography(self) -> Points:
        return homography(self.values, self.frame_hw)


def fit_camera(views: list[Corners], frame_hw: tuple[int, int]) -> CameraFit:
    """views: at least one flat; all flat ones lie on the same plane, that of the first. Raises
    CalibrationError for corners on one line."""
    problem = _Problem(sorted(views, key=lambda view: not view.flat), frame_hw)
    values = problem.start()
    sigma = SIGMA_PX
    for _ in range(_ROUNDS):
        values, residual, normal = problem.solve(values, sigma)
        covariance = np.linalg.inv(normal)
        used = len(values) - float(np.sum(np.diag(covariance) * problem.known_weights))
        free = max(residual.size - used, 1.0)
        squares = float(residual @ residual) + SIGMA_WEIGHT * SIGMA_PX**2
        sigma = math.sqrt(squares / (free + SIGMA_WEIGHT))
    weight = math.sqrt(max(1.0, sigma / LARGE_SIGMA_PX))
    values, _, normal = problem.solve(values, weight * sigma)
    covariance = np.linalg.inv(normal)
    size = len(CAMERA)
    tail = TAIL[0] + TAIL[1] * abs(float(values[CAMERA.index("k1")]))
    pulled = problem.pull(values, lambda pixels: tail_shift(pixels, tail, values, frame_hw))
    effect = covariance @ pulled / (weight * sigma) ** 2
    errors = np.sqrt(np.diag(covariance)[:size])
    limits = np.array(problem.known_u[:size]) / 2
    determined = [
        name
        for name, error, limit in zip(CAMERA, errors, limits, strict=True)
        if error < limit and name in COEFFICIENTS
    ]
    return CameraFit(
        frame_hw,
        values[: size + 6],
        np.asarray(covariance[: size + 6, : size + 6], np.float64),
        tail,
        np.asarray(effect[: size + 6], np.float64),
        SHARED_PX
        / float(np.ptp(np.concatenate([v.pixels for v in views if v.flat]), axis=0).max()),
        problem.split(residual, views),
        sigma,
        tuple(determined),
    )


class _Problem:
    """The parameters are the lens, the pose of the plane, a motion on the plane (x, y, angle) for
    each further flat view, and a pose for each other view."""

    def __init__(self, views: list[Corners], frame_hw: tuple[int, int]) -> None:
        self._views, self._frame_hw = views, frame_hw
        size = len(CAMERA)
        self._places = [slice(size, size + 6)]
        for view in views[1:]:
            end = self._places[-1].stop
            self._places.append(slice(end, end + (3 if view.flat else 6)))
        self._size = self._places[-1].stop
        self._known, self.known_u = usual_lens(frame_hw)
        self.known_weights = np.zeros(self._size)
        self.known_weights[:size] = 1 / self.known_u**2

    def start(self) -> Vector:
        views, focal = self._views, math.exp(self._known[0])
        poses = sum(not view.flat for view in views) + 1
        flags = cv2.CALIB_USE_INTRINSIC_GUESS | cv2.CALIB_FIX_PRINCIPAL_POINT
        flags |= cv2.CALIB_ZERO_TANGENT_DIST | cv2.CALIB_FIX_K2 | cv2.CALIB_FIX_K3
        flags |= cv2.CALIB_FIX_ASPECT_RATIO
        if poses < _POSES_FOR_FOCAL:
            flags |= cv2.CALIB_FIX_FOCAL_LENGTH
        guess = Lens((focal, focal), (self._known[2], self._known[3]), (0.0,) * 5)
        try:
            _, matrix, terms, turns, shifts = cv2.calibrateCamera(
                [_on_board(view.marks).astype(np.float32) for view in views],
                [v.pixels.astype(np.float32) for v in views],
                *(self._frame_hw[::-1], guess.matrix, np.zeros(5)),
                flags=flags,
            )
        except cv2.error as exc:
            raise CalibrationError(
                "the corners of the board are all on one line; take a picture that shows more of it"
            ) from exc
        focal = float(matrix[0, 0])
        values = np.zeros(self._size)
        values[: len(CAMERA)] = self._known
        values[0] = math.log(focal)
        values[4] = float(terms.ravel()[0]) / coefficient_scales(focal, self._frame_hw)[0]
        share = focal_share(focal, self._frame_hw)
        base = cv2.Rodrigues(turns[0])[0]
        for place, turn, shift in zip(self._places, turns, shifts, strict=True):
            if place.stop - place.start == 6:
                values[place] = np.concatenate((turn.ravel(), shift.ravel() / (1, 1, share)))
                continue
            within = base.T @ cv2.Rodrigues(turn)[0]
            moved = base.T @ (shift.ravel() - shifts[0].ravel())
            values[place] = *moved[:2], math.atan2(within[1, 0], within[0, 0])
        return values

    def solve(self, values: Vector, sigma: float) -> tuple[Vector, Vector, Points]:
        """The best values, their residuals in px, and the inverse of their covariance."""
        damping = 1e-3
        cost, residual, normal, slope = self._normal(values, sigma)
        for _ in range(_MOST_STEPS):
            step = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), slope)
            tried = self._normal(values + step, sigma)
            if tried[0] <= cost:
                done = cost - tried[0] < 1e-9 * cost + 1e-12
                values, damping = values + step, max(damping / 5, 1e-12)
                cost, residual, normal, slope = tried
                if done:
                    break
            else:
                damping *= 8
                if damping > 1e12:
                    break
        return values, residual, normal

    def _normal(self, values: Vector, sigma: float) -> tuple[float, Vector, Points, Vector]:
        """Cost, residuals, normal matrix and negative gradient."""
        off = np.zeros(self._size)
        off[: len(CAMERA)] = values[: len(CAMERA)] - self._known
        normal = np.diag(self.known_weights)
        slope = -self.known_weights * off
        residuals = []
        for view, place in zip(self._views, self._places, strict=True):
            expected, columns = self._project(values, view, place)
            residual = (view.pixels - expected).ravel()
            normal += columns.T @ columns / sigma**2
            slope += columns.T @ residual / sigma**2
            residuals.append(residual)
        joined = np.concatenate(residuals)
        cost = float(joined @ joined) / sigma**2 + float(self.known_weights @ off**2)
        return cost if math.isfinite(cost) else math.inf, joined, normal, slope

    def pull(self, values: Vector, shift: Callable[[Points], Points]) -> Vector:
        """Derivatives of the parameters times an error of the corners. shift: of their pixels."""
        pulled = np.zeros(self._size)
        for view, place in zip(self._views, self._places, strict=True):
            pulled += self._project(values, view, place)[1].T @ shift(view.pixels).ravel()
        return pulled

    def _project(self, values: Vector, view: Corners, place: slice) -> tuple[Points, Points]:
        """Expected pixels (n, 2), and their derivatives (2 n, parameters)."""
        lens, size = make_lens(values, self._frame_hw), len(CAMERA)
        moved = place.stop - place.start == 3
        pose = values[self._places[0] if moved else place]
        marks = _move(view.marks, values[place]) if moved else view.marks
        share = focal_share(lens.focal_px[0], self._frame_hw)
        shift = pose[3:] * (1, 1, share)
        pixels, partial = cv2.projectPoints(
            *(_on_board(marks), pose[:3], shift), *(lens.matrix, np.array(lens.coefficients))
        )
        columns = np.zeros((2 * len(marks), self._size))
        columns[:, self._places[0] if moved else place] = partial[:, :6]
        columns[:, self._places[0] if moved else place][:, 5] *= share
        columns[:, :size] = partial[:, 6:15] @ lens_derivatives(lens, self._frame_hw)
        columns[:, 0] += partial[:, 5] * shift[2]
        if moved:
            turn = np.asarray(cv2.Rodrigues(pose[:3])[0])
            within = partial[:, 3:6] @ turn
            away = np.repeat(marks - values[place][:2], 2, axis=0)
            spin = -away[:, 1] * within[:, 0] + away[:, 0] * within[:, 1]
            columns[:, place] = np.column_stack((within[:, :2], spin))
        return np.asarray(pixels, np.float64).reshape(-1, 2), columns

    def split(self, residual: Vector, views: list[Corners]) -> tuple[Points, ...]:
        """The residuals of each view, in the order of the argument of fit_camera()."""
        ends = np.cumsum([2 * len(view.marks) for view in self._views])[:-1]
        parts = dict(zip(map(id, self._views), np.split(residual, ends), strict=True))
        return tuple(parts[id(view)].reshape(-1, 2) for view in views)


def _on_board(marks: Points) -> Points:
    return np.column_stack((marks, np.zeros(len(marks))))


def _move(marks: Points, motion: Vector) -> Points:
    c, s = math.cos(motion[2]), math.sin(motion[2])
    return marks @ np.array(((c, s), (-s, c))) + motion[:2]
