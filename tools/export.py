"""Writes the inspections of a time range as tables, or their pictures as a data set."""

import argparse
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

from inspector.command_line import CommandParser
from inspector.core.errors import ConfigError, DataError
from inspector.core.tables import TAB, CsvOptions
from inspector.export.coco import ANNOTATIONS, CATEGORIES, write_coco
from inspector.export.mvtec import GOOD, write_mvtec
from inspector.export.tables import write_csv, write_parquet
from inspector.store.database import Store
from inspector.store.filters import HistoryFilter
from inspector.store.history import find_inspections
from inspector.store.log_rows import CHECK, PRODUCTION
from tools._argument_types import names, number_between, out_folder
from tools._cli import guarded, program


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    if arguments.out.is_dir() and any(arguments.out.iterdir()):
        raise ConfigError(f"--out {arguments.out} is not empty: name a new folder")
    csv_options = CsvOptions(arguments.separator, arguments.decimal, arguments.bom)
    filter = _filter(arguments)
    with closing(Store(arguments.store, read_only=True)) as store:
        if not find_inspections(store, filter, limit=1):
            raise DataError(f"{arguments.store} has no inspection that fits these options")
        for sentence in _write(store, filter, arguments, csv_options):
            print(sentence)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(prog=program("export"), description=__doc__)
    add = parser.add_argument
    add(
        "--store",
        type=Path,
        required=True,
        metavar="FILE",
        help="the store, such as runs/store.sqlite",
    )
    add(
        "--from",
        dest="from_utc",
        metavar="TIME",
        help="first wall time in ISO 8601 with a zone, such as 2026-01-31T12:00:00Z (default: all)",
    )
    add("--to", dest="to_utc", metavar="TIME", help="first wall time that is left out")
    add("--source", type=names, default=(), metavar="NAME,...", help="only these sources")
    add("--recipe", type=names, default=(), metavar="NAME,...", help="only these recipes")
    add("--verdict", type=names, default=(), metavar="PASS,...", help="only PASS, FAIL or ERROR")
    add(
        "--kind",
        choices=(PRODUCTION, CHECK, "all"),
        default=PRODUCTION,
        help="production (default), routine checks, or both",
    )
    add(
        "--format",
        choices=("csv", "parquet", "coco", "mvtec"),
        required=True,
        help="csv, parquet: tables of inspections and defects; "
        "coco, mvtec: original pictures with outlines",
    )
    add("--out", type=out_folder, required=True, metavar="DIR", help="a new folder")
    csv = parser.add_argument_group("csv")
    csv.add_argument("--separator", choices=(",", ";", TAB), default=",", help="between two cells")
    csv.add_argument("--decimal", choices=(".", ","), default=".", help="mark in numbers")
    csv.add_argument("--bom", action="store_true", help="begin with a byte order mark, for Excel")
    sets = parser.add_argument_group("coco, mvtec")
    sets.add_argument(
        "--link", action="store_true", help="link the pictures instead of copying them"
    )
    sets.add_argument(
        "--category",
        choices=CATEGORIES,
        default=CATEGORIES[0],
        help="coco: category of a defect (default: the same for all)",
    )
    sets.add_argument(
        "--good",
        choices=GOOD,
        default=GOOD[0],
        help="mvtec: good pictures are those that a person has confirmed (default), "
        "or all that are PASS",
    )
    sets.add_argument(
        "--test-share",
        type=number_between(0, 1),
        default=0.2,
        metavar="SHARE",
        help="mvtec: share of the good pictures in test/good (default: 0.2)",
    )
    return parser


def _filter(arguments: argparse.Namespace) -> HistoryFilter:
    return HistoryFilter(
        from_utc=arguments.from_utc,
        to_utc=arguments.to_utc,
        sources=arguments.source,
        recipes=arguments.recipe,
        verdicts=arguments.verdict,
        kind=None if arguments.kind == "all" else arguments.kind,
    )


def _write(
    store: Store, filter: HistoryFilter, arguments: argparse.Namespace, csv_options: CsvOptions
) -> list[str]:
    """Returns sentences about what was written."""
    out, skipped = arguments.out, Counter[str]()
    if arguments.format in ("csv", "parquet"):
        counts = (
            write_csv(store, filter, out, csv_options)
            if arguments.format == "csv"
            else write_parquet(store, filter, out)
        )
        written = f"{counts['inspections']} inspections and {counts['defects']} defects"
        return [f"{written} written to {out}"]
    if arguments.format == "coco":
        pictures, defects, skipped = write_coco(
            store, filter, out, category=arguments.category, link=arguments.link
        )
        written = f"{pictures} pictures and {defects} defects ({ANNOTATIONS})"
    else:
        good, defective, skipped = write_mvtec(
            store,
            filter,
            out,
            good=arguments.good,
            test_share=arguments.test_share,
            link=arguments.link,
        )
        pictures, written = good + defective, f"{good} good and {defective} defective pictures"
    left_out = [f"left out: {count} inspections {why}" for why, count in skipped.most_common()]
    if not pictures:
        raise DataError(f"there is no picture to export; {'; '.join(left_out)}")
    return [f"{written} written to {out}", *left_out]


if __name__ == "__main__":
    sys.exit(main())
