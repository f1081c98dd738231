"""Parses the options of PatchCore on the command line."""

from typing import Final

from inspector.core.errors import ConfigError
from learning.options import make_choice_parser, number

VARIANTS: Final = ("paper", "official")
UPSAMPLINGS: Final = ("bilinear", "nearest")


variant_name: Final = make_choice_parser("variant", VARIANTS)
upsampling_name: Final = make_choice_parser("upsampling", UPSAMPLINGS)


def share_of_rows(text: str) -> float:
    """Raises ConfigError for anything but a number from 0 to 1."""
    share = number(text)
    if not 0 <= share <= 1:
        raise ConfigError(f"coreset must lie within 0 and 1, not {text}")
    return share
