"""Finds ChArUco boards of both patterns, and explains why a board is not found."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.errors import CalibrationError
from inspector.core.geometry import Points

Grey = npt.NDArray[np.uint8]

LEGACY: Final = "legacy pattern"
CURRENT: Final = "current pattern"
"""OpenCV 4.6 changed the pattern of boards with an even number of rows: before, the upper left
square was white; now it is black. With an odd number of rows both are the same."""

_DICTIONARIES: Final = (
    *(f"{bits}_{count}" for bits in ("4X4", "5X5", "6X6", "7X7") for count in (50, 100, 250, 1000)),
    *("ARUCO_ORIGINAL", "ARUCO_MIP_36h12"),
    *("APRILTAG_16h5", "APRILTAG_25h9", "APRILTAG_36h10", "APRILTAG_36h11"),
)
"""Names in OpenCV without DICT_, smaller dictionaries first."""

FEWEST_MARKERS: Final = 4
"""So many markers of another dictionary are not seen by chance."""


@dataclass(frozen=True, slots=True)
class CharucoView:
    """What a picture shows of a board.

    corners: (n, 2) in pixels of OpenCV. marks: (n, 2) mm on the board. markers: how many were seen,
    of `expected`. pattern: LEGACY or CURRENT.
    """

    corners: Points
    marks: Points
    pattern: str
    markers: int
    expected: int


@dataclass(frozen=True, slots=True)
class CharucoBoard:
    """squares: (columns, rows). marker_mm: below square_mm. dictionary: a name such as "4X4_50"."""

    squares: tuple[int, int]
    square_mm: float
    marker_mm: float
    dictionary: str

    def find(self, grey: Grey) -> CharucoView:
        """The view of the pattern with more corners; without corners if there are none. Raises
        CalibrationError for an unknown dictionary."""
        patterns = (CURRENT,) if self.squares[1] % 2 else (CURRENT, LEGACY)
        return max(
            (self._find_pattern(grey, pattern) for pattern in patterns),
            key=lambda view: len(view.corners),
        )

    def explain(self, grey: Grey, view: CharucoView, fewest: int) -> str:
        """What the markers in a picture with too few corners suggest. fewest: corners needed."""
        columns, rows = self.squares
        seen = f"{view.markers} of {view.expected} markers of {self.dictionary} are visible"
        ids = _marker_ids(grey, self.dictionary)
        for squares in _other_squares(self.squares, ids):
            other = CharucoBoard(squares, self.square_mm, self.marker_mm, self.dictionary)
            if len(other.find(grey).corners) >= max(fewest, len(view.corners) + 1):
                return f"{seen}; they fit a board of {squares[0]}x{squares[1]} squares"
        if ids.size and ids.max() >= view.expected:
            return (
                f"{seen}, and markers up to number {ids.max()}, but a board of {columns}x{rows} "
                f"squares has only the numbers 0 to {view.expected - 1}: check --squares"
            )
        if view.markers < view.expected / 2:
            more = max(FEWEST_MARKERS, 2 * view.markers + 1)
            mirrored = np.ascontiguousarray(grey[:, ::-1])
            if len(_marker_ids(mirrored, self.dictionary)) >= more:
                return f"{seen}, but more of them in the mirrored picture: do not mirror pictures"
            name, count = _best_dictionary(grey)
            if count >= more:
                return f"{seen}, but {count} markers of {name}: give --dictionary {name}"
        if view.markers == 0:
            return (
                f"{seen}, and none of other dictionaries: check that the picture shows a ChArUco "
                "board and is sharp"
            )
        if view.markers < view.expected / 2:
            return f"{seen}: check --dictionary, the light, and that the board is not hidden"
        return f"{seen}: check --squares (count squares, not corners) and --marker-mm"

    def _find_pattern(self, grey: Grey, pattern: str) -> CharucoView:
        # OpenCV needs the ratio only; it fails with very small and very large squares.
        ratio = self.marker_mm / self.square_mm
        target = cv2.aruco.CharucoBoard(self.squares, 1.0, ratio, _predefined(self.dictionary))
        target.setLegacyPattern(pattern == LEGACY)
        corners, ids, _, marker_ids = cv2.aruco.CharucoDetector(target).detectBoard(grey)
        expected = self.squares[0] * self.squares[1] // 2
        markers = 0 if marker_ids is None else int(np.count_nonzero(marker_ids < expected))
        if ids is None:
            return CharucoView(np.empty((0, 2)), np.empty((0, 2)), pattern, markers, expected)
        marks = (
            np.asarray(target.getChessboardCorners(), np.float64)[ids.ravel(), :2] * self.square_mm
        )
        points = np.asarray(corners, np.float64).reshape(-1, 2)
        return CharucoView(points, marks, pattern, markers, expected)


def _predefined(dictionary: str) -> Any:
    """Case does not matter."""
    names = {name.casefold(): name for name in dir(cv2.aruco) if name.startswith("DICT_")}
    name = names.get(f"dict_{dictionary}".casefold())
    if name is None:
        raise CalibrationError(f"dictionary {dictionary!r} is unknown; use a name such as 4X4_50")
    return cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, name))


def _marker_ids(grey: Grey, dictionary: str) -> npt.NDArray[np.int32]:
    _, ids, _ = cv2.aruco.ArucoDetector(_predefined(dictionary)).detectMarkers(grey)
    return np.empty(0, np.int32) if ids is None else np.asarray(ids, np.int32).ravel()


def _other_squares(
    squares: tuple[int, int], ids: npt.NDArray[np.int32]
) -> Iterator[tuple[int, int]]:
    """Boards with as many markers as are visible; the turned board first."""
    if not ids.size:
        return
    yield squares[::-1]
    for total in (2 * (int(ids.max()) + 1), 2 * (int(ids.max()) + 1) + 1):
        for columns in range(3, total // 3 + 1):
            if total % columns == 0 and (columns, total // columns) != squares:
                yield columns, total // columns


def _best_dictionary(grey: Grey) -> tuple[str, int]:
    """The smallest dictionary with the most markers in a picture, and their number."""
    counts = {name: len(_marker_ids(grey, name)) for name in _DICTIONARIES}
    best = max(counts, key=lambda name: counts[name])
    return best, counts[best]
