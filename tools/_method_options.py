"""The settings of a method as options of a command."""

import argparse
from collections.abc import Callable
from typing import Any, Final

from engines.methods.base import METHODS, method_class
from inspector.core.errors import ConfigError

UNSET: Final = object()
"""Of an option that was not given, so that the method's own default stands."""


def add_method_options(parser: argparse.ArgumentParser, argv: list[str] | None) -> None:
    """Adds an option for every setting of the method that argv names with --method."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    first.add_argument("--method", nargs="?")
    name = first.parse_known_args(argv)[0].method
    if name not in METHODS:
        return
    group = parser.add_argument_group(f"options of {name}")
    for field in method_class(name).settings():
        group.add_argument(
            "--" + field.name.replace("_", "-"),
            type=_typed(field.metadata["parse"]),
            default=UNSET,
            help=field.metadata["help"],
        )


def _typed(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """argparse shows the sentence of no error but its own."""

    def typed(text: str) -> Any:
        try:
            return parse(text)
        except ConfigError as exc:
            raise argparse.ArgumentTypeError(str(exc)) from exc

    return typed
