"""Parses the options of all commands, with short messages about mistyped options."""

import argparse
import difflib
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, NoReturn

from inspector.core.errors import ConfigError
from inspector.core.secrets import mask_secrets

DISTRIBUTION: Final = "line-inspector"
USAGE_ERROR: Final = 2
"""Exit code after a wrong option or argument."""


def find_version() -> str | None:
    """Installed version of the program, such as "0.1.0"; None if it is not installed."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return None


def describe_version() -> str:
    """Name and installed version of the program, such as "line-inspector 0.1.0"."""
    number = find_version()
    if number is None:
        return f"{DISTRIBUTION} is not installed; `pip install .` in its folder installs it"
    return f"{DISTRIBUTION} {number}"


class CommandParser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one sentence and suggest the nearest option.

    An option with one value may be typed once. An option that takes a list, which has the action
    append or extend, may be repeated. The messages show no password of a URL.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in (None, "store"):
            self.register("action", name, StoreOnce)
        self.typed: set[str] = set()

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Refuses an unknown option first. argparse would first miss the required options."""
        typed = sys.argv[1:] if args is None else list(args)
        self.typed.clear()
        # The options after the name of a subcommand belong to the parser of the subcommand.
        if self._subparsers is None:
            self._refuse_unknown(typed)
        return super().parse_known_args(typed, namespace)

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_ERROR, f"error: {mask_secrets(message)}\n")

    def _refuse_unknown(self, typed: Sequence[str]) -> None:
        known = self._option_string_actions
        for word in typed:
            if word == "--":
                return
            name = word.partition("=")[0]
            if not name.startswith("--") or " " in name or name in known:
                continue
            if self.allow_abbrev and any(option.startswith(name) for option in known):
                continue
            close = difflib.get_close_matches(name[2:], [option[2:] for option in known], n=1)
            hint = f"did you mean --{close[0]}?" if close else f"`{self.prog} --help` lists all"
            self.error(f"unknown option {name}; {hint}")


class StoreOnce(argparse.Action):
    """Stores the value of an option. Raises ConfigError if the option is typed twice.

    several: what to do for several values, for the message.
    """

    def __init__(self, *args: Any, several: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._several = several

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        if isinstance(parser, CommandParser) and option_string is not None:
            if self.dest in parser.typed:
                advice = self._several or "it takes one value, so leave one out"
                raise ConfigError(f"{option_string} is typed twice; {advice}")
            parser.typed.add(self.dest)
        setattr(namespace, self.dest, values)


class ShowVersion(argparse.Action):
    """Prints the installed version and ends the program."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="show the installed version")

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        sys.stdout.write(describe_version() + "\n")
        parser.exit()
