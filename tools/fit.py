"""Fits an engine from pictures of good product."""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from engines.spec_file import file_hash
from inspector.core.errors import ConfigError
from learning.augmentation import AUGMENT
from learning.backbones.zoo import resolve
from learning.class_rows import format_table, refuse_failed
from learning.classes import FitFunction, fit_classes
from learning.datasets.layouts import LAYOUTS
from learning.datasets.types import ClassData
from learning.methods.registry import fitted_methods, make_method, method_class
from learning.normals import MAX_PICTURES, SPARE, Normals, Size
from learning.options import option_fields
from learning.selection.candidates import AUTO
from learning.selection.choosing import BUDGET_S, QUICK_S
from learning.thresholds.folds import Scheme
from tools._argument_types import KEEP_SIMILAR, input_size, out_file, out_folder, seed, sigma
from tools._cli import guarded
from tools._fit_report import report
from tools._fit_request import FitRequest
from tools._fleet_options import add_fleet_options, chosen_fleet
from tools._method_options import (
    UNSET,
    add_method_options,
    make_method_parser,
    method_options,
    named_method,
)
from tools._new_file import add_overwrite_option, refuse_existing
from tools._normals import can_read_again, classes_of, normals_of
from tools._progress import Bars
from tools._reading_options import add_reading_options
from tools._region_options import add_region_options, identify_foreground
from tools._rule_options import (
    add_anomalous_options,
    add_rule_options,
    add_scheme_options,
    add_suspects_option,
    chosen_rule,
    chosen_scheme,
)

SUFFIX: Final = ".onnx"
"""Of an engine file; any other --out is a folder."""

NOT_IN_THE_ENGINE: Final = (
    "normal",
    "out",
    "threads",
    "seconds",
    "overwrite",
    "no_sheet",
    "teachable",
    "workers",
    "ray",
)
"""Options that an engine does not depend on, or only through its pictures."""


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = _parser(argv).parse_args(argv)
    options = _method_options(arguments)
    if arguments.out.suffix.lower() == SUFFIX:
        refuse_existing(arguments.out, overwrite=arguments.overwrite)
    _check_anomalous(arguments)
    backbone = _find_backbone(arguments)
    scheme = chosen_scheme(arguments)
    request = FitRequest(arguments, backbone, options, scheme)

    def read_sources(size: Size | None = None) -> Normals:
        with Bars() as bars:
            return normals_of(
                arguments.normal,
                arguments,
                bars.advance,
                size=size,
                spare=SPARE if scheme == Scheme() else 0,
            )

    if arguments.out.suffix.lower() == SUFFIX:
        if arguments.dataset is None and arguments.split is None:
            again = read_sources if can_read_again(arguments.normal) else None
            report(*request.fit(read_sources(), scheme, arguments.out, again))
        else:
            data = _only(classes_of(arguments))
            report(*request.fit_class(data, arguments.out))
        return 0
    with Bars("class") as bars:
        rows = fit_classes(
            classes_of(arguments),
            arguments.out,
            _request(vars(arguments))
            | {"backbone": None if backbone is None else file_hash(backbone)},
            FitFunction("tools._fit_request:fit_class", request),
            overwrite=arguments.overwrite,
            fleet=chosen_fleet(arguments),
            progress=bars.advance,
        )
    print(format_table(rows))
    refuse_failed(rows)
    return 0


