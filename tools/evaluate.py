"""Says how good engines are: `python -m tools.evaluate --engine E.onnx --data DIR --out DIR`."""

import argparse
import os
import sys
from pathlib import Path

from tqdm import tqdm

from engines.backends.choosing import AUTO
from engines.opening import BACKENDS, DEVICES
from evaluation.dataset import Job, check_out, evaluate_dataset, jobs_for
from evaluation.evaluating import as_tests
from evaluation.given import MASK_RULES, Settings
from evaluation.report.write import write_class_report, write_dataset_report
from evaluation.results import ClassResult, DatasetResult
from evaluation.tables import class_lines, dataset_lines
from inspector.core.errors import ConfigError, DataError
from inspector.core.files import sole_writer
from learning.datasets.layouts import LAYOUTS, load
from learning.datasets.masks import MASK_RULES as VALUE_RULES
from learning.datasets.splits import read_split
from learning.datasets.types import ClassData
from tools._cli import guarded, program
from tools._progress import Bars


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    settings = settings_from(arguments)
    classes = classes_from(arguments)
    inputs = [arguments.data, *([arguments.engine] if os.path.isdir(arguments.engine) else [])]
    out = arguments.out
    check_out(out, classes, inputs)
    jobs = jobs_for(arguments.engine, classes)
    with sole_writer(out), Bars() as bars:

        def told(job: Job, result: ClassResult, was_kept: bool) -> None:
            tell(bars, result, was_kept)
            if not arguments.no_report:
                # The report of a single class is the report.
                place = out / result.name if len(jobs) > 1 else out
                write_class_report(place, result, job.engine, job.data, several=len(jobs) > 1)

        result = evaluate_dataset(jobs, out, settings, progress=bars.advance, told=told)
        if len(jobs) > 1 and not arguments.no_report and result.classes:
            write_dataset_report(out, result)
    _print(result, out)
    return exit_code(result)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program("evaluate"),
        description="Run engines over test pictures and say how good they are.",
    )
    add = parser.add_argument
    add("--engine", type=Path, required=True, help="engine file, or folder of <class>.onnx")
    add("--out", type=Path, required=True, help="folder for results; what is done there is kept")
    add("--no-report", action="store_true", help="write no report.html")
    add_options(parser)
    return parser


def add_options(parser: argparse.ArgumentParser) -> None:
    """What tools.compare takes as well."""
    add = parser.add_argument
    add("--data", type=Path, required=True, help="data set, folder of classes or of one class")
    add("--dataset", choices=list(LAYOUTS), help="its layout (default: detected)")
    add("--class", dest="names", nargs="+", metavar="NAME", help="of these classes only")
    add("--split", type=Path, help="split file of the class, or folder of <class>.json")
    add(
        "--mask-rule",
        choices=MASK_RULES,
        default="nearest",
        help="a map pixel is defective where "
        "the mask is at its centre, covers half of it, or covers any of it (%(default)s)",
    )
    add(
        "--mask-values",
        choices=list(VALUE_RULES),
        default="any",
        help="a mask is where its values are above 0, or above half of the range (%(default)s)",
    )
    add("--batch", type=_count, default=1, help="pictures per call (%(default)s)")
    add("--backend", choices=[AUTO, *BACKENDS], default="onnx", help="(%(default)s)")
    add("--device", choices=[AUTO, *DEVICES], default="cpu", help="(%(default)s)")
    add("--threads", type=_number, default=0, help="0: the runtime chooses")
    add("--resamples", type=_number, default=1000, help="of intervals, 0: none (%(default)s)")
    add("--seed", type=_number, default=0)


def settings_from(arguments: argparse.Namespace) -> Settings:
    return Settings(
        mask_rule=arguments.mask_rule,
        mask_values=arguments.mask_values,
        batch=arguments.batch,
        backend=arguments.backend,
        device=arguments.device,
        threads=arguments.threads,
        resamples=arguments.resamples,
        seed=arguments.seed,
    )


def classes_from(arguments: argparse.Namespace) -> tuple[ClassData, ...]:
    """The classes that are asked for, by their splits. Raises DataError and ConfigError."""
    classes = load(arguments.data, arguments.dataset)
    if arguments.names is not None:
        known = {one.name: one for one in classes}
        missing = [name for name in arguments.names if name not in known]
        if missing:
            raise ConfigError(f"--class {missing[0]} is unknown; known: {', '.join(known)}")
        classes = tuple(known[name] for name in dict.fromkeys(arguments.names))
    return tuple(as_tests(_split(one, arguments.split, len(classes))) for one in classes)


def _split(data: ClassData, split: Path | None, classes: int) -> ClassData:
    if split is None or not data.samples:
        return data
    if os.path.isdir(split):
        split = split / f"{data.name}.json"
    elif classes > 1:
        raise ConfigError(
            f"--split {split} is one file for {classes} classes: give a folder of <class>.json"
        )
    return read_split(split).apply(data)


def exit_code(result: DatasetResult) -> int:
    """1 where a picture or a class could not be judged, after everything else was written.

    Raises DataError with the reason where no class could be.
    """
    if not result.classes:
        raise DataError(result.failures[0].reason)
    errors = sum(one.data.errors for one in result.classes)
    said = []
    if errors:
        said.append(f"test pictures that could not be judged and are in no figure: {errors}")
    if result.failures:
        said.append(f"classes that could not be evaluated: {len(result.failures)}")
    if said:
        print(f"error: {'; '.join(said)}", file=sys.stderr)
    return 1 if said else 0


def tell(bars: Bars, result: ClassResult, was_kept: bool) -> None:
    bars.close(result.name)
    if was_kept:
        tqdm.write(f"{result.name}: kept from {result.made_utc}, nothing has changed")


def _print(result: DatasetResult, out: Path) -> None:
    if len(result.classes) == 1:
        print("\n".join(class_lines(result.classes[0])))
    if len(result.classes) + len(result.failures) > 1:
        print("\n".join(dataset_lines(result)))
    print(f"written to {out}")


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
