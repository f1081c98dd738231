"""Warnings if a picture shows that its scale is not the same everywhere: tilt or distortion."""

from itertools import pairwise
from typing import Final

import cv2
import numpy as np

from calibration.charuco import FEWEST_MARKERS, find_markers
from calibration.fit import Corners, fit_camera
from calibration.target import HALF_PIXEL
from calibration.uncertainty import local_scale
from inspector.core.arrays import Image
from inspector.core.geometry import Points

_LEAST_SPREAD: Final = 0.01
"""Smaller differences of the scale are not worth a warning."""

_LARGEST_SIGMA_PX: Final = 0.5
"""With larger errors the corners are probably not those of a checkerboard."""

_MARKER_SPREAD: Final = 0.05
"""Sides of markers are known to about 1 %."""

_LONG_EDGE: Final = 0.25
"""Shortest edge, as a share of the frame's longer side."""

_FEWEST_EDGES: Final = 4
_LEAST_BEND_PX: Final = 1.0
_LARGEST_DISTORTION: Final = 0.2
"""Edges that are bent more are rather curves of the product."""

_AGREE: Final = 0.25
"""Largest rms difference between the bends and those of a lens, as a share of the bends."""

_ROUGH_PX: Final = 0.8
"""The edges of a texture are rougher."""


def describe_uneven_scale(image: Image) -> list[str]:
    """Sentences about tilt and distortion in a picture (H, W, 3) BGR; empty if it shows none.

    A checkerboard shows both. Markers of equal size show a scale that changes. Long edges that are
    bent as by a lens suggest distortion. A picture without such things shows nothing, which does
    not mean that tilt and distortion are zero.
    """
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    sentences = [_describe_checks(grey), _describe_markers(grey), _describe_edges(grey)]
    return [sentence for sentence in sentences if sentence is not None]


def _describe_checks(grey: Image) -> str | None:
    flags = cv2.CALIB_CB_ACCURACY | cv2.CALIB_CB_LARGER
    success, corners, meta = cv2.findChessboardCornersSBWithMeta(grey, (3, 3), flags)
    if not success:
        return None
    rows, columns = meta.shape
    x, y = np.meshgrid(np.arange(columns), np.arange(rows))
    marks = np.column_stack((x.ravel(), y.ravel())).astype(np.float64)
    pixels = np.asarray(corners, np.float64).reshape(-1, 2) + HALF_PIXEL
    frame_hw = grey.shape[0], grey.shape[1]
    fit = fit_camera([Corners(pixels, marks, flat=True)], frame_hw)
    sizes = np.linalg.norm(local_scale(fit.lens, fit.homography, frame_hw, pixels), axis=1)
    spread, largest = float(sizes.max() / sizes.min()) - 1, float(sizes.max())
    # sigma_px * largest is the error of a corner in squares.
    if fit.sigma_px > _LARGEST_SIGMA_PX or spread < max(_LEAST_SPREAD, 8 * fit.sigma_px * largest):
        return None
    return (
        f"its checkerboard shows that the scale differs by {100 * spread:.1f} % within the board, "
        "because of tilt or distortion: use the command `calibrate board`"
    )


def _describe_markers(grey: Image) -> str | None:
    corners = find_markers(grey)
    if len(corners) < FEWEST_MARKERS:
        return None
    sides = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)
    pairs = (sides[:, :2] + sides[:, 2:]) / 2
    shortest, longest = (float(limit) for limit in np.percentile(pairs, (10, 90)))
    if longest / shortest - 1 < _MARKER_SPREAD:
        return None
    return (
        f"the sides of its {len(corners)} markers are {shortest:.0f} to {longest:.0f} px long. If "
        "the markers are equal squares, the scale is not the same everywhere: use the command "
        "`calibrate board`"
    )


def _describe_edges(grey: Image) -> str | None:
    """Fits radial distortion to the bends of all long edges. If one distortion explains them all,
    on opposite sides of the centre, a lens is the likely reason."""
    height, width = grey.shape[:2]
    middle, reach = np.array((width, height)) / 2, float(np.hypot(width, height)) / 2
    arcs = [_bend(edge - middle, reach) for edge in _long_edges(grey)]
    table = np.array([arc for arc in arcs if arc is not None])
    if len(table) < _FEWEST_EDGES:
        return None
    bends, per_distortion, directions = table[:, 0], table[:, 1], table[:, 2:]
    distortion = float(bends @ per_distortion / (per_distortion @ per_distortion))
    expected = distortion * per_distortion
    typical = float(np.sqrt(np.mean(expected**2)))
    off = float(np.sqrt(np.mean((bends - expected) ** 2)))
    opposite = float((directions @ directions.T).min()) < -0.5
    if typical < _LEAST_BEND_PX or off > _AGREE * typical or not opposite:
        return None
    if abs(distortion) > _LARGEST_DISTORTION:
        return None
    kind = "barrel" if distortion < 0 else "pincushion"
    return (
        f"{len(table)} long edges in it are bent as by a lens with {100 * abs(distortion):.1f} % "
        f"of {kind} distortion at the corners. If they are straight on the product, sizes differ "
        f"by up to about {300 * abs(distortion):.0f} % within the frame: use the command "
        "`calibrate board`"
    )


def _long_edges(grey: Image) -> list[Points]:
    """Chains of edge pixels, (n, 2) in frame pixels, that are nearly straight."""
    soft = cv2.GaussianBlur(grey, (0, 0), 1.5)
    chains, _ = cv2.findContours(cv2.Canny(soft, 30, 90), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    side = max(grey.shape[:2])
    edges: list[Points] = []
    for chain in chains:
        if len(chain) < _LONG_EDGE * side:
            continue
        points = chain[:, 0].astype(np.float64) + HALF_PIXEL
        bends = cv2.approxPolyDP(chain, 0.02 * side, closed=False)[:, 0]
        at = [int(np.flatnonzero((chain[:, 0] == bend).all(axis=1))[0]) for bend in bends]
        for start, end in pairwise(sorted(at)):
            part = points[start : end + 1]
            middle = part[len(part) // 2]
            known = any(np.linalg.norm(other - middle, axis=1).min() < 4 for other in edges)
            if np.linalg.norm(part[-1] - part[0]) >= _LONG_EDGE * side and not known:
                edges.append(part)
    return edges


def _bend(edge: Points, reach: float) -> tuple[float, float, float, float] | None:
    """How far an edge (n, 2), from the centre of the frame, is bent in px; how far the distortion 1
    at the corner would bend it; and the direction from the centre to it. None if it is no arc.

    A straight line y = h becomes y = h + d h (h^2 + x^2) / R^2 by the distortion d at the distance
    R from the centre.
    """
    along = (edge[-1] - edge[0]) / np.linalg.norm(edge[-1] - edge[0])
    across = np.array((-along[1], along[0]))
    x, y = edge @ along, edge @ across
    shape = np.polyfit(x, y, 2)
    if float(np.sqrt(np.mean((y - np.polyval(shape, x)) ** 2))) > _ROUGH_PX:
        return None
    height, half = float(np.mean(y)), float(np.ptp(x)) / 2
    direction = across * np.sign(height)
    bend = float(shape[0]) * half**2
    return bend, height * half**2 / reach**2, float(direction[0]), float(direction[1])
