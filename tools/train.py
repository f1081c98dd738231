"""Trains an engine: `python -m tools.train --method glass --data CLASS_DIR --out DIR`."""

import argparse
import contextlib
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engines.roi import load_roi
from engines.spec_file import file_hash
from inspector.core.arrays import Mask
from inspector.core.errors import ConfigError, EngineError
from inspector.core.files import sole_writer
from inspector.core.names import names_hash
from learning.backbones.zoo import describe, resolve
from learning.methods.glass.training.masks import read_foregrounds
from learning.methods.glass.training.options import GlassOptions
from learning.methods.glass.training.sheet import SHEET, write_sheet
from learning.methods.glass.training.textures import BuiltInTextures, FolderTextures, Textures
from learning.normals import Normals
from learning.training_folder import claim, refuse_other
from tools._cli import INTERRUPTED, guarded
from tools._fit_report import report, warn_of_turned_input
from tools._progress import Bars
from tools._rule_options import chosen_rule
from tools._train_data import TrainingData, test_set, training_data
from tools._train_options import glass_options, parser
from tools._train_watch import TrainingWatch


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    options = glass_options(arguments)
    training = _with_torch()
    data = training_data(arguments)
    normals, rule = data.normals, data.normals.rule
    warn_of_turned_input(rule.input_hw, normals.frame_hw)
    if arguments.paper_protocol and not data.tests:
        raise ConfigError(f"--paper-protocol needs test pictures, and {arguments.data} has none")
    foregrounds = _foregrounds(arguments, normals)
    course = training.Course(
        name=arguments.name or arguments.out.resolve().name,
        backbone=resolve(arguments.backbone),
        textures=_textures(arguments),
        layers=arguments.layers,
        options=options,
        tests=test_set(data.tests, rule) if arguments.paper_protocol else None,
        sigma=arguments.sigma,
        rule=chosen_rule(arguments),
        roi=None if arguments.roi is None else load_roi(arguments.roi, normals.frame_hw),
        drop_suspects=arguments.drop_suspects,
    )
    request = _request(arguments, options, data, course)
    refuse_other(arguments.out, request)

    with contextlib.ExitStack() as held:

        def begin(shown: TrainingWatch) -> None:
            held.enter_context(sole_writer(arguments.out))
            shown.begin()
            claim(arguments.out, request)
            pixels, allowed = training.seen(normals, foregrounds, course.roi)
            write_sheet(arguments.out, pixels, allowed, course.synthesis, options.seed)

        return _run(training, arguments, course, data, foregrounds, begin)


def _run(
    training: Any,
    arguments: argparse.Namespace,
    course: Any,
    data: TrainingData,
    foregrounds: Mask | None,
    begin: Callable[[TrainingWatch], None],
) -> int:
    chosen_on = "test_set" if arguments.paper_protocol else "validation"
    with (
        TrainingWatch(arguments.out, course.options.epochs, chosen_on) as shown,
        Bars() as bars,
    ):
        watch = training.Watch(shown.scalars, shown.pictures, shown.progress)
        try:
            fitted, trained = training.train_glass(
                *(data.normals, data.held, foregrounds, course, arguments.out),
                begin=lambda: begin(shown),
                watch=watch,
                progress=bars.advance,
            )
        except KeyboardInterrupt:
            print(_stopped(arguments.out / training.CHECKPOINTS), file=sys.stderr)
            return INTERRUPTED
    report(arguments.out / training.ENGINE, fitted)
    quality = trained.quality
    pixels = "" if quality.pixel_auroc is None else f", pixel AUROC {quality.pixel_auroc:.4f}"
    print(
        f"{'checkpoint':16} epoch {trained.best_epoch} of {trained.epochs}, chosen on "
        f"{trained.origin}: image AUROC {quality.image_auroc:.4f}{pixels} there"
    )
    print(f"{'synthetic':16} defects as in {arguments.out / SHEET}")
    return 0


def _stopped(checkpoints: Path) -> str:
    if not any(checkpoints.glob("*.pth")):
        return "interrupted before the first epoch was over: nothing is kept"
    return (
        f"interrupted: {checkpoints} holds the training as it was after its last whole epoch; the "
        "same command goes on from there"
    )


def _with_torch() -> Any:
    """learning.methods.glass.train. Raises EngineError where torch is missing."""
    try:
        return importlib.import_module("learning.methods.glass.train")
    except ModuleNotFoundError as exc:
        if exc.name != "torch":
            raise
        raise EngineError("training needs torch: pip install '.[train]'") from exc


def _textures(arguments: argparse.Namespace) -> Textures:
    if arguments.textures is None:
        return BuiltInTextures()
    return FolderTextures(arguments.textures)


def _foregrounds(arguments: argparse.Namespace, normals: Normals) -> Mask | None:
    if arguments.foreground is None:
        return None
    return read_foregrounds(arguments.foreground, normals.names, normals.rule)


def _request(
    arguments: argparse.Namespace, options: GlassOptions, data: TrainingData, course: Any
) -> dict[str, Any]:
    """What the networks depend on, as plain values."""
    normals = data.normals
    held = [name for name, one in zip(normals.names, data.held, strict=True) if one]
    foreground = arguments.foreground
    info = describe(course.backbone)
    layers = course.wanted.method.outputs(info)
    return {
        **options.resumable(info, layers),
        "data": normals.name,
        "pictures": _digest(*normals.names),
        "held out": _digest(*held),
        "size": list(normals.rule.input_hw),
        "backbone": info.sha256,
        "layers": layers,
        "textures": course.textures.name,
        "foreground": None if foreground is None else str(foreground),
        "roi": None if arguments.roi is None else file_hash(arguments.roi),
        "paper protocol": arguments.paper_protocol,
    }


def _digest(*names: str) -> str:
    return f"{len(names)}, sha256 {names_hash(names)[:16]}"


if __name__ == "__main__":
    sys.exit(main())
