"""Options that say which part of a picture an engine judges."""

import argparse
from pathlib import Path

from engines.spec_file import file_hash
from inspector.core.names import names_hash
from learning.datasets.pictures import list_pictures
from learning.foreground.finding import AUTO


def add_region_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--roi", type=Path, help="YAML with polygons to inspect and to ignore, in frame pixels"
    )
    add_foreground_option(parser)


def add_foreground_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--foreground",
        type=_foreground_source,
        metavar=f"{AUTO}|PATH",
        help="judge the product and not the background. auto: learn the background from the border "
        "of the good pictures; or a picture, or a folder of pictures, of the empty scene",
    )


def identify_foreground(source: str) -> str:
    """AUTO, or the hash of the contents of the pictures of the empty scene."""
    if source == AUTO:
        return source
    path = Path(source)
    pictures = list_pictures(path) if path.is_dir() else [path]
    return names_hash([file_hash(picture) for picture in pictures])


def _foreground_source(text: str) -> str:
    """AUTO, or the path of a file or folder."""
    if text != AUTO and not Path(text).exists():
        raise argparse.ArgumentTypeError(f"{text!r} is neither {AUTO} nor a file or folder")
    return text
