"""Downloads a public data set, checks its hash, and writes it in the layout of MVTec AD."""

import sys

from inspector.command_line import CommandParser
from learning.downloads.public_sets import PUBLIC_SETS
from tools._argument_types import names, out_folder
from tools._cli import guarded, program
from tools._data_options import download


@guarded
def main(argv: list[str] | None = None) -> int:
    parser = CommandParser(prog=program("download"), description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("name", choices=list(PUBLIC_SETS), help=f"of {', '.join(PUBLIC_SETS)}", metavar="NAME")
    add("--out", type=out_folder, required=True, help="folder for the classes")
    add("--classes", type=names, default=(), metavar="A,B", help="(default: all)")
    add("--url", default="", help="address of the archive, if the known one has changed")
    add("--sha256", default="", help="hash that the archive must have (default: the known one)")
    args = parser.parse_args(argv)
    download(args.name, args.out, args.classes, url=args.url, sha256=args.sha256)
    return 0


if __name__ == "__main__":
    sys.exit(main())
