"""Shows the progress of a session: a bar for files, a status line for live sources."""

import sys
import time
from collections.abc import Sequence

from loguru import logger
from tqdm import tqdm

from inspector.core.types import SourceInfo
from inspector.pipeline.stats import RunStats

QUIET_S = 10.0
LIVE_QUIET_S = 30.0
"""Seconds between two log lines if stderr is not a terminal. A live source runs for months."""


class ProgressBar:
    """Draws on a terminal. Without a terminal, such as under systemd, it logs a line every QUIET_S,
    or every LIVE_QUIET_S of a live source.

    sources: each source with its counts. The sums over all sources are shown.
    """

    def __init__(self, sources: Sequence[tuple[SourceInfo, RunStats]]) -> None:
        self._stats = [stats for _, stats in sources]
        live = any(info.live for info, _ in sources)
        self._quiet_s = LIVE_QUIET_S if live else QUIET_S
        self._next_line_s = time.monotonic() + self._quiet_s
        self._shown = 0
        counts = [info.frame_count for info, _ in sources if info.frame_count is not None]
        layout = "{desc}: {n_fmt} frames [{elapsed}, {rate_fmt}{postfix}]" if live else None
        self._bar = tqdm(
            total=None if live or len(counts) < len(sources) else sum(counts),
            unit="frame",
            desc="live" if live else "inspecting",
            bar_format=layout,
            disable=not sys.stderr.isatty(),
            dynamic_ncols=True,
        )

    def update(self) -> None:
        done = self._sum("inspected") + self._sum("errored")
        try:
            self._bar.set_postfix_str(self._counts(), refresh=False)
            self._bar.update(done - self._shown)
        except OSError:
            # The terminal was closed. The inspection continues.
            self._bar.disable = True
        self._shown = done
        if self._bar.disable and time.monotonic() >= self._next_line_s:
            self._next_line_s = time.monotonic() + self._quiet_s
            rate = sum(stats.frames_per_s for stats in self._stats)
            logger.info("{} frames, {:.1f} per s, {}", done, rate, self._counts())

    def close(self) -> None:
        self.update()
        self._bar.close()

    def _counts(self) -> str:
        parts = [f"{self._sum('failed')} failed"]
        if errored := self._sum("errored"):
            parts.append(f"{errored} errors")
        if dropped := self._sum("dropped"):
            parts.append(f"{dropped} dropped")
        return ", ".join(parts)

    def _sum(self, count: str) -> int:
        return sum(getattr(stats, count) for stats in self._stats)


def write_screen_line(text: str) -> None:
    """Writes a log line above the progress bar."""
    tqdm.write(text, file=sys.stderr, end="")
