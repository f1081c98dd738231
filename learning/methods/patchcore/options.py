"""The texts of PatchCore's options on the command line."""

from typing import Final

from inspector.core.errors import ConfigError

VARIANTS: Final = ("paper", "official")
UPSAMPLINGS: Final = ("bilinear", "nearest")


def variant_name(text: str) -> str:
    """Raises ConfigError for another variant."""
    if text not in VARIANTS:
        raise ConfigError(f"variant must be {' or '.join(VARIANTS)}, not {text!r}")
    return text


def upsampling_name(text: str) -> str:
    """Raises ConfigError for another way of upsampling."""
    if text not in UPSAMPLINGS:
        raise ConfigError(f"upsampling must be {' or '.join(UPSAMPLINGS)}, not {text!r}")
    return text


def share_of_rows(text: str) -> float:
    """Raises ConfigError for anything but a number from 0 to 1."""
    try:
        share = float(text)
    except ValueError as exc:
        raise ConfigError(f"coreset {text!r} is not a number") from exc
    if not 0 <= share <= 1:
        raise ConfigError(f"coreset must lie within 0 and 1, not {text}")
    return share
