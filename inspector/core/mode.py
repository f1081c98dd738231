"""The mode of a line: whether people may teach it and change its thresholds while it works."""

from typing import Final

from inspector.core.errors import ConfigError

OPEN: Final = "open"
LOCKED: Final = "locked"
MODES: Final = (OPEN, LOCKED)
LOCKED_KINDS: Final = ("thresholds", "refit", "accept_engine", "undo_engine")
"""Kinds of requests to a line that the mode locked refuses."""
LOCKED_TEXT: Final = (
    "the mode is locked: feedback, refitting, other engines and other thresholds are refused; set "
    "mode to open in the configuration to allow them"
)


def check_open(mode: str) -> None:
    """Raises ConfigError for what the mode locked refuses."""
    if mode == LOCKED:
        raise ConfigError(LOCKED_TEXT)
