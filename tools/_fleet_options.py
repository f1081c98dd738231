"""The options of commands that can work in several processes or on a Ray cluster."""

import argparse

from inspector.fleet.options import LOCAL, MOST_WORKERS, FleetOptions


def add_fleet_options(parser: argparse.ArgumentParser, items: str) -> None:
    """items: what the command divides among the workers, in the plural."""
    parser.add_argument(
        "--workers",
        type=worker_count,
        metavar="N",
        help=f"number of {items} that are worked on at the same time, each in a process that uses "
        "its share of the cores (default: 1; with the address of a cluster: all its cores)",
    )
    parser.add_argument(
        "--ray",
        nargs="?",
        const=LOCAL,
        metavar="ADDRESS",
        help="work on the Ray cluster at this address, such as auto or 192.168.1.5:6379; without "
        "an address, start Ray on this machine (needs the extra fleet)",
    )


def chosen_fleet(arguments: argparse.Namespace) -> FleetOptions:
    """Where the command works."""
    return FleetOptions(arguments.workers or 1, arguments.ray)


def worker_count(text: str) -> int:
    """The number of workers. Raises ArgumentTypeError."""
    if text.isdigit() and len(text) < 4 and 1 <= int(text) <= MOST_WORKERS:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {MOST_WORKERS}, got {text}")
