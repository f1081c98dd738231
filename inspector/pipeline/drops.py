"""Decides whether a source drops frames, counts them, and reports them in log and summary."""

from typing import Final

from loguru import logger

from inspector.core.clock import ms_since, now_ns
from inspector.core.protocols import BufferedSource, Source
from inspector.pipeline.stats import RunStats

REPEAT_S: Final = 60.0
"""Shortest time between two log lines."""

_ADVICE: Final = (
    "the machine is too slow for this source; lower the frame rate or the picture size of the "
    "source, set --no-video or output.video.scale, or use a faster engine"
)


class Drops:
    """The dropped frames of one source.

    The first drop is logged, then at most one line in REPEAT_S. warnings: empty, or one sentence
    with the counts so far.
    """

    def __init__(self, source: Source) -> None:
        self.warnings: list[str] = []
        self._info = source.info
        self._buffered = source if isinstance(source, BufferedSource) else None
        self._logged = 0
        self._logged_ns: int | None = None

    @property
    def allowed(self) -> bool:
        """False: the pipeline waits until there is room for the next frame."""
        return self._info.live and not (self._buffered is not None and self._buffered.buffered)

    def count(self, in_pipeline: int, stats: RunStats) -> None:
        """in_pipeline: frames that the pipeline dropped so far."""
        stats.dropped_in_source = 0 if self._buffered is None else self._buffered.dropped
        stats.dropped_live = in_pipeline + stats.dropped_in_source
        self._report(stats.dropped_live, stats.captured)

    def _report(self, dropped: int, captured: int) -> None:
        if dropped == 0:
            return
        count = "1 frame was" if dropped == 1 else f"{dropped} frames were"
        sentence = f"{self._info.source_id}: {count} dropped of {captured} captured: {_ADVICE}"
        self.warnings[:] = [sentence]
        recent = self._logged_ns is not None and ms_since(self._logged_ns) < REPEAT_S * 1e3
        if dropped > self._logged and not recent:
            self._logged, self._logged_ns = dropped, now_ns()
            logger.warning("{}", sentence)
