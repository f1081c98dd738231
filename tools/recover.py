"""Completes the results of a run that was killed: open defects, ledger and summary.json."""

import sys
from pathlib import Path

from inspector.command_line import CommandParser
from inspector.recovery import recover
from tools._cli import guarded, program


@guarded
def main(argv: list[str] | None = None) -> int:
    parser = CommandParser(prog=program("recover"), description=__doc__)
    parser.add_argument(
        "run", type=Path, metavar="RUN", help="output folder of the run, or of all its sources"
    )
    for folder, sentences in recover(parser.parse_args(argv).run).items():
        print(f"{folder}:")
        for sentence in sentences:
            print(f"  {sentence}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
