"""Studies how detection survives a change of light, optics, position or camera."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from engines.opening import BACKENDS
from evaluation.dataset import check_out, plan_jobs
from inspector.command_line import CommandParser
from inspector.core.errors import ConfigError, DataError, InspectorError
from inspector.core.files import sole_writer
from inspector.fleet.jobs import Outcome, WorkerError
from learning.methods.registry import fitted_methods
from studies.shift.analysis import Analysis
from studies.shift.data_page import COUNTS, describe, write_data_page
from studies.shift.data_page import PAGE as DATA_PAGE
from studies.shift.exploring import explore_class
from studies.shift.method_names import make_configured
from studies.shift.models import StudyOptions
from studies.shift.page import PAGE, write_report
from studies.shift.quiet import quiet
from studies.shift.robustness import RobustnessOptions, study_robustness
from studies.shift.robustness_texts import (
    FIGURES,
    TABLE,
    conclusions,
    table_lines,
    write_robustness,
)
from studies.shift.running import Study
from studies.shift.shifts import GROUPS, SEVERITIES, transforms
from studies.shift.splitting import load_or_make, split_file
from studies.shift.study_run import run_study
from tools._argument_types import names, number_between, out_folder, seed
from tools._cli import guarded, program
from tools._data_options import add_data_options, load_classes
from tools._fleet_options import add_fleet_options, chosen_fleet
from tools._progress import Bars

QUICK_RESAMPLES: Final = 200
RESAMPLES: Final = 1000


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    result: int = arguments.action(arguments)
    return result


def _shift(arguments: argparse.Namespace) -> int:
    classes = load_classes(arguments)
    check_out(arguments.out, classes, [arguments.data])
    options = StudyOptions(
        methods=arguments.methods,
        severities=arguments.severities,
        transforms=arguments.transforms or (tuple(GROUPS) if arguments.quick else transforms()),
        seed=arguments.seed,
        resamples=QUICK_RESAMPLES if arguments.quick else RESAMPLES,
        threads=arguments.threads,
    )
    with sole_writer(arguments.out), Bars("cell") as bars:
        study = Study(classes, arguments.out, options)
        bars.begin("study", sum(1 for _ in study.tasks()))
        result = run_study(
            study, lambda key, total: bars.advance("study", 1, total), chosen_fleet(arguments)
        )
        if not result.cells:
            _refuse_failures(result.failures)
        analysis = Analysis(result.cells, seed=options.seed, resamples=options.resamples)
        sentences = write_report(arguments.out, analysis, study.classes)
    for sentence in sentences:
        print(f"{sentence.text} [{sentence.file}]")
    print(f"written: {arguments.out / PAGE}")
    _refuse_failures(result.failures)
    return 0


def _refuse_failures(failures: Sequence[Outcome]) -> None:
    """Raises DataError if there are any, or InspectorError if all of them are dead workers."""
    if failures:
        dead = all(isinstance(failure.error, WorkerError) for failure in failures)
        names = ", ".join(failure.key for failure in failures)
        raise (InspectorError if dead else DataError)(f"not studied: {names}")


def _data(arguments: argparse.Namespace) -> int:
    classes = load_classes(arguments)
    check_out(arguments.out, classes, [arguments.data])
    with sole_writer(arguments.out), Bars("picture") as bars:
        explored = []
        for data in classes:
            if data.samples:
                split = load_or_make(split_file(arguments.out, data.name), data, arguments.seed)
                data = split.apply(data)
            count = partial(bars.advance, data.name, 1, len(data.samples))
            explored.append(explore_class(data, count))
        write_data_page(arguments.out, explored, arguments.seed)
    for facts in explored:
        print(describe(facts))
    print(f"written: {arguments.out / DATA_PAGE}, and the counts beside it in {COUNTS}")
    return 0


def _robustness(arguments: argparse.Namespace) -> int:
    options = RobustnessOptions(
        false_alarms=arguments.false_alarms,
        misses=arguments.misses,
        pictures=arguments.pictures,
        seed=arguments.seed,
        threads=arguments.threads,
        backend=arguments.backend,
    )
    classes = load_classes(arguments)
    jobs = plan_jobs(arguments.engine, classes)
    if len(jobs) != 1:
        raise ConfigError(f"{arguments.engine} holds {len(jobs)} engines: name an engine file")
    if arguments.out is not None:
        check_out(arguments.out, classes, [arguments.data])
    with quiet(), Bars("shift") as bars:
        result = study_robustness(arguments.engine, jobs[0].data, options, bars.advance)
    for line in (*table_lines(result), "", *conclusions(result)):
        print(line)
    if arguments.out is not None:
        write_robustness(arguments.out, result)
        print(f"written: {arguments.out / FIGURES}, and the table beside it in {TABLE}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog=program("study"),
        description="Study how detection survives a change of light, optics, position or camera.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(required=True, metavar="STUDY")
    _add_data(commands)
    _add_shift(commands)
    _add_robustness(commands)
    return parser


def _add_data(commands: Any) -> None:
    data = commands.add_parser(
        "data",
        help="look at the pictures and masks before a study, and divide them",
        allow_abbrev=False,
    )
    data.set_defaults(action=_data)
    add_data_options(data.add_argument, data_help="a class, or a folder of classes")
    _add_common(data.add_argument, f"folder for {DATA_PAGE}; study shift may use the same one")


def _add_common(add: Any, out_help: str) -> None:
    add("--classes", type=names, default=(), metavar="A,B", help="(default: all)")
    add("--out", type=out_folder, required=True, help=out_help)
    add("--seed", type=seed, default=StudyOptions().seed, help="(default: %(default)s)")


def _add_shift(commands: Any) -> None:
    shift = commands.add_parser(
        "shift",
        help="fit methods on clean and on shifted pictures, and compare them",
        allow_abbrev=False,
    )
    shift.set_defaults(action=_shift)
    add = shift.add_argument
    add_data_options(add, data_help="a class, or a folder of classes")
    _add_common(add, "folder for everything; run again to go on")
    add(
        "--methods",
        type=_methods,
        default=StudyOptions().methods,
        metavar="A,B",
        help=f"of {', '.join(fitted_methods())} (default: {', '.join(StudyOptions().methods)}); "
        "with options: patchcore:coreset=0.01",
    )
    add(
        "--severities",
        type=_known("severity", SEVERITIES),
        default=StudyOptions().severities,
        metavar="A,B",
        help=f"of {', '.join(SEVERITIES)} (default: {', '.join(StudyOptions().severities)})",
    )
    add(
        "--transforms",
        type=_known("transform", transforms()),
        default=(),
        metavar="A,B",
        help=f"of {', '.join(transforms())} (default: all)",
    )
    add_fleet_options(shift, "classes")
    add("--quick", action="store_true", help="groups of shifts only, and fewer resamples")
    add("--threads", type=int, default=0, help="threads of the runtime; 0: it chooses")


def _add_robustness(commands: Any) -> None:
    robustness = commands.add_parser(
        "robustness",
        help="find the shift that breaks an engine first, and at which strength",
        allow_abbrev=False,
    )
    robustness.set_defaults(action=_robustness)
    add, default = robustness.add_argument, RobustnessOptions()
    add("engine", type=Path, help="engine file")
    add_data_options(add, data_help="a class with test pictures")
    add("--class", dest="classes", type=names, default=(), metavar="NAME", help="of --data")
    add("--out", type=out_folder, help=f"folder for {FIGURES} and {TABLE}")
    share = number_between(0, 1)
    add(
        "--false-alarms",
        type=share,
        default=default.false_alarms,
        help="largest share of good pictures that may fail (default: %(default)s)",
    )
    add(
        "--misses",
        type=share,
        default=default.misses,
        help="largest share of defective pictures that may pass (default: %(default)s)",
    )
    add(
        "--pictures",
        type=_at_least_one,
        default=default.pictures,
        metavar="N",
        help="most good and most defective pictures (default: %(default)s)",
    )
    add("--seed", type=seed, default=default.seed, help="(default: %(default)s)")
    add("--backend", choices=list(BACKENDS), default=default.backend, help="(%(default)s)")
    add("--threads", type=int, default=0, help="threads of the runtime; 0: it chooses")


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _methods(text: str) -> tuple[str, ...]:
    chosen = names(text)
    for name in chosen:
        try:
            make_configured(name)
        except ConfigError as exc:
            raise argparse.ArgumentTypeError(str(exc)) from exc
    return chosen


def _known(what: str, known: Sequence[str]) -> Any:
    def parse(text: str) -> tuple[str, ...]:
        chosen = names(text)
        for name in chosen:
            if name not in known:
                raise argparse.ArgumentTypeError(
                    f"{what} {name!r} is unknown; known: {', '.join(known)}"
                )
        return chosen

    return parse


if __name__ == "__main__":
    sys.exit(main())
