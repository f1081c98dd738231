"""Turns frames into small grey views of the web, from which motion is measured."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Image
from inspector.core.geometry import Points
from inspector.tracking.plane import WebPlane

Grey = npt.NDArray[np.float32]
"""(rows along the web, columns across) float32, high-passed: brightness minus its surroundings."""

FINE_SIDE: Final = 640
"""Largest side of the fine view in pixels."""

COARSE_SIDE: Final = 160
"""Largest side of the coarse view in pixels."""

_SURROUNDINGS: Final = 0.06
"""Size of the surroundings of the high-pass, in shares of the shorter side of the frame."""


_LIMIT: Final = 5.0
"""Largest value of a view, in standard deviations of the texture."""

_LEAST_SPREAD: Final = 0.5
"""Grey values. The texture of an even surface is at least counted as this strong."""


@dataclass(frozen=True, slots=True)
class View:
    """One frame as seen on the web. coarse: a smaller copy of fine."""

    fine: Grey
    coarse: Grey


class ViewMaker:
    """Makes views whose rows run along the web and whose pixels are square on it.

    With a tilted camera it uses the largest rectangle of web inside the frame, so that the motion
    is the same shift everywhere.
    """

    def __init__(self, plane: WebPlane) -> None:
        low, high = _inner_rectangle(plane)
        sides = high - low
        spacing = float(sides.max()) / min(FINE_SIDE, max(plane.frame_hw))
        self._whole_hw = int(sides[0] / spacing), int(sides[1] / spacing)
        self._margin = max(1, round(_SURROUNDINGS * min(self._whole_hw) / 2))
        self.fine_hw = self._whole_hw[0] - 2 * self._margin, self._whole_hw[1] - 2 * self._margin
        self.spacing = spacing
        """Units of the web plane per pixel of the fine view."""
        self.factor = max(1, round(max(self.fine_hw) / COARSE_SIDE))
        """Pixels of the fine view per pixel of the coarse view."""
        self._matrix = _frame_to_view(plane, low, spacing, self._whole_hw)
        self._shrink = max(1.0, 1 / float(np.sqrt(abs(np.linalg.det(self._matrix[:2, :2])))))

    def make(self, image: Image) -> View:
        """image: (H, W, 3) uint8 BGR."""
        height, width = image.shape[:2]
        small_wh = max(1, round(width / self._shrink)), max(1, round(height / self._shrink))
        small = cv2.resize(image, small_wh, interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
        # Pixel centres of OpenCV are at whole numbers, those of this project at halves.
        back = np.diag((width / small_wh[0], height / small_wh[1], 1.0))
        matrix = _moved(-0.5) @ self._matrix @ back @ _moved(0.5)
        size = self._whole_hw[1], self._whole_hw[0]
        if np.abs(matrix[2, :2]).max() < 1e-12:
            fine = cv2.warpAffine(grey, matrix[:2] / matrix[2, 2], size, borderMode=_EDGE)
        else:
            fine = cv2.warpPerspective(grey, matrix, size, borderMode=_EDGE)
        return self.with_coarse(_high_pass(fine.astype(np.float32), self._margin))

    def with_coarse(self, fine: Grey) -> View:
        """Adds the coarse copy to a fine view."""
        height, width = (max(1, side // self.factor) for side in self.fine_hw)
        whole = fine[: height * self.factor, : width * self.factor]
        coarse = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
        return View(fine, np.asarray(coarse, np.float32))


_EDGE: Final = cv2.BORDER_REPLICATE


def _high_pass(grey: Grey, margin: int) -> Grey:
    """The surroundings of a pixel near the border are not all in the frame, so it is left out.

    Strong values are limited. Otherwise two defects that look alike would count more than the
    texture, and one would be taken for the other.
    """
    smooth = cv2.GaussianBlur(grey, (0, 0), 0.8)
    high = smooth - cv2.blur(grey, (2 * margin + 1, 2 * margin + 1))
    inner = np.ascontiguousarray(high[margin:-margin, margin:-margin], np.float32)
    spread = 1.4826 * float(np.median(np.abs(inner[::4, ::4])))
    limit = _LIMIT * max(spread, _LEAST_SPREAD)
    return np.clip(inner, -limit, limit, out=inner)


def _moved(by: float) -> npt.NDArray[np.float64]:
    return np.array(((1.0, 0.0, by), (0.0, 1.0, by), (0.0, 0.0, 1.0)))


def _frame_to_view(
    plane: WebPlane, low: Points, spacing: float, hw: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """The 3x3 matrix from frame pixels to view pixels (column, row)."""
    view = np.array(((0, 0), (hw[1], 0), (hw[1], hw[0]), (0, hw[0])), dtype=np.float32)
    web = low + view[:, ::-1].astype(np.float64) * spacing
    frame = plane.to_frame(web).astype(np.float32)
    return np.asarray(cv2.getPerspectiveTransform(frame, view), np.float64)


def _inner_rectangle(plane: WebPlane) -> tuple[Points, Points]:
    """Lowest and highest corner (along, across) of a large rectangle inside the frame."""
    if plane.is_rectangle:
        return plane.low, plane.high
    outline = plane.corners.astype(np.float32)[:, None]
    centre = plane.corners.mean(axis=0)
    best, best_area = np.zeros(2), 0.0
    for share in np.linspace(0.2, 1.0, 33):
        for other in np.linspace(0.2, 1.0, 33):
            half = (plane.high - plane.low) / 2 * (share, other)
            if half.prod() > best_area and _is_inside(outline, centre, half):
                best, best_area = half, float(half.prod())
    if best_area == 0.0:  # an extreme tilt
        best = (plane.high - plane.low) * 0.1
    return centre - best, centre + best


def _is_inside(outline: npt.NDArray[np.float32], centre: Points, half: Points) -> bool:
    corners = centre + half * np.array(((-1, -1), (-1, 1), (1, 1), (1, -1)))
    return all(cv2.pointPolygonTest(outline, (float(x), float(y)), False) >= 0 for x, y in corners)
