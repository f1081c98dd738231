"""Runs engines over test pictures and measures how good they are."""

import argparse
import functools
import os
import sys
from pathlib import Path

from tqdm import tqdm

from engines.backends.choosing import AUTO
from engines.opening import BACKENDS, DEVICES
from evaluation.class_evaluation import use_all_as_tests
from evaluation.dataset import Job, check_out, evaluate_dataset, plan_jobs, write_no_report
from evaluation.provenance import Settings
from evaluation.report.page import write_class_report, write_dataset_report
from evaluation.results import ClassResult, DatasetResult
from evaluation.terminal_tables import class_lines, dataset_lines
from evaluation.truth_masks import MASK_RULES
from inspector.command_line import CommandParser
from inspector.core.errors import ConfigError, DataError
from inspector.core.files import sole_writer
from learning.datasets.layouts import LAYOUTS, load
from learning.datasets.masks import AUTO as AUTO_MASKS
from learning.datasets.masks import MASK_RULES as VALUE_RULES
from learning.datasets.splits import read_split
from learning.datasets.types import ClassData
from tools._cli import guarded, program
from tools._fleet_options import add_fleet_options, chosen_fleet
from tools._progress import Bars
from tools._reading_options import add_reading_options


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    settings = read_settings(arguments)
    classes = select_classes(arguments)
    inputs = [arguments.data, *([arguments.engine] if os.path.isdir(arguments.engine) else [])]
    out = arguments.out
    check_out(out, classes, inputs)
    jobs = plan_jobs(arguments.engine, classes)
    several = len(jobs) > 1
    fleet = chosen_fleet(arguments)
    with sole_writer(out), Bars("picture" if fleet.is_loop else "class") as bars:

        def finish_class(job: Job, result: ClassResult, reused: bool) -> None:
            bars.close(result.name)
            if reused:
                tqdm.write(f"{result.name}: unchanged, result of {result.made_utc} reused")

        result = evaluate_dataset(
            jobs,
            out,
            settings,
            progress=bars.advance,
            on_result=finish_class,
            write_report=write_no_report
            if arguments.no_report
            else functools.partial(_write_report, out, several),
            fleet=fleet,
        )
        if several and not arguments.no_report and result.classes:
            write_dataset_report(out, result)
    _print_tables(result, out)
    return _exit_code(result)


