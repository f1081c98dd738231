"""Writes the report of runs: one HTML file, and with --pdf a PDF of the same page."""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from inspector.command_line import CommandParser, describe_version
from inspector.core.errors import ConfigError
from inspector.outputs.folder import REPORT
from inspector.report.options import LANGUAGES
from inspector.report.writing import write_report
from tools._cli import guarded, program
from tools._new_file import add_overwrite_option, refuse_existing

TEXTS: Final = ("product", "lot", "line", "operator")


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    out = _out(arguments)
    refuse_existing(out, overwrite=arguments.overwrite)
    report = write_report(
        arguments.runs,
        out,
        _changes(arguments),
        program=describe_version(),
        pdf=True if arguments.pdf else None,
    )
    others = f" and {len(report.files) - 1} more files" if len(report.files) > 1 else ""
    print(f"written: {report.files[0]}{others}, {report.bytes / 1e6:.1f} MB")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog=program("report"),
        description="Write the report of runs from their logs: verdict, what was inspected and "
        "what was not, every defect with size, uncertainty and picture, and lines to sign.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "runs",
        type=Path,
        nargs="+",
        metavar="RUN",
        help="output folder of a run, or of all its sources",
    )
    add("--out", type=Path, help=f"file to write (default: {REPORT} in the folder of the run)")
    add("--pdf", action="store_true", help="also write a PDF (extra: pdf)")
    for name in TEXTS:
        add(f"--{name}", help=f"{name} in the head of the report")
    add("--unit", choices=("mm", "cm", "inch"), help="unit of lengths (default: that of the run)")
    add("--decimal", choices=("point", "comma"), help="decimal mark")
    add("--language", choices=LANGUAGES, help="language of the report")
    for name in ("length-mm", "width-mm", "area-mm2"):
        add(
            f"--limit-{name}",
            type=float,
            metavar="LIMIT",
            help="limit with which sizes are compared",
        )
    add_overwrite_option(parser)
    return parser


def _out(arguments: argparse.Namespace) -> Path:
    out: Path | None = arguments.out
    if out is None:
        if len(arguments.runs) > 1:
            raise ConfigError("--out is missing: name the file for the report of several runs")
        return Path(arguments.runs[0]) / REPORT
    if out.suffix != ".html":
        raise ConfigError(f"--out {out}: the name of a report must end in .html")
    return out


def _changes(arguments: argparse.Namespace) -> dict[str, Any]:
    """The keys of the section `report` that the command line sets."""
    names = (*TEXTS, "unit", "decimal", "language")
    values = {name: getattr(arguments, name) for name in names}
    limits = {
        name: getattr(arguments, f"limit_{name}") for name in ("length_mm", "width_mm", "area_mm2")
    }
    changes = {name: value for name, value in values.items() if value is not None}
    return changes | {"limits": {k: v for k, v in limits.items() if v is not None}}


if __name__ == "__main__":
    sys.exit(main())
