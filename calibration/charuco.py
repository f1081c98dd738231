"""Finds ChArUco boards of both patterns, also mirrored, and explains why one is not found."""

import dataclasses
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

MIRRORED: Final = "mirrored "
"""Before the pattern: the camera sees the board in a mirror, or its driver mirrors the picture."""

_DICTIONARIES: Final = (
    *(f"{bits}_{count}" for bits in ("4X4", "5X5", "6X6", "7X7") for count in (50, 100, 250, 1000)),
    *("ARUCO_ORIGINAL", "ARUCO_MIP_36h12"),
    *("APRILTAG_16h5", "APRILTAG_25h9", "APRILTAG_36h10", "APRILTAG_36h11"),
)
"""Names in OpenCV without DICT_, smaller dictionaries first."""

FEWEST_MARKERS: Final = 4
"""So many markers of another dictionary, or of a mirrored picture, are not seen by chance."""


@dataclass(frozen=True, slots=True)
class CharucoView:
    """What a picture shows of a board.

    corners: (n, 2) in pixels of OpenCV. marks: (n, 2) squares on the board. markers: how many were
    seen, of `expected`. pattern: LEGACY or CURRENT, with MIRRORED before it if the picture is
    mirrored.
    """

    corners: Points
    marks: Points
    pattern: str
    markers: int
    expected: int


@dataclass(frozen=True, slots=True)
class CharucoBoard:
    """squares: (columns, rows). ratio: side of a marker / side of a square. dictionary: a name such
    as "4X4_50"."""

    squares: tuple[int, int]
    ratio: float
    dictionary: str

    def find(self, grey: Grey) -> CharucoView:
        """The view of the pattern with most corners; without corners if there are none. Raises
        CalibrationError for an unknown dictionary."""
        view = self._find_unmirrored(grey)
        if view.markers >= FEWEST_MARKERS:
            return view
        other = self._find_unmirrored(np.ascontiguousarray(grey[:, ::-1]))
        if len(other.corners) <= len(view.corners):
            return view
        return dataclasses.replace(
            other,
            corners=np.array((grey.shape[1] - 1, 0)) + other.corners * (-1, 1),
            marks=other.marks * (-1, 1),
            pattern=MIRRORED + other.pattern,
        )

    def _find_unmirrored(self, grey: Grey) -> CharucoView:
        patterns = (CURRENT,) if self.squares[1] % 2 else (CURRENT, LEGACY)
        return max(
            (self._find_pattern(grey, pattern) for pattern in patterns),
            key=lambda view: len(view.corners),
        )

    def explain(self, grey: Grey, view: CharucoView, fewest: int) -> str:
        """What the markers in a picture with too few corners suggest. fewest: corners needed."""
        columns, rows = self.squares
        ids, where = _marker_ids(grey, self.dictionary), "visible"
        mirrored = _marker_ids(np.ascontiguousarray(grey[:, ::-1]), self.dictionary)
        if len(ids) < FEWEST_MARKERS <= len(mirrored):
            ids, where = mirrored, "visible in the mirrored picture"
        count = int(np.count_nonzero(ids < view.expected))
        seen = f"{count} of {view.expected} markers of {self.dictionary} are {where}"
        for squares in _other_squares(self.squares, ids):
            other = dataclasses.replace(self, squares=squares)
            if len(other.find(grey).corners) >= max(fewest, len(view.corners) + 1):
                return f"{seen}; they fit a board of {squares[0]}x{squares[1]} squares"
        if ids.size and ids.max() >= view.expected:
            return (
                f"{seen}, and markers up to number {ids.max()}, but a board of {columns}x{rows} "
                f"squares has only the numbers 0 to {view.expected - 1}: check --squares"
            )
        if count < view.expected / 2:
            name, most = _best_dictionary(grey)
            if most >= max(FEWEST_MARKERS, 2 * count + 1):
                return f"{seen}, but {most} markers of {name}: give --dictionary {name}"
        if count == 0:
            return (
                f"{seen}, and none of other dictionaries: check that the picture shows a ChArUco "
                "board and is sharp"
            )
        if count < view.expected / 2:
            return f"{seen}: check --dictionary, the light, and that the board is not hidden"
        return f"{seen}: check --squares (count squares, not corners) and --marker-mm"

    def _find_pattern(self, grey: Grey, pattern: str) -> CharucoView:
        words = _predefined(self.dictionary)
        target = cv2.aruco.CharucoBoard(self.squares, 1.0, self.ratio, words)
        target.setLegacyPattern(pattern == LEGACY)
        corners, ids, _, marker_ids = cv2.aruco.CharucoDetector(target).detectBoard(grey)
        expected = self.squares[0] * self.squares[1] // 2
        markers = 0 if marker_ids is None else int(np.count_nonzero(marker_ids < expected))
        if ids is None:
            return CharucoView(np.empty((0, 2)), np.empty((0, 2)), pattern, markers, expected)
        marks = np.asarray(target.getChessboardCorners(), np.float64)[ids.ravel(), :2]
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


def find_markers(grey: Grey) -> Points:
    """(n, 4, 2) corners of the markers of the dictionary with most of them, in pixels of OpenCV."""
    words = _predefined(_best_dictionary(grey)[0])
    corners, _, _ = cv2.aruco.ArucoDetector(words).detectMarkers(grey)
    return np.array(corners, np.float64).reshape(-1, 4, 2)


def _best_dictionary(grey: Grey) -> tuple[str, int]:
    """The smallest dictionary with the most markers in a picture, and their number."""
    counts = {name: len(_marker_ids(grey, name)) for name in _DICTIONARIES}
    best = max(counts, key=lambda name: counts[name])
    return best, counts[best]
