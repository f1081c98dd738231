"""Counts ERROR frames in a row."""

from inspector.core.errors import UnjudgedError
from inspector.core.types import Cause, Inspection, Verdict


class ErrorStreak:
    """most: number of ERROR frames in a row that end a run; None: any number."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._in_a_row = 0

    def add(self, inspection: Inspection) -> UnjudgedError | None:
        """The error after too many of them. Frames without product are not counted: a line may
        stand still without product for any time."""
        if inspection.cause is Cause.NO_PRODUCT:
            return None
        self._in_a_row = self._in_a_row + 1 if inspection.verdict is Verdict.ERROR else 0
        if self._most is None or self._in_a_row < self._most:
            return None
        return UnjudgedError(
            f"{self._in_a_row} frames in a row could not be judged; "
            f"the last one, {inspection.frame_id}: {inspection.error}"
        )
