"""Options of tools.train, and what they make."""

import argparse
import math
from pathlib import Path
from typing import Final

from learning.backbones.zoo import DEFAULT
from learning.datasets.layouts import LAYOUTS
from learning.methods.base import TRAINED
from learning.methods.glass.training.distribution import CHOICES
from learning.methods.glass.training.options import FASTER_RATE, PUBLISHED_RATE, GlassOptions
from learning.methods.glass.training.options import PUBLISHED as PUBLISHED_BACKBONE
from tools._argument_types import input_size_or_side, out_folder, seed, sigma
from tools._cli import program
from tools._rule_options import add_rule_options

PUBLISHED: Final = GlassOptions()

SIZE: Final = 288
MAX_PICTURES: Final = 1000
GIGABYTE: Final = 1_000_000_000


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog=program("train"),
        description="Train an engine from pictures of good product. The same command goes on with "
        "a training that was stopped.",
        allow_abbrev=False,
    )
    add = made.add_argument
    add("--method", choices=list(TRAINED), required=True)
    add(
        "--data",
        required=True,
        help="folder of a class (train/good is enough), glob of pictures or video",
    )
    add("--out", type=out_folder, required=True, help="folder of the engine, checkpoints and log")
    add("--name", help="of the engine (default: name of the --out folder)")
    add("--dataset", choices=list(LAYOUTS), help="layout of the data set (default: detected)")
    add("--textures", type=Path, help="folder of pictures, such as DTD; default: a built-in bank")
    add("--foreground", type=Path, help="folder of masks of where defects may be drawn")
    add("--roi", type=Path, help="YAML with polygons to inspect and to ignore, in frame pixels")
    add("--backbone", default=DEFAULT, help="name or ONNX file (default: %(default)s)")
    add("--layers", type=_names, help="of the backbone; default: those of strides 8 and 16")
    add(
        "--size",
        type=input_size_or_side,
        default=SIZE,
        metavar="WxH",
        help="width x height of the input in px; or the short side alone, the long one by the "
        "pictures' aspect (default: %(default)s)",
    )
    add("--max-pictures", type=int, default=MAX_PICTURES, help="(default: %(default)s)")
    add("--seconds", type=float, default=60.0, help="to watch a live source (%(default)s)")
    add(
        "--hold-out",
        type=float,
        help="share of the good pictures that checkpoints and thresholds are chosen on (default: "
        "0.2, but ten pictures if a third of them are as many)",
    )
    add(
        "--paper-protocol",
        action="store_true",
        help="choose the checkpoint on the test set, as the paper did; every figure says so",
    )
    add("--sigma", type=sigma, default=4.0, help="of the map's smoothing, px (%(default)s)")
    add("--drop-suspects", action="store_true", help="choose thresholds without odd pictures")
    add_rule_options(made)
    _add_training(made)
    _add_machine(made)
    return made


def _add_training(made: argparse.ArgumentParser) -> None:
    add = made.add_argument_group("training, as published unless said otherwise").add_argument
    for name, kind, text in (
        ("epochs", int, "each ends once more than --limit pictures were seen"),
        ("batch", int, "pictures per step"),
        ("limit", int, "pictures per epoch"),
        ("steps", int, "of the gradient ascent"),
        ("noise", float, "standard deviation of the noise on features"),
        ("step_size", float, "of the gradient ascent"),
        ("radius", float, "quantile of distances to the centre, for a hypersphere"),
    ):
        default = getattr(PUBLISHED, name)
        option = "--" + name.replace("_", "-")
        add(option, type=kind, default=default, help=f"{text} (default: {default})")
    add(
        "--p",
        type=float,
        default=PUBLISHED.hard,
        help="quantile of errors above which patches count (default: %(default)s)",
    )
    add("--no-mining", dest="mining", action="store_false", help="no gradient ascent")
    add("--distribution", choices=CHOICES, default="auto", help="(default: %(default)s)")
    add("--dims", type=int, help="of a patch vector; default: channels of the layers together")
    add("--hidden", type=int, help="of the discriminator; default: two thirds of --dims")
    add(
        "--learning-rate",
        type=float,
        help=f"default: {PUBLISHED_RATE} for {PUBLISHED_BACKBONE}, else {FASTER_RATE}",
    )
    add("--patch-norm", type=float, help="length that patch vectors are scaled to; 0: as they are")
    add("--seed", type=seed, default=0)
    add(
        "--eval-every",
        type=int,
        default=PUBLISHED.every,
        metavar="EPOCHS",
        help="from one validation to the next (default: %(default)s)",
    )
    add(
        "--patience",
        type=int,
        default=PUBLISHED.patience,
        metavar="N",
        help="stop after N validations without improvement; 0: never (default: %(default)s)",
    )


def _add_machine(made: argparse.ArgumentParser) -> None:
    add = made.add_argument_group("machine").add_argument
    add(
        "--device",
        default="cpu",
        help="that features are computed and networks trained on: cpu or cuda (%(default)s)",
    )
    add("--amp", action="store_true", help="train in bfloat16 where that is safe")
    add("--threads", type=int, default=0, help="0: the libraries choose")
    add("--cache-gb", type=_gigabytes, default=4.0, help="of features kept (default: %(default)s)")


def glass_options(arguments: argparse.Namespace) -> GlassOptions:
    """Raises ConfigError for a value that makes no sense."""
    given = vars(arguments)
    shared = (
        *("epochs", "batch", "limit", "steps", "noise", "step_size", "radius", "mining"),
        *("distribution", "dims", "hidden", "learning_rate", "patch_norm", "seed", "patience"),
        *("device", "amp", "threads"),
    )
    return GlassOptions(
        hard=arguments.p,
        every=arguments.eval_every,
        cache_bytes=round(arguments.cache_gb * GIGABYTE),
        **{name: given[name] for name in shared},
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _gigabytes(text: str) -> float:
    try:
        value = float(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from exc
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a finite number of at least 0")
    return value
