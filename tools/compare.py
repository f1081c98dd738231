"""Compares engines with the first one, on the same test pictures."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from evaluation.comparison import Comparison
from evaluation.dataset import check_out, compare_dataset, label_engines
from evaluation.terminal_tables import comparison_lines
from inspector.command_line import CommandParser
from inspector.core.errors import DataError
from inspector.core.files import sole_writer
from tools._cli import guarded, program
from tools._progress import Bars
from tools.evaluate import add_options, read_settings, select_classes


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    settings = read_settings(arguments)
    labels = label_engines(arguments.engines)
    classes = select_classes(arguments)
    with tempfile.TemporaryDirectory() as scratch, Bars() as bars:
        out = arguments.out or Path(scratch)
        inputs = [arguments.data, *(path for path in arguments.engines if os.path.isdir(path))]
        for label in labels:
            check_out(out / label, classes, inputs)
        with sole_writer(out):
            comparison = compare_dataset(
                arguments.engines, classes, out, settings, progress=bars.advance
            )
    print("\n".join(comparison_lines(comparison)))
    if arguments.out is not None:
        print(f"written to {arguments.out}")
    return _exit_code(comparison)


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog=program("compare"),
        description=__doc__,
    )
    add = parser.add_argument
    add("engines", type=Path, nargs="+", help="engine files, or folders of <class>.onnx")
    add("--out", type=Path, help="folder for results; unchanged earlier results are reused")
    add_options(parser)
    return parser


def _exit_code(comparison: Comparison) -> int:
    """1 if a picture has no score or a class was not compared. Raises DataError if no class was
    compared."""
    if not comparison.classes:
        raise DataError(comparison.failures[0].reason)
    results = [engine.result for each in comparison.classes for engine in each.engines]
    errors = sum(result.data.errors for result in results)
    if errors:
        print(f"error: test pictures without a score, over all engines: {errors}", file=sys.stderr)
    if comparison.failures:
        failed = ", ".join(failure.name for failure in comparison.failures)
        print(f"error: classes that were not compared: {failed}", file=sys.stderr)
    return 1 if errors or comparison.failures else 0


if __name__ == "__main__":
    sys.exit(main())
