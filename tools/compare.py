"""Sets engines side by side on the same pictures: `python -m tools.compare A.onnx B.onnx ...`."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from evaluation.compare import Comparison
from evaluation.compare_dataset import compare_dataset, labels_of
from evaluation.compare_tables import comparison_lines
from evaluation.dataset import check_out
from inspector.core.errors import DataError
from inspector.core.files import sole_writer
from tools._cli import guarded, program
from tools._progress import Bars
from tools.evaluate import add_options, classes_from, settings_from


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    settings = settings_from(arguments)
    labels = labels_of(arguments.engines)
    classes = classes_from(arguments)
    with tempfile.TemporaryDirectory() as scratch, Bars() as bars:
        out = arguments.out or Path(scratch)
        inputs = [arguments.data, *(path for path in arguments.engines if os.path.isdir(path))]
        for label in labels:
            check_out(out / label, classes, inputs)
        with sole_writer(out):
            found = compare_dataset(
                arguments.engines, classes, out, settings, progress=bars.advance
            )
    print("\n".join(comparison_lines(found)))
    if arguments.out is not None:
        print(f"written to {arguments.out}")
    return _exit_code(found)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program("compare"),
        description="Set engines side by side on the same pictures; the first is the reference.",
    )
    add = parser.add_argument
    add("engines", type=Path, nargs="+", help="engine files, or folders of <class>.onnx")
    add("--out", type=Path, help="folder for results; what is done there is kept")
    add_options(parser)
    return parser


def _exit_code(found: Comparison) -> int:
    """1 where a picture could not be judged or a class not be compared. Raises DataError with the
    reason where no class could be."""
    if not found.classes:
        raise DataError(found.failures[0].reason)
    errors = sum(one.result.data.errors for each in found.classes for one in each.entrants)
    if errors:
        print(f"error: judgements of test pictures that failed: {errors}", file=sys.stderr)
    if found.failures:
        print(f"error: classes that could not be compared: {len(found.failures)}", file=sys.stderr)
    return 1 if errors or found.failures else 0


if __name__ == "__main__":
    sys.exit(main())
