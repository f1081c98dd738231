"""Parses the options of WinCLIP on the command line."""

from typing import Final

from inspector.core.errors import ConfigError
from learning.options import make_choice_parser

FUSIONS: Final = ("mean", "sum")

MOST_LETTERS: Final = 200


fusion_name: Final = make_choice_parser("fusion", FUSIONS)


def product_name(text: str) -> str:
    """Raises ConfigError for a text that cannot stand in a prompt."""
    if not text.strip() or len(text) > MOST_LETTERS or set(text) & set("{}"):
        raise ConfigError(
            f"class_name must have 1 to {MOST_LETTERS} letters and no braces, not {text!r}"
        )
    return text
