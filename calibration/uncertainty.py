"""Uncertainty of sizes by place in the frame, from the errors of a calibration."""

import math
from collections.abc import Callable, Iterable
from typing import Final

import numpy as np

from calibration.fit import CameraFit
from calibration.lens import Lens
from calibration.lens_parameters import homography, make_lens, tail_shift
from calibration.uncertainty_map import Rows, UncertaintyMap
from inspector.core.geometry import Points

_COLUMNS: Final = 17
_STEP: Final = 0.01
"""Scales are compared over this share of the frame's longer side."""

_SMALL: Final = 1e-2
"""Share of a standard deviation by which the parameters are moved."""

_DIRECTIONS: Final = 8


def map_uncertainty(fit: CameraFit) -> UncertaintyMap:
    """Propagates the covariance of the fit to the relative error of lengths and areas."""
    nodes = grid_nodes(fit.frame_hw)
    inverse = np.linalg.inv(local_scale(fit.lens, fit.homography, fit.frame_hw, nodes))
    strains = []
    for change in _SMALL * _factor(fit.covariance).T:
        more, less = (
            local_scale(make_lens(values, fit.frame_hw), homography(values, fit.frame_hw),
                        fit.frame_hw, nodes)
            for values in (fit.values + change, fit.values - change)
        )  # fmt: skip
        strains.append((more - less) @ inverse / (2 * _SMALL))
    strains.append(_tail_strain(fit, nodes) @ inverse)
    strains.append(np.broadcast_to(fit.shared_rel * np.eye(2), inverse.shape))
    return combine_strains(strains, fit.frame_hw)


def _tail_strain(fit: CameraFit, nodes: Points) -> Points:
    """(n, 2, 2) error of the scale from the distortion that no coefficient describes."""
    frame_hw, biased = fit.frame_hw, fit.values + _SMALL * fit.tail_effect
    measured = local_scale(
        make_lens(biased, frame_hw), homography(biased, frame_hw), frame_hw, nodes
    )

    def remove_tail(pixels: Points) -> Points:
        return pixels - tail_shift(pixels, _SMALL * fit.tail, fit.values, frame_hw)

    true = local_scale(fit.lens, fit.homography, frame_hw, nodes, remove_tail)
    return (measured - true) / _SMALL


def grid_nodes(frame_hw: tuple[int, int]) -> Points:
    """(n, 2) places of the grid in frame pixels, row by row."""
    height, width = frame_hw
    y = np.linspace(0, height, _count_rows(frame_hw))
    columns, rows = np.meshgrid(np.linspace(0, width, _COLUMNS), y)
    return np.column_stack((columns.ravel(), rows.ravel()))


def _count_rows(frame_hw: tuple[int, int]) -> int:
    """The nodes are about as far apart along y as along x."""
    return max(2, round((_COLUMNS - 1) * frame_hw[0] / frame_hw[1]) + 1)


def combine_strains(strains: Iterable[Points], frame_hw: tuple[int, int]) -> UncertaintyMap:
    """strains: for each independent error its effect, (n, 2, 2) relative change of the plane at the
    places of the grid, for one standard deviation."""
    angles = np.arange(_DIRECTIONS) * math.pi / _DIRECTIONS
    along = np.column_stack((np.cos(angles), np.sin(angles)))
    rows = _count_rows(frame_hw)
    length, area = np.zeros((rows * _COLUMNS, _DIRECTIONS)), np.zeros(rows * _COLUMNS)
    for strain in strains:
        length += np.einsum("di,nij,dj->nd", along, strain, along) ** 2
        area += np.trace(strain, axis1=1, axis2=2) ** 2
    worst = np.sqrt(length.max(axis=1))
    return UncertaintyMap(_as_rows(worst, rows), _as_rows(np.sqrt(area), rows))


def _factor(covariance: Points) -> Points:
    """Matrix F with F F' = covariance; its columns are independent errors."""
    scale = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    return np.asarray(scale[:, None] * vectors * np.sqrt(np.clip(values, 0, None)), np.float64)


def local_scale(
    lens: Lens | None,
    matrix: Points,
    frame_hw: tuple[int, int],
    nodes: Points,
    correct: Callable[[Points], Points] = lambda pixels: pixels,
) -> Points:
    """(n, 2, 2) plane units per pixel around each node. matrix: (3, 3) from undistorted pixels to
    the plane. lens: None without distortion. correct: changes the pixels before all else."""
    step = _STEP * max(frame_hw) / 2
    offsets = step * np.array(((1, 0), (-1, 0), (0, 1), (0, -1)), dtype=np.float64)
    around = correct((nodes[:, None] + offsets).reshape(-1, 2))
    straight = around if lens is None else lens.undistort(around)
    mapped = np.column_stack((straight, np.ones(len(straight)))) @ matrix.T
    plane = (mapped[:, :2] / mapped[:, 2:]).reshape(-1, 4, 2)
    columns = (plane[:, 0] - plane[:, 1], plane[:, 2] - plane[:, 3])
    return np.stack(columns, axis=2) / (2 * step)


def _as_rows(values: Points, rows: int) -> Rows:
    grid = values.reshape(rows, -1).tolist()
    return tuple(tuple(float(f"{value:.4g}") for value in row) for row in grid)
