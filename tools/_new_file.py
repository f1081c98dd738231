"""Protects files that took work to make: the option --overwrite, and backups."""

import argparse
import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

from inspector.core.errors import ConfigError, EngineError
from inspector.core.files import write_whole


def add_overwrite_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")


def refuse_existing(out: Path, *, overwrite: bool, option: str = "--out") -> None:
    """Raises ConfigError, before any work, if the file exists and may not be replaced. option: that
    names the file."""
    if out.exists() and not overwrite:
        raise ConfigError(f"{option} {out} exists already; give --overwrite or another {option}")


@contextlib.contextmanager
def backup(path: Path) -> Iterator[Path]:
    """Keeps the present content of a file beside it while the `with` block replaces the file.

    Yields NAME.bak, or NAME.bak2 and so on: no backup is ever replaced. The backup is removed if
    the block raises. Raises EngineError if it cannot be written.
    """
    place = next(place for place in _backup_places(path) if not place.exists())
    write_whole(place, path.read_bytes(), "backup ", EngineError)
    with contextlib.ExitStack() as undo:
        undo.callback(place.unlink, missing_ok=True)
        yield place
        undo.pop_all()


def _backup_places(path: Path) -> Iterator[Path]:
    for number in itertools.count(1):
        yield path.with_name(f"{path.name}.bak{number if number > 1 else ''}")
