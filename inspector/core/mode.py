"""The mode of a line: whether people may teach it and change its thresholds while it works."""

from typing import Final

from inspector.core.errors import ConfigError

OPEN: Final = "open"
LOCKED: Final = "locked"
MODES: Final = (OPEN, LOCKED)


def check_open(mode: str) -> None:
    """Raises ConfigError with the same sentence for everything that the mode locked refuses."""
    if mode == LOCKED:
        raise ConfigError(
            "the mode is locked: feedback, refitting, other engines and other thresholds are "
            "refused; set mode to open in the configuration to allow them"
        )
