"""Studies how repeatable and reproducible measured sizes or verdicts are (gauge R&R, AIAG MSA).

The measurements come from a CSV file, or from the result folders of runs that saw the same parts.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from evaluation.gauge.page import study_page
from evaluation.gauge.run_reading import UNITS, Reading, read_sizes, read_verdicts
from evaluation.gauge.study import (
    FIGURES,
    PAGE,
    PDF,
    TABLE,
    GaugeStudy,
    Subject,
    study_attributes,
    study_sizes,
    write_figures,
    write_table,
)
from evaluation.gauge.table_reading import (
    SINGLE_APPRAISER,
    read_measurements,
    read_references,
    with_references,
)
from evaluation.gauge.texts import conclusions, notes
from evaluation.gauge.variable import ALPHA
from inspector.command_line import CommandParser
from inspector.core.errors import ConfigError
from inspector.core.files import write_whole
from inspector.report.pdf import load_weasyprint, write_pdf
from tools._argument_types import out_folder
from tools._cli import guarded, program
from tools._new_file import add_overwrite_option, refuse_existing


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    _check(arguments)
    refuse_existing(arguments.out / PAGE, overwrite=arguments.overwrite)
    if arguments.pdf:
        load_weasyprint()
    study = _study(arguments)
    page, out = study_page(study), arguments.out
    write_whole(out / PAGE, page.encode())
    write_table(out / TABLE, study)
    write_figures(out / FIGURES, study)
    if arguments.pdf:
        write_pdf(out / PDF, page)
    for sentence in conclusions(study):
        print(sentence)
    for sentence in notes(study):
        print(f"note: {sentence}")
    for sentence in study.subject.unmatched:
        print(f"left out: {sentence}")
    print(f"written: {out / PAGE}, and the data beside it in {TABLE} and {FIGURES}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog=program("gauge"),
        description="Study how repeatable and reproducible sizes or verdicts are (gauge R&R).",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "table",
        type=Path,
        nargs="?",
        help="CSV file with the columns part, value and, as needed, appraiser, trial, reference",
    )
    add(
        "--runs",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="DIR",
        help="result folders of runs with the same parts, instead of a CSV file; each is a trial",
    )
    add(
        "--appraisers",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="with --runs: the appraiser of each run, such as the light, position or day",
    )
    add("--out", type=out_folder, required=True, help="folder for the page and the data")
    add("--tolerance", type=_above_zero, help="upper limit minus lower limit of the size")
    add("--unit", default="", help="of the values of a CSV file, such as mm")
    add("--references", type=Path, help="CSV file with the columns part and reference")
    add(
        "--attribute",
        action="store_true",
        help="study verdicts instead of sizes (needed with --runs, and for a CSV file of 0 and 1)",
    )
    add("--size", choices=sorted(UNITS), default="length", help="with --runs (default: length)")
    add(
        "--match-px",
        type=_above_zero,
        default=25.0,
        help="with --runs: largest distance of a defect in two runs, px (default: 25)",
    )
    add(
        "--alpha",
        type=_share,
        default=ALPHA,
        help=f"keep the interaction if its p is at most this (default: {ALPHA:g})",
    )
    add("--name", default="", help="title of the page")
    add("--pdf", action="store_true", help=f"also write {PDF} (extra: pdf)")
    add_overwrite_option(parser)
    return parser


def _check(arguments: argparse.Namespace) -> None:
    runs, appraisers = arguments.runs, arguments.appraisers
    if (arguments.table is None) == (not runs):
        raise ConfigError("name a CSV file, or result folders with --runs")
    if len(runs) == 1:
        raise ConfigError("--runs needs two or more folders, because each run is a trial")
    if len({folder.resolve() for folder in runs}) < len(runs):
        raise ConfigError("--runs names the same folder twice")
    if appraisers and len(appraisers) != len(runs):
        raise ConfigError(
            f"--appraisers needs a name for each of the {len(runs)} runs, got {len(appraisers)}"
        )
    if runs and arguments.unit:
        raise ConfigError("--unit is for a CSV file; runs know their unit")


def _study(arguments: argparse.Namespace) -> GaugeStudy:
    reading, verdicts = _read(arguments)
    rows, runs = reading.rows, arguments.runs
    if verdicts and arguments.tolerance is not None:
        raise ConfigError("--tolerance is for sizes; verdicts have none")
    if arguments.references is not None:
        rows = with_references(rows, read_references(arguments.references, verdicts=verdicts))
    sizes = f"{arguments.size} of defects" if runs else "values"
    measured = "verdicts" if verdicts else sizes
    subject = Subject(
        title=arguments.name or f"Gauge study of {measured if runs else arguments.table.name}",
        measured=measured,
        unit="" if verdicts else reading.unit,
        origin=_name_runs(runs) if runs else str(arguments.table),
        made_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        unmatched=reading.unmatched,
        warnings=reading.warnings,
    )
    if verdicts:
        return study_attributes(subject, rows)
    return study_sizes(subject, rows, arguments.tolerance, arguments.alpha)


def _read(arguments: argparse.Namespace) -> tuple[Reading, bool]:
    """The measurements, and whether they are verdicts."""
    verdicts, runs = arguments.attribute, arguments.runs
    if not runs:
        rows, verdicts = read_measurements(arguments.table, verdicts=verdicts)
        return Reading(rows, arguments.unit, [], []), verdicts
    appraisers = arguments.appraisers or [SINGLE_APPRAISER] * len(runs)
    if verdicts:
        return read_verdicts(runs, appraisers), True
    return read_sizes(runs, appraisers, arguments.size, arguments.match_px), False


def _name_runs(folders: Sequence[Path]) -> str:
    places = {folder.parent for folder in folders}
    names = [folder.name if len(places) == 1 else str(folder) for folder in folders]
    where = f" in {places.pop()}" if len(places) == 1 else ""
    return f"{len(folders)} runs{where}: {', '.join(names)}"


def _above_zero(text: str) -> float:
    try:
        value = float(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from exc
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"{text} must be a number above 0")
    return value


def _share(text: str) -> float:
    value = _above_zero(text)
    if value > 1:
        raise argparse.ArgumentTypeError(f"{text} must be above 0 and at most 1")
    return value


if __name__ == "__main__":
    sys.exit(main())
