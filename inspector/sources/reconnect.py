"""Computes the delays between attempts to connect to a live source again."""

from collections.abc import Iterator
from dataclasses import dataclass

from inspector.core.errors import ConfigError
from inspector.core.schema import Seconds


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays in seconds: first_s, then doubled each time, up to max_s.

    give_up_s: a source that is silent for longer than this is lost. None: never give up.
    wait_for_source: also wait for a source that is missing at the start; False: a SourceError.
    """

    first_s: Seconds = 0.5
    max_s: Seconds = 30.0
    give_up_s: Seconds | None = None
    wait_for_source: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.first_s <= self.max_s:
            raise ConfigError(
                f"source.reconnect.first_s must be above 0 and at most max_s, not {self.first_s:g} "
                f"with max_s {self.max_s:g}"
            )
        if self.give_up_s is not None and self.give_up_s < 0:
            raise ConfigError(
                f"source.reconnect.give_up_s must be at least 0, not {self.give_up_s:g}"
            )

    def delays(self) -> Iterator[float]:
        """Endless."""
        delay_s = self.first_s
        while True:
            yield delay_s
            delay_s = min(2 * delay_s, self.max_s)
