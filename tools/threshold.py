"""Shows the thresholds of an engine file, or changes them.

Only the thresholds change. The graph stays the same, and so do the plans that were built from it.
A file that is changed in place gets a backup beside it.
"""

import argparse
import contextlib
import stat
import sys
from pathlib import Path

from engines.power_description import describe_rates
from engines.spec import EngineSpec, describe_odds
from engines.spec_file import read_engine, write_engine
from inspector.command_line import CommandParser
from inspector.core.errors import ConfigError, EngineError
from learning.thresholds.changing import (
    read_left_out,
    refit_thresholds,
    set_by_hand,
    simulated_scores,
    suspects_policy,
    try_rules,
)
from learning.thresholds.choosing import count_failing, independent_parts
from learning.thresholds.power import SimulatedScores
from learning.thresholds.rules import Rule, default_rule, least_promise
from tools._argument_types import out_file
from tools._cli import guarded, program
from tools._new_file import add_overwrite_option, backup, refuse_existing
from tools._rule_options import add_anomalous_options, add_rule_options, chosen_rule


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    rule = chosen_rule(arguments)
    if not arguments.refit and (rule != Rule() or arguments.normal or arguments.anomalous):
        raise ConfigError("the options for rules and pictures need --refit: add it")
    spec, model = read_engine(arguments.engine)
    if arguments.set is None and not arguments.refit:
        _print_thresholds(spec)
        return 0
    target: Path = (arguments.out or arguments.engine).resolve()
    in_place = target == arguments.engine.resolve()
    if not in_place:
        refuse_existing(target, overwrite=arguments.overwrite)
    _refuse_read_only(target)
    if rule == Rule() and arguments.rule is None:
        rule = default_rule(suspects_policy(spec, new=bool(arguments.normal)))
    after = _refit(spec, rule, arguments) if arguments.refit else _set(spec, arguments.set)
    with backup(target) if in_place else contextlib.nullcontext() as before:
        write_engine(target, model, after)
    _print_changes(spec, after)
    print(f"{'written':16} {target}; only thresholds changed, so its TensorRT plans stay valid")
    if before is not None:
        print(f"{'backup':16} {before}: the file as it was before")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog=program("threshold"),
        description="Show the thresholds of an engine and how they were chosen, or change them.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("engine", type=Path, help="engine file")
    change = parser.add_mutually_exclusive_group().add_argument
    change(
        "--set",
        action="extend",
        nargs="+",
        type=_setting,
        metavar="image=X pixel=Y",
        help="set thresholds by hand",
    )
    change(
        "--refit", action="store_true", help="choose thresholds again, from the scores in the file"
    )
    add(
        "--out",
        type=out_file,
        help="engine file to write (default: the same; a backup NAME.onnx.bak is written first)",
    )
    add_overwrite_option(parser)
    add(
        "--normal",
        type=Path,
        action="append",
        default=[],
        help="with --refit: folder of good pictures that the engine was not fitted on; can be "
        "repeated",
    )
    add("--ordered", action="store_true", help="the good pictures are frames of one stream")
    add("--threads", type=int, default=0, help="threads of the runtime; 0: it chooses")
    add_rule_options(parser)
    add_anomalous_options(parser)
    return parser


def _setting(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    if name not in ("image", "pixel"):
        raise argparse.ArgumentTypeError(f"{text!r} must be image=NUMBER or pixel=NUMBER")
    try:
        return name, float(value)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"{value!r} in {text!r} is not a number") from exc


def _set(spec: EngineSpec, settings: list[tuple[str, float]]) -> EngineSpec:
    values = dict(settings)
    if len(values) < len(settings):
        raise ConfigError("--set names the same threshold twice")
    return set_by_hand(spec, image=values.get("image"), pixel=values.get("pixel"))


def _refit(spec: EngineSpec, rule: Rule, arguments: argparse.Namespace) -> EngineSpec:
    if arguments.ordered and not arguments.normal:
        raise ConfigError("--ordered describes the pictures of --normal: add --normal")
    return refit_thresholds(
        arguments.engine,
        spec,
        rule,
        normal=arguments.normal,
        ordered=arguments.ordered,
        anomalous=arguments.anomalous,
        threads=arguments.threads,
    )


def _refuse_read_only(path: Path) -> None:
    # The system lets a read-only file be replaced: that needs write access to its folder only.
    if path.exists() and not path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        raise EngineError(f"engine file {path} is read-only: name another file with --out")


def _print_thresholds(spec: EngineSpec) -> None:
    print(f"{'image threshold':16} {spec.image_threshold:.6g}")
    print(f"{'pixel threshold':16} {spec.pixel_threshold:.6g}")
    _print_rule(spec)
    if spec.left_out is None:
        print(f"{'left-out scores':16} this file holds none, so only --set changes it")
        return
    left_out = read_left_out(spec.left_out)
    parts = independent_parts(left_out)
    least = least_promise(parts.count)
    print(
        f"{'lowest limits':16} {parts.count} {parts.unit} support an average rate of "
        f"{1 / (parts.count + 1):.2%}, or a limit with 95 % confidence of {least:.2%}"
        f"{describe_odds(least)}"
    )
    for line in describe_rates(spec):
        print(line)
    print(
        f"\n{'rule':22}{'image':>11}{'pixel':>11}{'simulated':>11}   false alarms among these "
        f"{parts.unit}"
    )
    alarms = count_failing(left_out, spec.image_threshold)
    simulated = simulated_scores(spec)
    print(_row("now", spec.image_threshold, spec.pixel_threshold, simulated, alarms))
    for rule, limits in try_rules(left_out):
        settings = "".join(f" {key}={value:g}" for key, value in rule.all_parameters().items())
        name = rule.name + settings
        print(_row(name, limits.image, limits.pixel, simulated, limits.rule.alarms))


def _row(
    name: str, image: float, pixel: float, simulated: SimulatedScores | None, alarms: int | None
) -> str:
    share = "-" if simulated is None else f"{simulated.share_found(image):.1%}"
    return f"{name:22}{image:11.6g}{pixel:11.6g}{share:>11}   {alarms}"


def _print_changes(before: EngineSpec, after: EngineSpec) -> None:
    for name in ("image", "pixel"):
        old, new = (getattr(spec, f"{name}_threshold") for spec in (before, after))
        print(f"{name + ' threshold':16} {old:.6g} -> {new:.6g}")
    ends = [" to ".join(f"{end:.4g}" for end in spec.display_range) for spec in (before, after)]
    print(f"{'display range':16} {ends[0]} -> {ends[1]}")
    _print_rule(after)


def _print_rule(spec: EngineSpec) -> None:
    print(f"{'chosen by':16} " + ("\n" + 17 * " ").join(spec.threshold_rule.sentences()))


if __name__ == "__main__":
    sys.exit(main())
