"""Draws the roll map of a run with tracking: the web with every defect to scale."""

import sys
from pathlib import Path

from inspector.command_line import CommandParser
from inspector.core.errors import DataError
from inspector.core.schema import build
from inspector.outputs.folder import ROLL_MAP_PNG, ROLL_MAP_SVG
from inspector.outputs.options import FourPointOptions
from inspector.report.four_points import score_if_enabled
from inspector.report.roll import read_roll
from inspector.report.roll_map import write_roll_map
from inspector.report.roll_texts import english
from tools._cli import guarded, program


@guarded
def main(argv: list[str] | None = None) -> int:
    parser = CommandParser(prog=program("roll-map"), description=__doc__)
    parser.add_argument(
        "run", type=Path, metavar="RUN", help="output folder of one source of a run"
    )
    parser.add_argument("--out", type=Path, help="folder of the map (default: that of the run)")
    parser.add_argument("--edition", help="add the 4-point score and name this edition in its text")
    arguments = parser.parse_args(argv)
    roll, header = read_roll(arguments.run)
    configured = header["config"].get("output", {}).get("four_points", {})
    if arguments.edition is not None:
        configured |= {"enabled": True, "edition": arguments.edition}
    options = build(FourPointOptions, configured, DataError)
    wording = english(roll)
    _, notes = score_if_enabled(roll, options, wording)
    out = arguments.out or arguments.run
    write_roll_map(out, roll, notes=notes)
    for sentence in (*wording.describe_roll(), *notes):
        print(sentence)
    print(f"written to {out / ROLL_MAP_SVG} and {out / ROLL_MAP_PNG}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
