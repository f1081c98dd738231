"""Options of a method, read from the fields of its dataclass, as options of a command."""

import argparse
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from inspector.command_line import CommandParser
from inspector.core.errors import ConfigError
from learning.methods.registry import fitted_methods, trained_methods
from tools._cli import program

METHODS: Final = {"fit": fitted_methods, "train": trained_methods}
"""Command -> names of its methods."""

UNSET: Final = object()
"""Default of every option, so that the method's own default applies."""

Fields = Iterable["dataclasses.Field[Any]"]


def make_method_parser(
    command: str, description: str, methods: Sequence[str], default: str | None = None
) -> argparse.ArgumentParser:
    """A parser with the option --method. default: also a choice; None: a method must be named."""
    example = f"`{program(command)} --method {methods[0]} --help`"
    parser = CommandParser(
        prog=program(command),
        description=f"{description} {example} also shows the options of the method {methods[0]}.",
        allow_abbrev=False,
    )
    choices = methods if default is None else (default, *methods)
    parser.add_argument(
        "--method",
        type=_method_type(command, choices),
        required=default is None,
        default=default,
        help=", ".join(choices) + ("" if default is None else " (default: %(default)s)"),
    )
    return parser


def _method_type(command: str, methods: Sequence[str]) -> Callable[[str], str]:
    """Checks the name of a method; for a method of another command, the error names that one."""

    def method(text: str) -> str:
        if text in methods:
            return text
        for other, others in METHODS.items():
            if text in others():
                raise argparse.ArgumentTypeError(
                    f"invalid choice: {text!r} is a method of another command: "
                    f"`{program(other)} --method {text}`"
                )
        raise argparse.ArgumentTypeError(
            f"invalid choice: {text!r} is no method of {command}; known: {', '.join(methods)}"
        )

    method.__name__ = "method"
    return method


def add_method_options(parser: argparse.ArgumentParser, title: str, fields: Fields) -> None:
    group = parser.add_argument_group(title)
    for field in fields:
        about = field.metadata
        flag = "--" + (about["flag"] or field.name.replace("_", "-"))
        shared: dict[str, Any] = {"dest": field.name, "default": UNSET, "help": _help(field)}
        if about["parse"] is None:
            group.add_argument(flag, action="store_const", const=not field.default, **shared)
        else:
            group.add_argument(
                flag,
                type=_parser(about["parse"]),
                metavar=about["metavar"],
                choices=about["choices"],
                **shared,
            )


def named_method(argv: list[str] | None) -> str | None:
    """The text after --method in argv; the parser needs it before it can parse the rest."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    first.add_argument("--method", nargs="?")
    name: str | None = first.parse_known_args(argv)[0].method
    return name


def method_options(fields: Fields, arguments: argparse.Namespace) -> dict[str, Any]:
    """The values of the options that were typed."""
    values = vars(arguments)
    return {f.name: values[f.name] for f in fields if values[f.name] is not UNSET}


def _help(field: "dataclasses.Field[Any]") -> str:
    """With the default, unless the text names it or there is none."""
    text: str = field.metadata["help"]
    silent = field.default is None or field.metadata["parse"] is None or "default" in text
    shown = text if silent else f"{text} (default: {field.default})"
    return shown.replace("%", "%%")


def _parser(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """argparse shows the text of an ArgumentTypeError only."""

    def parse_argument(text: str) -> Any:
        try:
            return parse(text)
        except ConfigError as exc:
            raise argparse.ArgumentTypeError(str(exc)) from exc

    return parse_argument
