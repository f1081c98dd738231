"""Options of tools.train. Those of the method come from the fields of its Trainer."""

import argparse
from typing import Final

from learning.datasets.layouts import LAYOUTS
from learning.methods.registry import trained_methods, trainer_class
from learning.options import option_fields
from learning.training import Trainer
from tools._argument_types import KEEP_SIMILAR, input_size_or_side, out_folder, sigma
from tools._method_options import (
    add_method_options,
    make_method_parser,
    method_options,
    named_method,
)
from tools._reading_options import add_reading_options
from tools._region_options import add_region_options
from tools._rule_options import add_rule_options, add_suspects_option

MAX_PICTURES: Final = 1000


def make_parser(argv: list[str] | None) -> argparse.ArgumentParser:
    """Parser with the options of the method that argv names."""
    name = named_method(argv)
    parser = make_method_parser(
        "train",
        "Train an engine from pictures of good product. Run the same command again to resume a "
        "training that was stopped.",
        trained_methods(),
    )
    add = parser.add_argument
    add(
        "--data",
        required=True,
        help="folder of a class (train/good is enough), glob of pictures or video",
    )
    add("--out", type=out_folder, required=True, help="folder of the engine, checkpoints and log")
    add("--name", help="name of the engine (default: name of the --out folder)")
    add("--dataset", choices=list(LAYOUTS), help="layout of the data set (default: detected)")
    add_region_options(parser)
    add("--backbone", help="name or ONNX file of the backbone (default: the method's)")
    add(
        "--size",
        type=input_size_or_side,
        metavar="WxH",
        default=trainer_class(name).default_size if name in trained_methods() else None,
        help="width x height of the input in px; or the short side only: the long side then "
        "follows the pictures" + (" (default: %(default)s)" if name in trained_methods() else ""),
    )
    add("--max-pictures", type=int, default=MAX_PICTURES, help="(default: %(default)s)")
    add("--keep-similar", action="store_true", help=KEEP_SIMILAR)
    add(
        "--seconds",
        type=float,
        default=60.0,
        help="how long to watch a live source, s (%(default)s)",
    )
    add(
        "--hold-out",
        type=float,
        help="share of the good pictures that checkpoints and thresholds are chosen on (default: "
        "0.2, or ten pictures if they are at most a third)",
    )
    add(
        "--paper-protocol",
        action="store_true",
        help="choose the checkpoint on the test set, as papers do; every figure says so",
    )
    add("--sigma", type=sigma, default=4.0, help="smoothing of the map, px (%(default)s)")
    add_suspects_option(parser)
    add_reading_options(parser)
    add_rule_options(parser)
    if name in trained_methods():
        add_method_options(parser, f"options of {name}", option_fields(trainer_class(name)))
    return parser


def chosen_trainer(arguments: argparse.Namespace) -> Trainer:
    """Raises ConfigError for a value that makes no sense."""
    trainer = trainer_class(arguments.method)
    return trainer.from_options(method_options(option_fields(trainer), arguments))
