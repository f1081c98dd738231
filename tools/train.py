"""Trains an engine from pictures of good product."""

import argparse
import sys
from pathlib import Path

from inspector.core.errors import ConfigError
from learning import train
from learning.scenes import warn_of_scenes
from learning.training import CHECKPOINTS, Trainer, Watch
from learning.training_data import TrainingData, data_of_class, data_of_normals
from tools._cli import INTERRUPTED, guarded
from tools._fit_report import report, warn_of_turned_input
from tools._normals import normals_of
from tools._progress import Bars
from tools._reading_options import chosen_reading
from tools._rule_options import chosen_rule
from tools._train_options import chosen_trainer, make_parser
from tools._train_watch import TrainingWatch


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = make_parser(argv).parse_args(argv)
    trainer = chosen_trainer(arguments)
    trainer.require()
    data = _read_data(arguments, trainer)
    warn_of_turned_input(data.normals.rule.input_hw, data.normals.frame_hw)
    warn_of_scenes(data.normals)
    with TrainingWatch(arguments.out, trainer.epochs, data.checkpoints_by) as watch, Bars() as bars:
        try:
            result = train(
                data,
                trainer,
                arguments.out,
                name=arguments.name,
                backbone=arguments.backbone,
                sigma=arguments.sigma,
                rule=chosen_rule(arguments),
                roi=arguments.roi,
                foreground=arguments.foreground,
                suspects=arguments.suspects,
                watch=Watch(watch.begin, watch.scalars, watch.pictures, watch.progress),
                progress=bars.advance,
            )
        except KeyboardInterrupt:
            print(_stop_message(arguments.out / CHECKPOINTS), file=sys.stderr)
            return INTERRUPTED
    report(result)
    for heading, text in result.summary.items():
        print(f"{heading:16} {text}")
    return 0


def _read_data(arguments: argparse.Namespace, trainer: Trainer) -> TrainingData:
    folder, hold_out, seed = Path(arguments.data), arguments.hold_out, trainer.seed
    if folder.is_dir():
        return data_of_class(
            folder,
            arguments.dataset,
            input_hw=arguments.size,
            max_pictures=arguments.max_pictures,
            keep_similar=arguments.keep_similar,
            hold_out=hold_out,
            seed=seed,
            paper_protocol=arguments.paper_protocol,
            reading=chosen_reading(arguments),
        )
    if arguments.paper_protocol:
        raise ConfigError(f"--paper-protocol needs test pictures, and {arguments.data} has none")
    with Bars() as bars:
        normals = normals_of([arguments.data], arguments, bars.advance)
    return data_of_normals(normals, hold_out=hold_out, seed=seed)


def _stop_message(checkpoints: Path) -> str:
    if not any(checkpoints.glob("*.pth")):
        return "interrupted before the first epoch ended: nothing is kept"
    return (
        f"interrupted: {checkpoints} holds the training as it was after its last whole epoch; run "
        "the same command again to resume"
    )


if __name__ == "__main__":
    sys.exit(main())
