"""Shows and changes the thresholds of an engine file: `python -m tools.threshold ENGINE.onnx`.

Only what the file says of itself changes; its graph, and what was built from it, stays as it is.
"""

import argparse
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from engines.opening import open_engine
from engines.pictures import decode_picture
from engines.resize import to_input
from engines.spec import EngineSpec, LeftOutRecord
from engines.spec_file import read_engine, write_engine
from inspector.core.arrays import Image
from inspector.core.errors import ConfigError, DataError, EngineError
from inspector.core.picture_files import pictures_in
from learning.datasets.pictures import list_pictures
from learning.thresholds.changing import (
    picture_hash,
    read_left_out,
    refit_note,
    score_with_engine,
    set_by_hand,
    with_thresholds,
)
from learning.thresholds.choosing import choose_thresholds, count_failing, independent_parts
from learning.thresholds.folds import LeftOut
from learning.thresholds.rules import RULES, Rule, least_promise
from tools._argument_types import out_file
from tools._cli import guarded, program
from tools._rule_options import add_rule_options, chosen_rule


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    rule = chosen_rule(arguments)
    if not arguments.refit and (rule != Rule() or arguments.normal or arguments.anomalous):
        raise ConfigError("rules and pictures choose thresholds anew: add --refit")
    spec, model = read_engine(arguments.engine)
    if arguments.set is None and not arguments.refit:
        _show(spec)
        return 0
    target: Path = (arguments.out or arguments.engine).resolve()
    _refuse_read_only(target)
    after = _refit(spec, rule, arguments) if arguments.refit else _by_hand(spec, arguments.set)
    write_engine(target, model, after)
    _compare(spec, after)
    print(f"{'written':16} {target}; its graph is the same, so plans built from it stay valid")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program("threshold"),
        description="Show the thresholds of an engine and how they were chosen, or change them.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("engine", type=Path, help="engine file")
    change = parser.add_mutually_exclusive_group().add_argument
    change("--set", nargs="+", type=_setting, metavar="image=X pixel=Y", help="by hand")
    change("--refit", action="store_true", help="anew, from the scores that the file keeps")
    add("--out", type=out_file, help="engine file to write (default: the same)")
    add("--normal", type=Path, help="with --refit: folder of good pictures that it does not hold")
    add("--ordered", action="store_true", help="the good pictures are frames of one stream")
    add("--anomalous", type=Path, nargs="+", help="with --rule f1_max: folders of bad pictures")
    add("--threads", type=int, default=0, help="0: the runtime chooses")
    add_rule_options(parser)
    return parser


def _setting(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    if name not in ("image", "pixel"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither image=NUMBER nor pixel=NUMBER")
    try:
        return name, float(value)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"{value!r} in {text!r} is not a number") from exc


def _by_hand(spec: EngineSpec, settings: list[tuple[str, float]]) -> EngineSpec:
    given = dict(settings)
    if len(given) < len(settings):
        raise ConfigError("--set names the same threshold twice")
    return set_by_hand(spec, image=given.get("image"), pixel=given.get("pixel"))


def _refit(spec: EngineSpec, rule: Rule, arguments: argparse.Namespace) -> EngineSpec:
    record = _record(spec, arguments.engine)
    normal, anomalous = read_left_out(record), None
    if arguments.normal:
        normal = _run(spec, record, list_pictures(arguments.normal), arguments)
    elif arguments.ordered:
        raise ConfigError("--ordered says how --normal was taken; the file knows it of its own")
    if arguments.anomalous:
        files = [path for folder in arguments.anomalous for path in _bad_pictures(folder)]
        anomalous = _run(spec, record, files, arguments)
    return with_thresholds(
        spec, choose_thresholds(normal, rule, anomalous=anomalous, note=refit_note(spec))
    )


def _record(spec: EngineSpec, path: Path) -> LeftOutRecord:
    if spec.left_out is None:
        raise ConfigError(
            f"{path} was fitted before engines kept the scores of their normal pictures: fit it "
            "anew, or set its thresholds by hand"
        )
    return spec.left_out


def _bad_pictures(folder: Path) -> list[Path]:
    if not (found := pictures_in(folder)):
        raise DataError(f"folder of anomalous pictures {folder} does not exist or holds none")
    return found


def _run(
    spec: EngineSpec, record: LeftOutRecord, files: Iterable[Path], arguments: argparse.Namespace
) -> LeftOut:
    engine = open_engine(arguments.engine, threads=arguments.threads)
    try:
        return score_with_engine(engine, _unknown(spec, record, files), ordered=arguments.ordered)
    finally:
        engine.close()


def _unknown(spec: EngineSpec, record: LeftOutRecord, files: Iterable[Path]) -> Iterator[Image]:
    """Input pixels of pictures that the engine does not hold. Raises DataError naming one that it
    holds, or that cannot be read."""
    bank = frozenset(record.bank)
    for path in files:
        pixels, _ = to_input(decode_picture(path), spec.resize)
        if picture_hash(pixels) in bank:
            raise DataError(
                f"{path} is one of the pictures that the engine was fitted on, so its score says "
                "nothing about new ones"
            )
        yield pixels


def _refuse_read_only(path: Path) -> None:
    # Replacing a file needs no right to write it, only to its folder.
    if path.exists() and not path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        raise EngineError(f"engine file {path} is read-only; --out writes another one")


def _show(spec: EngineSpec) -> None:
    print(f"{'image threshold':16} {spec.image_threshold:.6g}")
    print(f"{'pixel threshold':16} {spec.pixel_threshold:.6g}")
    _print_rule(spec)
    if spec.left_out is None:
        print(f"{'left-out scores':16} none are kept in this file, so only --set changes it")
        return
    left_out = read_left_out(spec.left_out)
    parts = independent_parts(left_out)
    least = least_promise(parts.count)
    print(
        f"{'smallest promise':16} {parts.count} {parts.unit} support at most 1 false alarm per "
        f"{int(1 / least)} with 95 % confidence ({least:.2%}), or {1 / (parts.count + 1):.2%} "
        "on average"
    )
    print(f"\n{'rule':22}{'image':>11}{'pixel':>11}   false alarms among these {parts.unit}")
    print(
        _row(
            "now",
            spec.image_threshold,
            spec.pixel_threshold,
            count_failing(left_out, spec.image_threshold),
        )
    )
    for name in RULES:
        if not (rule := Rule(name)).needs_anomalous:
            limits = choose_thresholds(left_out, rule)
            settings = "".join(f" {key}={value:g}" for key, value in rule.all_parameters().items())
            print(_row(name + settings, limits.image, limits.pixel, limits.rule.alarms))


def _row(name: str, image: float, pixel: float, alarms: int | None) -> str:
    return f"{name:22}{image:11.6g}{pixel:11.6g}   {alarms}"


def _compare(before: EngineSpec, after: EngineSpec) -> None:
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
