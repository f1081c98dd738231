"""How long to wait between the tries to reach a live source again."""

from collections.abc import Iterator
from dataclasses import dataclass

from inspector.core.errors import ConfigError
from inspector.core.schema import Positive


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds between tries: first_s, then twice as long each time, max_s at most.

    give_up_s: a source silent for longer than this is lost; None tries for ever. wait_for_source:
    a source that is missing at the start is tried again, too; otherwise that is a SourceError.
    """

    first_s: Positive = 0.5
    max_s: Positive = 30.0
    give_up_s: Positive | None = None
    wait_for_source: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.first_s <= self.max_s:
            raise ConfigError(
                f"source.reconnect.first_s must be above 0 and at most max_s, not {self.first_s:g} "
                f"with max_s {self.max_s:g}"
            )
        if self.give_up_s is not None and self.give_up_s < 0:
            raise ConfigError(
                f"source.reconnect.give_up_s must not be negative, not {self.give_up_s:g}"
            )

    def delays(self) -> Iterator[float]:
        """Without end."""
        delay_s = self.first_s
        while True:
            yield delay_s
            delay_s = min(2 * delay_s, self.max_s)
