"""What a person sees while a run goes on: a bar on files, a status line on live sources."""

import sys
import time

from loguru import logger
from tqdm import tqdm

from inspector.core.types import SourceInfo
from inspector.pipeline.stats import RunStats

QUIET_S = 30.0
"""Seconds between two lines where the screen is no terminal."""


class Progress:
    """Draws on a terminal; anywhere else, such as under systemd, it logs a line now and then."""

    def __init__(self, info: SourceInfo, stats: RunStats) -> None:
        self._stats = stats
        self._next_line_s = time.monotonic() + QUIET_S
        self._shown = 0
        layout = "{desc}: {n_fmt} frames [{elapsed}, {rate_fmt}{postfix}]" if info.live else None
        self._bar = tqdm(
            total=None if info.live else info.frame_count,
            unit="frame",
            desc="live" if info.live else "inspecting",
            bar_format=layout,
            disable=not sys.stderr.isatty(),
            dynamic_ncols=True,
        )

    def update(self) -> None:
        stats = self._stats
        done = stats.inspected + stats.errored
        try:
            self._bar.set_postfix_str(self._counts(), refresh=False)
            self._bar.update(done - self._shown)
        except OSError:
            # The terminal is gone; the inspection is not.
            self._bar.disable = True
        self._shown = done
        if self._bar.disable and time.monotonic() >= self._next_line_s:
            self._next_line_s = time.monotonic() + QUIET_S
            logger.info("{} frames, {:.1f} per s, {}", done, stats.frames_per_s, self._counts())

    def close(self) -> None:
        self.update()
        self._bar.close()

    def _counts(self) -> str:
        stats = self._stats
        parts = [f"{stats.failed} anomalies"]
        if stats.errored:
            parts.append(f"{stats.errored} errors")
        if stats.dropped:
            parts.append(f"{stats.dropped} dropped")
        return ", ".join(parts)


def screen_line(text: str) -> None:
    """Writes a log line above the progress bar."""
    tqdm.write(text, file=sys.stderr, end="")
