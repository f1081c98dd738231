"""The settings of a method as options of a command."""

import argparse
from collections.abc import Callable
from typing import Any, Final

from inspector.core.errors import ConfigError
from learning.methods.base import METHODS, method_class

UNSET: Final = object()
"""Of an option that was not given, so that the method's own default stands."""


def add_method_options(parser: argparse.ArgumentParser, argv: list[str] | None) -> None:
    """Adds an option for every setting of the method that argv names with --method."""
    name = method_named(argv)
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


def method_named(argv: list[str] | None) -> str | None:
    """What argv gives as --method, before anything else of it is read."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    first.add_argument("--method", nargs="?")
    name: str | None = first.parse_known_args(argv)[0].method
    return name


def method_options(method: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The method's options that were given."""
    given = vars(arguments)
    names = [field.name for field in method_class(method).settings()]
    return {name: given[name] for name in names if given[name] is not UNSET}


def _typed(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """argparse shows the sentence of no error but its own."""

    def typed(text: str) -> Any:
        try:
            return parse(text)
        except ConfigError as exc:
            raise argparse.ArgumentTypeError(str(exc)) from exc

    return typed
