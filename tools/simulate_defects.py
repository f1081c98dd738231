"""Draws defects of known size on good pictures, and writes masks and a JSON of the true sizes."""

import argparse
import sys
from pathlib import Path

from calibration.plane import LARGEST_SCALE, MIN_SCALE
from inspector.command_line import CommandParser
from inspector.core.errors import ConfigError, DataError
from inspector.synthetic.defect_pictures import TRUTH, write_defect_pictures
from inspector.synthetic.defect_shapes import KINDS
from inspector.synthetic.media import split_readable
from learning.datasets.pictures import list_pictures
from tools._argument_types import out_folder
from tools._cli import guarded, program


@guarded
def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    kinds = list(dict.fromkeys(args.kinds or KINDS))
    if args.per_picture < 1 or args.seed < 0:
        raise ConfigError("--per-picture must be at least 1 and --seed at least 0")
    if args.mm_per_px is not None and not MIN_SCALE <= args.mm_per_px <= LARGEST_SCALE:
        raise ConfigError(
            f"--mm-per-px must lie between {MIN_SCALE:g} and {LARGEST_SCALE:g}, not "
            f"{args.mm_per_px:g}"
        )
    if args.out.resolve() == args.normal.resolve():
        raise ConfigError("--out must be another folder than --normal")
    files = list_pictures(args.normal)
    truth = args.out / TRUTH
    folders = [args.out / part / kind for part in ("test", "ground_truth") for kind in kinds]
    existing = [path for path in (truth, *folders) if path.exists()]
    if existing and not args.overwrite:
        raise ConfigError(f"{existing[0]} exists already; give --overwrite or another --out")
    readable, _ = split_readable(files, print)
    _refuse_equal_stems(readable)
    count = write_defect_pictures(
        readable,
        args.out,
        kinds=kinds,
        per_picture=args.per_picture,
        mm_per_px=args.mm_per_px,
        seed=args.seed,
    )
    print(f"{args.out}: {count} pictures, {len(readable)} of each of {', '.join(kinds)}")
    print(f"{truth}: the true sizes")
    return 0


def _refuse_equal_stems(files: list[Path]) -> None:
    """Raises DataError if two pictures would be written to the same file."""
    first: dict[str, Path] = {}
    for path in files:
        if first.setdefault(path.stem, path) != path:
            raise DataError(
                f"{first[path.stem]} and {path} would both be written as {path.stem}.png: rename "
                "one of them"
            )


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(prog=program("simulate-defects"), description=__doc__)
    add = parser.add_argument
    add("--normal", type=Path, required=True, metavar="DIR", help="folder of good pictures")
    add("--out", type=out_folder, required=True, metavar="DIR", help="folder to write")
    add(
        "--kinds",
        action="extend",
        nargs="+",
        choices=KINDS,
        metavar="KIND",
        help="of defects: " + ", ".join(KINDS) + " (default: all)",
    )
    add("--per-picture", type=int, default=1, metavar="N", help="defects (default: %(default)s)")
    add("--mm-per-px", type=float, metavar="X", help="without it, only sizes in px are written")
    add("--seed", type=int, default=1, help="(default: %(default)s)")
    add("--overwrite", action="store_true", help="replace existing files")
    return parser


if __name__ == "__main__":
    sys.exit(main())
