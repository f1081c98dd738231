"""Fits a method for each class of a data set, evaluates it, and prints published figures beside it.

Run the same command again to resume: engines and results that are done are used again.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engines.spec_file import file_hash
from evaluation.dataset import check_out, evaluate_dataset, plan_jobs
from evaluation.provenance import Settings
from evaluation.published import SIGMAS, benchmark_lines, find_published
from evaluation.results import DatasetResult
from learning import fit
from learning.backbones.clip import text_file_of
from learning.backbones.zoo import describe
from learning.class_rows import refuse_failed
from learning.classes import FitFunction, fit_classes, read_class
from learning.datasets.types import ClassData
from learning.downloads.public_sets import PUBLIC_SETS
from learning.job import EngineResult
from learning.methods.registry import fitted_methods, make_method, method_class
from learning.normals import MAX_PICTURES
from learning.options import option_fields, read_options
from learning.thresholds.folds import Scheme
from tools._argument_types import input_size, out_folder, seed, sigma
from tools._cli import guarded
from tools._data_options import add_data_options, load_classes
from tools._fleet_options import add_fleet_options, chosen_fleet
from tools._method_options import (
    add_method_options,
    make_method_parser,
    method_options,
    named_method,
)
from tools._new_file import add_overwrite_option
from tools._progress import Bars

USUAL_SIGMA: Final = 4.0
"""Smoothing of the map in px of a method that is not in SIGMAS, as of `fit`."""


@dataclass(frozen=True, slots=True)
class BenchmarkRequest:
    """arguments: of this command. options: of the method. It is sent to worker processes."""

    arguments: argparse.Namespace
    backbone: Path | None
    options: dict[str, Any]


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = _parser(argv).parse_args(argv)
    options = _options(arguments)
    backbone = method_class(arguments.method).find_backbone(arguments.backbone)
    data = tuple(load_classes(arguments))
    check_out(arguments.out, data, [arguments.data])
    engines, fleet = arguments.out / "engines", chosen_fleet(arguments)
    with Bars("picture" if fleet.is_loop else "class") as bars:
        rows = fit_classes(
            data,
            engines,
            _request(arguments, backbone, options),
            FitFunction(
                "tools.benchmark:fit_class", BenchmarkRequest(arguments, backbone, options)
            ),
            overwrite=arguments.overwrite,
            fleet=fleet,
            progress=bars.advance,
        )
        fitted = {row.name for row in rows if not row.error}
        result = evaluate_dataset(
            plan_jobs(engines, [each for each in data if each.name in fitted]),
            arguments.out / "results",
            Settings(threads=arguments.threads, seed=arguments.seed, resamples=0),
            progress=bars.advance,
            on_result=lambda job, each, reused: bars.close(each.name),
            fleet=fleet,
        )
    print("\n".join(_lines(arguments, options, data, result)))
    print(f"written to {arguments.out}")
    refuse_failed(rows)
    return 1 if result.failures else 0


def fit_class(request: BenchmarkRequest, data: ClassData, out: Path) -> EngineResult:
    """Fits one class. Its name is in the prompts of a method that has such."""
    arguments, size = request.arguments, request.arguments.size
    if size is None and request.backbone is not None:
        size = describe(request.backbone).input_hw
    fields = option_fields(method_class(arguments.method))
    named = "class_name" in {field.name for field in fields}
    prompt = {"class_name": data.name.replace("_", " ")} if named else {}
    normals, scheme = read_class(data, Scheme(), size=size, max_pictures=arguments.max_pictures)
    with Bars() as bars:
        return fit(
            normals,
            arguments.method,
            out,
            backbone=request.backbone,
            sigma=_sigma(arguments),
            scheme=scheme,
            max_pictures=arguments.max_pictures,
            seed=arguments.seed,
            threads=arguments.threads,
            progress=bars.advance,
            **(prompt | request.options),
        )


def _sigma(arguments: argparse.Namespace) -> float:
    value: float | None = arguments.sigma
    return SIGMAS.get(arguments.method, USUAL_SIGMA) if value is None else value


def _lines(
    arguments: argparse.Namespace,
    options: dict[str, Any],
    data: tuple[ClassData, ...],
    result: DatasetResult,
) -> list[str]:
    method = make_method(arguments.method, options)
    names = {each.name for each in data}
    known = {key: each.classes for key, each in PUBLIC_SETS.items() if names <= set(each.classes)}
    data_set = next(iter(known), None)
    published = find_published(arguments.method, read_options(method), data_set)
    return benchmark_lines(result, published, known.get(data_set or "", ()))


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options of the method. The text tower is looked for beside the backbone."""
    fields = option_fields(method_class(arguments.method))
    options = method_options(fields, arguments)
    if "text" in {field.name for field in fields} and arguments.backbone is not None:
        options.setdefault("text", str(text_file_of(Path(arguments.backbone))))
    make_method(arguments.method, options)
    return options


def _request(
    arguments: argparse.Namespace, backbone: Path | None, options: dict[str, Any]
) -> dict[str, Any]:
    """What the engines depend on besides their pictures. Files count by their content."""
    files = {"backbone": backbone, "text": options.get("text")}
    hashes = {key: None if path is None else file_hash(Path(path)) for key, path in files.items()}
    keys = ("method", "size", "max_pictures", "seed")
    values = {key: getattr(arguments, key) for key in keys} | {"sigma": _sigma(arguments)}
    return values | options | hashes


def _parser(argv: list[str] | None) -> argparse.ArgumentParser:
    description = (__doc__ or "").partition("\n\n")
    parser = make_method_parser("benchmark", " ".join(description[::2]), fitted_methods())
    add = parser.add_argument
    add_data_options(add, data_help="data set: folder of classes or of one class")
    add(
        "--class",
        dest="classes",
        action="extend",
        nargs="+",
        default=[],
        metavar="NAME",
        help="only these classes",
    )
    add("--out", type=out_folder, required=True, help="folder for engines and results")
    add("--backbone", help="name or ONNX file of the backbone (default: the method's)")
    add(
        "--size",
        type=input_size,
        metavar="WxH",
        help="width x height of the input in px (default: that of the backbone; if it takes any: "
        "short side 256, aspect kept)",
    )
    add("--sigma", type=sigma, help="smoothing of the map, px (default: as published, or 4)")
    add("--max-pictures", type=int, default=MAX_PICTURES, help="(default: %(default)s)")
    add("--seed", type=seed, default=0)
    add("--threads", type=int, default=0, help="threads of the runtime; 0: it chooses")
    add_fleet_options(parser, "classes")
    add_overwrite_option(parser)
    name = named_method(argv)
    if name in fitted_methods():
        add_method_options(parser, f"options of {name}", option_fields(method_class(name)))
    return parser


if __name__ == "__main__":
    sys.exit(main())
