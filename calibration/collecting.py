"""Chooses, from the frames of a camera, the pictures of a moving board that help to calibrate."""

from typing import Final

import cv2
import numpy as np

from calibration.board import covered
from calibration.target import Board, BoardView
from inspector.core.geometry import Points

ENOUGH_COVERED: Final = 0.7
"""Share of the frame. The inner corners of a board that must be seen whole reach hardly more."""

ENOUGH_VIEWS: Final = 8

_STILL: Final = 0.003
_OTHER: Final = 0.06
"""Movements of the board between two frames, as shares of the frame's longer side: smaller ones do
not blur the picture, larger ones give a picture that adds something."""


class ViewCollector:
    """Keeps views in which the board is still and is not where it was in an earlier one."""

    def __init__(self, board: Board) -> None:
        columns, rows = board.squares
        self._outer = np.array(
            ((0, 0), (columns - 2, 0), (columns - 2, rows - 2), (0, rows - 2)), np.float64
        )
        self._places: list[Points] = []
        self._before: Points | None = None
        self._still_since: float | None = None
        self.views: list[BoardView] = []

    def see(self, view: BoardView, time_s: float) -> bool:
        """Whether this view is kept. Called for every frame with a board, in order of time."""
        place, side = self._place(view), max(view.frame_hw)
        if place is None:
            return False
        before, self._before = self._before, place
        if before is None or _distance(place, before) > _STILL * side:
            self._still_since = None
            return False
        if self._still_since is None:
            self._still_since = time_s
        if any(_distance(place, other) < _OTHER * side for other in self._places):
            return False
        self._places.append(place)
        self.views.append(view)
        return True

    def still_since(self) -> float | None:
        """The time since when the board has not moved; None while it moves."""
        return self._still_since

    @property
    def coverage(self) -> float:
        """Share of the frame in which the board was seen."""
        return float(covered(self.views).mean()) if self.views else 0.0

    @property
    def complete(self) -> bool:
        return len(self.views) >= ENOUGH_VIEWS and self.coverage >= ENOUGH_COVERED

    def _place(self, view: BoardView) -> Points | None:
        """(4, 2) frame pixels of the outer corners, also if they are not visible. None if all
        visible corners are on one line."""
        matrix, _ = cv2.findHomography(view.marks, view.corners, 0)
        if matrix is None:
            return None
        mapped = np.column_stack((self._outer, np.ones(4))) @ matrix.T
        return np.asarray(mapped[:, :2] / mapped[:, 2:], np.float64)


def _distance(a: Points, b: Points) -> float:
    """The largest movement of a corner, in px."""
    return float(np.linalg.norm(a - b, axis=1).max())
