"""The study of the robustness of an engine."""

import argparse
from pathlib import Path
from typing import Any

from engines.opening import BACKENDS
from evaluation.dataset import check_out, plan_jobs
from inspector.core.errors import ConfigError
from studies.shift.health_limits import write_narrowed
from studies.shift.quiet import quiet
from studies.shift.robustness import study_robustness
from studies.shift.robustness_texts import (
    FIGURES,
    TABLE,
    conclusions,
    describe_narrowed,
    table_lines,
    write_robustness,
)
from studies.shift.shifted_pictures import RobustnessOptions
from tools._argument_types import names, number_between, out_file, out_folder, seed
from tools._data_options import add_data_options, load_classes
from tools._new_file import add_overwrite_option, refuse_existing
from tools._progress import Bars


def add_robustness(commands: Any) -> None:
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
    add(
        "--engine-out",
        type=out_file,
        metavar="FILE",
        help="also write the engine with narrower limits of its good pictures, so that a run "
        "refuses shifts that break it unnoticed",
    )
    add_overwrite_option(robustness)
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
    target = arguments.engine_out
    if target is not None:
        refuse_existing(target, overwrite=arguments.overwrite, option="--engine-out")
    narrowed = None
    with quiet(), Bars("shift") as bars:
        result = study_robustness(arguments.engine, jobs[0].data, options, bars.advance)
        if target is not None:
            narrowed = write_narrowed(arguments.engine, jobs[0].data, result, target)
    for line in (*table_lines(result), "", *conclusions(result)):
        print(line)
    if narrowed is not None:
        print("", *describe_narrowed(narrowed), f"written: {target}", sep="\n")
    if arguments.out is not None:
        write_robustness(arguments.out, result, narrowed)
        print(f"written: {arguments.out / FIGURES}, and the table beside it in {TABLE}")
    return 0


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)
