"""Replaces options of a command line."""

from collections.abc import Sequence


def replace_options(argv: Sequence[str], more: Sequence[str]) -> list[str]:
    """argv without the options that `more` has, with their values, and then `more`."""
    replaced = {text for text in more if text.startswith("--")}
    remaining: list[str] = []
    skips = False
    for text in argv:
        if text.startswith("--"):
            skips = text in replaced
        if not skips:
            remaining.append(text)
    return [*remaining, *more]
