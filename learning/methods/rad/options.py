"""Parses the options of RAD."""

from typing import Final

from inspector.core.errors import ConfigError
from learning.options import whole_number

AVERAGES: Final = ("1", "3")
"""Choices of `average`."""

LARGEST_RADIUS: Final = 16
"""In cells. Instead of a larger radius, the whole picture is the better choice."""


def parse_radius(text: str) -> int | None:
    """ "all" or a number of cells. Raises ConfigError for anything else."""
    if text == "all":
        return None
    if not text.isdecimal():
        raise ConfigError(f"{text!r} is neither a number of cells nor all")
    if whole_number(text) > LARGEST_RADIUS:
        raise ConfigError(f"a radius above {LARGEST_RADIUS} cells: take all")
    return int(text)


def parse_average(text: str) -> int:
    """Raises ConfigError for anything but 1 and 3."""
    if text not in AVERAGES:
        raise ConfigError(f"average must be 1 or 3, not {text!r}")
    return int(text)
