"""Options that choose a data set and its classes, and the download of public data sets."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from inspector.core.errors import ConfigError
from learning.datasets.layouts import LAYOUTS, load
from learning.datasets.types import ClassData
from learning.downloads.installing import install_set
from learning.downloads.public_sets import PUBLIC_SETS, public_set
from tools._progress import Bars


def add_data_options(add: Callable[..., Any], *, data_help: str) -> None:
    add("--data", type=Path, required=True, help=data_help)
    add("--dataset", choices=list(LAYOUTS), help="layout of the data set (default: detected)")
    add(
        "--download",
        choices=list(PUBLIC_SETS),
        metavar="NAME",
        help="download what --data lacks of a public data set: " + ", ".join(PUBLIC_SETS),
    )


def load_classes(arguments: argparse.Namespace) -> list[ClassData]:
    """The classes of --data that --classes names; all if it names none. Raises ConfigError for an
    unknown class, DataError for a folder that is no data set; see also install_set."""
    if arguments.download:
        download(arguments.download, arguments.data, arguments.classes)
    by_name = {data.name: data for data in load(arguments.data, arguments.dataset)}
    for name in arguments.classes:
        if name not in by_name:
            raise ConfigError(f"class {name} is not in --data; it has {', '.join(by_name)}")
    return [data for data in by_name.values() if data.name in (arguments.classes or by_name)]


def download(
    name: str, folder: Path, classes: Sequence[str], *, url: str = "", sha256: str = ""
) -> None:
    """Prints the licence, then downloads what the folder lacks, and shows the progress."""
    public = public_set(name)
    print(f"{public.title}: licence {public.licence} ({public.terms}), see {public.page}")
    with Bars("megabyte") as bars:
        new = install_set(public, folder, classes, url=url, sha256=sha256, progress=bars.advance)
    print(f"{folder}: " + (f"downloaded {', '.join(new)}" if new else "no class is missing"))
