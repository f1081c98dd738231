"""Studies how detection survives a change of light, optics, position or camera."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from evaluation.dataset import check_out
from inspector.command_line import CommandParser
from inspector.core.errors import ConfigError, DataError, InspectorError
from inspector.core.files import sole_writer
from inspector.fleet.jobs import Outcome, WorkerError
from inspector.report.pdf import load_weasyprint
from learning.methods.registry import fitted_methods
from studies.shift.ablations import ablation_methods
from studies.shift.analysis import Analysis
from studies.shift.data_page import COUNTS, describe, write_data_page
from studies.shift.data_page import PAGE as DATA_PAGE
from studies.shift.embedding_page import PAGE as EMBEDDINGS
from studies.shift.embeddings import load_tsne
from studies.shift.exploring import explore_class
from studies.shift.method_names import make_configured
from studies.shift.models import StudyOptions
from studies.shift.quiet import quiet
from studies.shift.report import PAGE, PDF, report_study
from studies.shift.running import Study
from studies.shift.shifts import GROUPS, SEVERITIES, transforms
from studies.shift.splitting import load_or_make, split_file
from studies.shift.study_run import run_study
from tools._argument_types import names, out_folder, seed
from tools._cli import guarded, program
from tools._data_options import add_data_options, load_classes
from tools._fleet_options import add_fleet_options, chosen_fleet
from tools._progress import Bars
from tools._robustness_command import add_robustness

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
    if arguments.pdf:
        load_weasyprint()
    if arguments.embeddings:
        load_tsne()
    more = ablation_methods() if arguments.ablations else ()
    options = StudyOptions(
        methods=tuple(dict.fromkeys((*arguments.methods, *more))),
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
        with quiet():
            sentences = report_study(
                arguments.out,
                analysis,
                study.classes,
                options,
                pdf=arguments.pdf,
                embeddings=arguments.embeddings,
            )
    for sentence in sentences:
        print(f"{sentence.text} [{sentence.file}]")
    print(f"written: {arguments.out / PAGE}{f', and {PDF} beside it' if arguments.pdf else ''}")
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


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog=program("study"),
        description="Study how detection survives a change of light, optics, position or camera.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(required=True, metavar="STUDY")
    _add_data(commands)
    _add_shift(commands)
    add_robustness(commands)
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
        "--ablations",
        action="store_true",
        help="also study PatchCore with other coresets, layers, scores and lengths of features",
    )
    add("--pdf", action="store_true", help=f"also write {PDF} (extra: pdf)")
    add(
        "--embeddings",
        action="store_true",
        help=f"also write {EMBEDDINGS}: patches by t-SNE, and feature maps (extra: study)",
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
