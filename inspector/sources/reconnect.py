"""Computes the delays between attempts to connect to a live source again."""

from collections.abc import Iterator
from dataclasses import dataclass

from inspector.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays in seconds: first_s, then doubled each time, up to max_s.

    give_up_s: a source that is silent for longer than this is lost. None: never give up.
    """

    first_s: float
    max_s: float
    give_up_s: float | None

    def __post_init__(self) -> None:
        if not 0 < self.first_s <= self.max_s:
            raise ConfigError(
                f"reconnect needs 0 < first_s <= max_s, not {self.first_s:g} and {self.max_s:g}"
            )
        if self.give_up_s is not None and self.give_up_s < 0:
            raise ConfigError(f"reconnect.give_up_s must not be negative: {self.give_up_s:g}")

    def delays(self) -> Iterator[float]:
        """Endless."""
        delay_s = self.first_s
        while True:
            yield delay_s
            delay_s = min(2 * delay_s, self.max_s)