def _method_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options of the named method. Raises ConfigError before pictures are read."""
    if arguments.method == AUTO:
        if arguments.top_fraction is not None:
            raise ConfigError("--top-fraction needs --method: without it, fit chooses both")
        return {}
    if arguments.budget is not None:
        raise ConfigError(f"--budget and --quick limit the trials of --method {AUTO}")
    options = method_options(option_fields(method_class(arguments.method)), arguments)
    make_method(arguments.method, options)
    return options


def _check_anomalous(arguments: argparse.Namespace) -> None:
    """Raises ConfigError before pictures are read."""
    if not arguments.anomalous:
        if arguments.cost is not None:
            raise ConfigError("--cost needs pictures of real defects: add --anomalous")
        return
    whole = arguments.out.suffix.lower() != SUFFIX
    if whole or arguments.dataset is not None or arguments.split is not None:
        raise ConfigError(
            "--anomalous works for one product: name its good pictures with --normal, an engine "
            f"file that ends in {SUFFIX} with --out, and leave out --dataset and --split"
        )
    if not (rule := chosen_rule(arguments)).needs_anomalous:
        raise ConfigError(f"rule {rule.name} takes no defective pictures: use f1_max or cost")


def _find_backbone(arguments: argparse.Namespace) -> Path | None:
    if arguments.method == AUTO:
        return None if arguments.backbone is None else resolve(arguments.backbone)
    return method_class(arguments.method).find_backbone(arguments.backbone)


def _request(values: dict[str, Any]) -> dict[str, Any]:
    """What the engines depend on besides their pictures, as plain values."""
    path: Path | None = values["roi"]
    if path is not None and not path.is_file():
        raise ConfigError(f"--roi {path} is no file")
    roi = None if path is None else file_hash(path)
    used = {
        key: value
        for key, value in values.items()
        if key not in NOT_IN_THE_ENGINE and value is not UNSET
    }
    for name in ("keep_similar", "foreground", "lines"):
        if not used[name]:
            del used[name]  # folders that were made before the option existed go on
    if "foreground" in used:
        used["foreground"] = identify_foreground(used["foreground"])
    return used | {"roi": roi}


def _only(data: tuple[ClassData, ...]) -> ClassData:
    if len(data) != 1:
        raise ConfigError(
            f"--normal holds {len(data)} classes: give --out a folder (without {SUFFIX})"
        )
    return data[0]


def _parser(argv: list[str] | None) -> argparse.ArgumentParser:
    """Parser with the options of the method that argv names; without a method, with the common ones
    only."""
    parser = make_method_parser(
        "fit", "Fit an engine from pictures of good product.", fitted_methods(), AUTO
    )
    add = parser.add_argument
    add(
        "--normal",
        required=True,
        action="extend",
        nargs="+",
        metavar="SOURCE",
        help="folder or glob of pictures, video, camera number, URL or synthetic; several can be "
        "named; or a data set: then --out is a folder, and each class gets an engine",
    )
    add("--out", type=_out, required=True, help="engine.onnx, or a folder for a data set")
    add("--dataset", choices=list(LAYOUTS), help="layout of the data set (default: detected)")
    add(
        "--split",
        type=Path,
        help="JSON file (folder, for several classes) that says which pictures are for fitting, "
        "for thresholds and for testing; if it does not exist, it is drawn with --seed and written",
    )
    add("--backbone", help="name or ONNX file of the backbone (default: the method's)")
    add(
        "--size",
        type=input_size,
        metavar="WxH",
        help="width x height of the input in px; default: short side 256, aspect kept",
    )
    add("--name", help="name of the engine (default: name of the file)")
    add_region_options(parser)
    add("--max-pictures", type=int, default=MAX_PICTURES, help="(default: %(default)s)")
    add("--keep-similar", action="store_true", help=KEEP_SIMILAR)
    add(
        "--seconds",
        type=float,
        default=60.0,
        help="how long to watch a live source, s (%(default)s)",
    )
    add_suspects_option(parser)
    add(
        "--augment",
        choices=AUGMENT,
        default="auto",
        help="auto: fit altered copies of few pictures too; none: do not (%(default)s)",
    )
    add(
        "--lines",
        action="store_true",
        help="also find thin lines and small marks by their contrast, see docs/lines.md",
    )
    add("--sigma", type=sigma, default=4.0, help="smoothing of the map, px (%(default)s)")
    add(
        "--top-fraction",
        type=float,
        help="share of the map whose mean is the score (default: the method's)",
    )
    add("--seed", type=seed, default=0)
    limit = parser.add_mutually_exclusive_group()
    limit.add_argument(
        "--budget",
        type=float,
        metavar="S",
        help=f"time for the trials of --method {AUTO}, s ({BUDGET_S:g})",
    )
    limit.add_argument(
        "--quick",
        action="store_const",
        dest="budget",
        const=QUICK_S,
        help=f"the same as --budget {QUICK_S:g}",
    )
    add(
        "--no-sheet",
        action="store_true",
        help="do not write the contact sheet NAME.sheet.png and the page NAME.selection.html",
    )
    add(
        "--teachable",
        action="store_true",
        help="store the good pictures beside the engine, so that refit needs no original files",
    )
    add_overwrite_option(parser)
    add("--threads", type=int, default=0, help="threads of the runtime; 0: it chooses")
    add_fleet_options(parser, "classes")
    add_reading_options(parser)
    add_rule_options(parser)
    add_scheme_options(parser)
    add_anomalous_options(parser)
    name = named_method(argv)
    if name in fitted_methods():
        add_method_options(parser, f"options of {name}", option_fields(method_class(name)))
    return parser


def _out(text: str) -> Path:
    return out_file(text) if Path(text).suffix.lower() == SUFFIX else out_folder(text)


if __name__ == "__main__":
    sys.exit(main())
