"""Sends a request to a running line, and prints its answer."""

import argparse
import getpass
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inspector.command_line import CommandParser
from inspector.config import find_config, load_config
from inspector.core.errors import ConfigError
from inspector.service.line_store import store_path
from inspector.standard_streams import write_error
from inspector.store.database import Store
from inspector.store.requests import add_request, wait_for_answer
from tools._cli import guarded, program

REFUSED = 1
DEFAULT = "default"
"""Word on the command line for a threshold that is not set."""


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    path = arguments.store or store_path(load_config(find_config(arguments.config)))
    if not path.is_file():
        raise ConfigError(f"there is no store {path}: has the line ever run? (--config, --store)")
    store = Store(path)
    try:
        who = arguments.who or getpass.getuser()
        kind, values = arguments.kind, _values(arguments)
        number = add_request(store, kind, values, who=who, why=arguments.why)
        answer = wait_for_answer(store, number, arguments.timeout)
    finally:
        store.close()
    if answer.done:
        print(answer.text)
        return 0
    write_error(f"{answer.state}: {answer.text}")
    return REFUSED


def _values(arguments: argparse.Namespace) -> dict[str, Any]:
    """The arguments of the request. A threshold that is not named does not change."""
    if arguments.kind == "check":
        return {"name": arguments.name}
    if arguments.kind == "recipe":
        source = {} if arguments.source is None else {"source": arguments.source}
        return {"name": arguments.name, **source}
    if arguments.kind == "acknowledge":
        return {"alarm": arguments.alarm}
    if arguments.kind == "accept_engine":
        return {"candidate": str(arguments.candidate.absolute())}
    if arguments.kind in ("refit", "undo_engine"):
        return {} if arguments.engine is None else {"engine": str(arguments.engine.absolute())}
    if arguments.kind != "thresholds":
        return {}
    limits = {"image_threshold": arguments.image, "pixel_threshold": arguments.pixel}
    changes = {
        key: None if text == DEFAULT else _number(text)
        for key, text in limits.items()
        if text is not None
    }
    if not changes:
        raise ConfigError("name a threshold: --image or --pixel")
    return {"source": arguments.source, **changes}


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"a threshold is a number or {DEFAULT}, not {text!r:.40}")
    return number


def _parser() -> CommandParser:
    parser = CommandParser(prog=program("line"), description=__doc__)
    add = parser.add_argument
    add("--config", type=Path, metavar="FILE.yaml", help="configuration of the line")
    add("--store", type=Path, metavar="FILE", help="store of the line, instead of --config")
    add("--who", metavar="NAME", help="who asks; default: the name of the user")
    add("--why", metavar="TEXT", help="the reason, for the audit trail")
    add("--timeout", type=float, default=60.0, metavar="S", help="s to wait; default: 60")
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    for kind, text in _plain_kinds():
        kinds.add_parser(kind, help=text)
    recipe = kinds.add_parser("recipe", help="inspect with another recipe")
    recipe.add_argument("name", metavar="NAME")
    help_text = "the source that uses it; default: all sources"
    recipe.add_argument("source", nargs="?", metavar="SOURCE", help=help_text)
    check = kinds.add_parser("check", help="begin a routine check")
    check.add_argument("name", metavar="NAME")
    thresholds = kinds.add_parser("thresholds", help="change the thresholds of a source")
    thresholds.add_argument("source", nargs="?", default="main", metavar="SOURCE")
    for name in ("image", "pixel"):
        help_text = f"threshold of the {name}; {DEFAULT}: that of recipe or engine"
        thresholds.add_argument(f"--{name}", metavar="SCORE", help=help_text)
    acknowledge = kinds.add_parser("acknowledge", help="acknowledge an alarm by name")
    acknowledge.add_argument("alarm", type=int, metavar="NUMBER")
    for kind, text in (
        ("refit", "make a candidate with the pictures answered as fine"),
        ("undo_engine", "use the former file of an engine again"),
    ):
        engine = kinds.add_parser(kind, help=text)
        engine.add_argument("engine", nargs="?", type=Path, metavar="ENGINE")
    accept = kinds.add_parser("accept_engine", help="use a candidate in place of its engine")
    accept.add_argument("candidate", type=Path, metavar="CANDIDATE")
    return parser


def _plain_kinds() -> Sequence[tuple[str, str]]:
    return (
        ("status", "show what the line does"),
        ("start", "open the sources and inspect"),
        ("stop", "close the sources; everything captured is still inspected"),
        ("reload", "read the configuration again"),
    )


if __name__ == "__main__":
    sys.exit(main())
