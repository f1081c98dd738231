"""Reports frames that fail without a defect: the first at once, later ones rarely."""

from typing import Final

from loguru import logger

from inspector.core.clock import ms_since, now_ns
from inspector.core.types import Inspection, Verdict

REPEAT_S: Final = 60.0
"""Shortest time between two log lines."""


class EmptyFailures:
    """Counts the frames of one source that fail without a defect, and says why they fail.

    source_name: for the log lines; empty if there is only one source. warnings: empty, or one
    sentence with the number so far and the reason of the last frame.
    """

    def __init__(self, source_name: str) -> None:
        self.warnings: list[str] = []
        self._prefix = f"{source_name}: " if source_name else ""
        self._count = 0
        self._logged_ns: int | None = None

    def see(self, inspection: Inspection) -> None:
        if inspection.verdict is not Verdict.FAIL or inspection.defects:
            return
        self._count += 1
        count = "1 frame fails" if self._count == 1 else f"{self._count} frames fail"
        last = f"frame {inspection.frame_id}: {inspection.reason}"
        self.warnings[:] = [f"{count} without a defect; the last is {last}"]
        if self._logged_ns is None or ms_since(self._logged_ns) >= REPEAT_S * 1e3:
            self._logged_ns = now_ns()
            logger.warning("{}{}", self._prefix, self.warnings[0])
