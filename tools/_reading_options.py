"""Options that say how a command reads picture files."""

import argparse

from inspector.core.reading import BIT_DEPTHS, MAX_PIXELS, Reading


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--bit-depth",
        type=int,
        choices=BIT_DEPTHS,
        help="bits that the camera used, for pictures that have room for 16 (default: as the file "
        "says; 16 if all values need more than 14)",
    )
    parser.add_argument(
        "--max-pixels",
        type=int,
        default=MAX_PIXELS,
        help="larger pictures are refused before they are decoded (default: %(default)s)",
    )


def chosen_reading(arguments: argparse.Namespace) -> Reading:
    return Reading(arguments.bit_depth, arguments.max_pixels)
