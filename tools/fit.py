"""Fits an engine from pictures of good product: `python -m tools.fit --normal DIR ...`."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tqdm import tqdm

from engines.backbones.zoo import DEFAULT, resolve
from engines.export.fitting import Fitted, Recipe, fit_engine
from engines.methods.base import METHODS, make_method, method_class
from engines.roi import load_roi
from engines.training.data import LONGEST_SIDE, MAX_PICTURES, Normals, from_folder, from_stream
from inspector.build import open_source
from inspector.config import SourceConfig
from inspector.core.arrays import Image
from inspector.core.errors import ConfigError
from inspector.core.protocols import Source
from inspector.core.types import Frame
from inspector.sources.uri import kind_of
from tools._cli import guarded
from tools._method_options import UNSET, add_method_options
from tools._rule_options import (
    add_rule_options,
    add_scheme_options,
    chosen_rule,
    chosen_scheme,
)
from tools._text import plain_values


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = _parser(argv).parse_args(argv)
    given = vars(arguments)
    own = method_class(arguments.method).settings()
    options = {field.name: given[field.name] for field in own if given[field.name] is not UNSET}
    method = make_method(arguments.method, options)
    backbone = resolve(arguments.backbone)
    normals = _normals(arguments)
    roi = None if arguments.roi is None else load_roi(arguments.roi, normals.frame_hw)
    recipe = Recipe(
        name=arguments.name or arguments.out.stem,
        method=method,
        backbone=backbone,
        sigma=arguments.sigma,
        top_fraction=arguments.top_fraction,
        rule=chosen_rule(arguments),
        scheme=chosen_scheme(arguments),
        roi=roi,
        seed=arguments.seed,
        threads=arguments.threads,
        drop_suspects=arguments.drop_suspects,
    )
    with _Bars() as bars:
        fitted = fit_engine(normals, recipe, arguments.out, bars.advance)
    _report(arguments.out, fitted)
    return 0


def _parser(argv: list[str] | None) -> argparse.ArgumentParser:
    """With the options of the method that argv names; help without one shows no method's."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.fit",
        description="Fit an engine from pictures of good product.",
        epilog="--method NAME --help shows the options of a method.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--method", choices=list(METHODS), required=True)
    add("--normal", required=True, help="folder of pictures, video, camera number or URL")
    add("--out", type=Path, required=True, help="engine file to write")
    add("--backbone", default=DEFAULT, help="name or ONNX file (default: %(default)s)")
    add("--size", type=_size, help="HxW of the input; default: short side 256, aspect kept")
    add("--name", help="of the engine (default: name of the file)")
    add("--roi", type=Path, help="YAML with polygons to inspect and to ignore, in frame pixels")
    add("--max-pictures", type=int, default=MAX_PICTURES, help="(default: %(default)s)")
    add("--seconds", type=float, default=60.0, help="to watch a live source (%(default)s)")
    add("--drop-suspects", action="store_true", help="fit without pictures that stand out")
    add("--sigma", type=_sigma, default=4.0, help="of the map's smoothing, px (%(default)s)")
    add("--top-fraction", type=float, help="of the map in the score; default: the method's")
    add("--seed", type=_seed, default=0)
    add("--threads", type=int, default=0, help="0: the runtime chooses")
    add_rule_options(parser)
    add_scheme_options(parser)
    add_method_options(parser, argv)
    return parser


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    if not (height.isdigit() and width.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not HxW, such as 256x448")
    if not (32 <= int(height) <= LONGEST_SIDE and 32 <= int(width) <= LONGEST_SIDE):
        raise argparse.ArgumentTypeError(f"{text!r} must lie between 32 and {LONGEST_SIDE} px")
    return int(height), int(width)


def _sigma(text: str) -> float:
    try:
        value = float(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from exc
    if not 0 <= value <= 256:
        raise argparse.ArgumentTypeError(f"{text} must lie between 0 and 256")
    return value


def _seed(text: str) -> int:
    if not text.isdigit() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 999999999")
    return int(text)


def _normals(arguments: argparse.Namespace) -> Normals:
    size, most, uri = arguments.size, arguments.max_pictures, arguments.normal
    if not arguments.seconds > 0:
        raise ConfigError(f"--seconds must be above 0, not {arguments.seconds}")
    if kind_of(uri) == "image_folder" and Path(uri).is_dir():
        return from_folder(Path(uri), input_hw=size, max_pictures=most)
    if uri == "synthetic":
        raise ConfigError("--normal synthetic shows defects; normal pictures must have none")
    source = open_source(SourceConfig(uri=uri))
    name = source.info.source_id if source.info.path is None else source.info.path.name
    try:
        frames = _frames(source, arguments.seconds)
        return from_stream(name, frames, input_hw=size, max_pictures=most)
    finally:
        source.close()


def _frames(source: Source, seconds: float) -> Iterator[Image]:
    """Frames until the source ends, a live one `seconds` after its first; damaged ones are left
    out."""
    first_ns: int | None = None
    with tqdm(desc="frames", unit="frame", total=source.info.frame_count, disable=None) as bar:
        while (frame := source.read()) is not None:
            first_ns = frame.captured_ns if first_ns is None else first_ns
            if source.info.live and frame.captured_ns - first_ns > seconds * 1e9:
                return
            bar.update()
            if isinstance(frame, Frame):
                yield frame.image


class _Bars:
    """One progress bar per step."""

    def __init__(self) -> None:
        self._bars: dict[str, tqdm[Any]] = {}

    def advance(self, step: str, done: int, total: int) -> None:
        if step not in self._bars:
            self._bars[step] = tqdm(total=total, desc=step, unit="picture", disable=None)
        self._bars[step].update(done)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for bar in self._bars.values():
            bar.close()


def _report(out: Path, fitted: Fitted) -> None:
    spec = fitted.spec
    check, made = spec.parity, spec.parameters
    trained = spec.trained_on
    size, frame = spec.resize.input_hw, spec.frame_hw
    lines = {
        "engine": f"{out}, {fitted.file_bytes / 1e6:.1f} MB, {sum(fitted.seconds.values()):.1f} s",
        "pictures": f"{trained['count']} of {trained['name']}, {trained['unreadable']} unreadable, "
        f"{trained['unused']} not used, {len(trained['suspects'])} stand out",
        "input": f"{size[1]}x{size[0]} for frames of {frame[1]}x{frame[0]}",
        "backbone": f"{spec.backbone}, layers {', '.join(spec.layers)}",
        spec.method: f"{made['model_bytes'] / 1e6:.1f} MB {spec.precision}; "
        + plain_values({key: made[key] for key in made if key != "model_bytes"}),
        "image threshold": f"{spec.image_threshold:.4f}",
        "pixel threshold": f"{spec.pixel_threshold:.4f}",
        "chosen by": "\n                 ".join(spec.threshold_rule.sentences()),
        "parity": f"map {check['map_max_abs']:.1e}, score {check['score_max_abs']:.1e}, "
        f"{check['decision_flips']} decisions differ, on {check['pictures']} altered pictures",
    }
    for name, text in lines.items():
        print(f"{name:16} {text}")
    if trained["suspects"]:
        print(f"look at          {', '.join(trained['suspects'])}: they stand out among the good")
        print("                 pictures and raise the thresholds unless --drop-suspects")
    if 2 * check["spots_found"] < check["spots"]:
        found = f"{check['spots_found']} of {check['spots']}"
        print(f"warning          only {found} dark spots painted on good pictures would FAIL.")
        print("                 Product that moves or lies anywhere needs --radius all; one odd")
        print("                 picture among the good ones does this too")


if __name__ == "__main__":
    sys.exit(main())