def _write_report(out: Path, several: bool, job: Job, result: ClassResult) -> None:
    folder = out / result.name if several else out
    write_class_report(folder, result, job.engine, job.data, with_index=several)


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog=program("evaluate"),
        description=__doc__,
    )
    add = parser.add_argument
    add("--engine", type=Path, required=True, help="engine file, or folder of <class>.onnx")
    add(
        "--out",
        type=Path,
        required=True,
        help="folder for results; unchanged earlier results are reused",
    )
    add("--no-report", action="store_true", help="write no report.html")
    add_options(parser)
    add_fleet_options(parser, "classes")
    return parser


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that the commands evaluate and compare share."""
    add = parser.add_argument
    add("--data", type=Path, required=True, help="data set: folder of classes or of one class")
    add("--dataset", choices=list(LAYOUTS), help="layout of the data set (default: detected)")
    add(
        "--class",
        dest="names",
        action="extend",
        nargs="+",
        metavar="NAME",
        help="only these classes",
    )
    add("--split", type=Path, help="split file of the class, or folder of <class>.json")
    add(
        "--mask-rule",
        choices=list(MASK_RULES),
        default="nearest",
        help="a map pixel is defective if the mask is defective at its centre (nearest), covers "
        "half of it (half) or any part of it (any) (default: %(default)s)",
    )
    add(
        "--mask-values",
        choices=list(VALUE_RULES),
        default=AUTO_MASKS,
        help="a mask pixel is defective if it differs from the background that the masks show "
        "(auto, refuses doubtful masks), if its value is above 0 (any), above half of the range "
        "(half), or dark (inverted) (default: %(default)s)",
    )
    add("--batch", type=_count, default=1, help="pictures per call (default: %(default)s)")
    add("--backend", choices=[AUTO, *BACKENDS], default="onnx", help="(default: %(default)s)")
    add("--device", choices=[AUTO, *DEVICES], default="cpu", help="(default: %(default)s)")
    add(
        "--threads",
        type=_number,
        default=0,
        help="threads of the runtime; 0: it chooses (default: %(default)s)",
    )
    add(
        "--resamples",
        type=_number,
        default=1000,
        help="bootstrap resamples for intervals, 0: no intervals (default: %(default)s)",
    )
    add("--seed", type=_number, default=0, help="seed of the resamples (default: %(default)s)")
    add(
        "--allow-aspect",
        action="store_true",
        help="score pictures of another aspect ratio than the pictures of fitting",
    )
    add_reading_options(parser)


def read_settings(arguments: argparse.Namespace) -> Settings:
    return Settings(
        mask_rule=arguments.mask_rule,
        mask_values=arguments.mask_values,
        batch=arguments.batch,
        backend=arguments.backend,
        device=arguments.device,
        threads=arguments.threads,
        resamples=arguments.resamples,
        seed=arguments.seed,
        bit_depth=arguments.bit_depth,
        max_pixels=arguments.max_pixels,
        allow_aspect=arguments.allow_aspect,
    )


def select_classes(arguments: argparse.Namespace) -> tuple[ClassData, ...]:
    """The classes of --data and --class, divided by --split. Raises DataError and ConfigError."""
    classes = load(arguments.data, arguments.dataset)
    if arguments.dataset is None:
        _refuse_unsorted(arguments.data, classes)
    if arguments.names is not None:
        by_name = {data.name: data for data in classes}
        unknown = [name for name in arguments.names if name not in by_name]
        if unknown:
            raise ConfigError(f"--class {unknown[0]} is unknown; known: {', '.join(by_name)}")
        classes = tuple(by_name[name] for name in dict.fromkeys(arguments.names))
    divided = (_apply_split(data, arguments.split, len(classes)) for data in classes)
    return tuple(map(use_all_as_tests, divided))


def _refuse_unsorted(folder: Path, classes: tuple[ClassData, ...]) -> None:
    """Raises DataError for a folder that holds pictures only."""
    samples = [sample for data in classes for sample in data.samples]
    if classes[0].has_splits or any(s.defective or "/" in s.name for s in samples):
        return
    raise DataError(
        f"{folder} holds {len(samples)} pictures and no folders, so it does not say which of them "
        "are good: sort them into the folders good and <kind of defect>. If all are good, give "
        "--dataset folder. To inspect pictures without known truth, use the command run"
    )


def _apply_split(data: ClassData, split: Path | None, classes: int) -> ClassData:
    if split is None or not data.samples:
        return data
    if os.path.isdir(split):
        split = split / f"{data.name}.json"
    elif classes > 1:
        raise ConfigError(
            f"--split {split} is one file for {classes} classes: give a folder of <class>.json"
        )
    return read_split(split).apply(data)


def _print_tables(result: DatasetResult, out: Path) -> None:
    if len(result.classes) == 1:
        print("\n".join(class_lines(result.classes[0])))
    if len(result.classes) + len(result.failures) > 1:
        print("\n".join(dataset_lines(result)))
    print(f"written to {out}")


def _exit_code(result: DatasetResult) -> int:
    """1 if a picture has no score or a class has no result. Raises DataError if no class has a
    result."""
    if not result.classes:
        raise DataError(result.failures[0].reason)
    errors = sum(each.data.errors for each in result.classes)
    if errors:
        print(f"error: test pictures without a score: {errors}", file=sys.stderr)
    if result.failures:
        failed = ", ".join(failure.name for failure in result.failures)
        print(f"error: classes that were not evaluated: {failed}", file=sys.stderr)
    return 1 if errors or result.failures else 0


def _number(text: str) -> int:
    if not text.isdigit() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 999999999")
    return int(text)


def _count(text: str) -> int:
    if _number(text) == 0:
        raise argparse.ArgumentTypeError("must be at least 1")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
