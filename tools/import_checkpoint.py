"""Makes an engine of a checkpoint of GLASS or a bank of RAD that the authors' programs wrote."""

import argparse
import dataclasses
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from inspector.core.errors import ConfigError, DataError
from learning import torch_weights as checkpoint
from learning.backbones.export import exported_beside, patch_of
from learning.backbones.zoo import describe, resolve
from learning.datasets.pictures import list_pictures, read_picture
from learning.finishing import Wanted, engine_of_model, opened
from learning.methods.base import Scorer
from learning.methods.glass import importing as glass_checkpoint
from learning.methods.glass.method import Glass, trained_glass
from learning.methods.rad import importing as rad_bank
from learning.normals import MAX_PICTURES, Crop, Normals, from_folder
from learning.normals import spread as spread_out
from learning.thresholds import choosing as thresholds
from tools._argument_types import frame_size, out_file
from tools._cli import guarded, program
from tools._fit_report import report
from tools._method_options import add_method_options, method_named, method_options
from tools._progress import Bars
from tools._rule_options import add_rule_options, chosen_rule

NOTE: Final = (
    "nobody knows which pictures the checkpoint was made of: where these are among them, they "
    "score lower than new ones, so that thresholds are too low and the rates above too good"
)

GLASS_SIGMA: Final = 4.0

JUDGED: Final = 4
"""Normal pictures that the checkpoint's backbone is told from another one by."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a file. sigma: as published. facts: for the spec."""

    method: Scorer[Any]
    model: Any
    backbone: Path
    normals: Normals
    sigma: float
    facts: dict[str, Any]


@guarded
def main(argv: list[str] | None = None) -> int:
    arguments = _parser(argv).parse_args(argv)
    out: Path = arguments.out
    if out.suffix != ".onnx":
        raise ConfigError(f"--out {out} must end in .onnx")
    rule = chosen_rule(arguments)
    thresholds.check_supported(rule, _count(arguments))
    found = _glass(arguments) if arguments.method == "glass" else _rad(arguments)
    wanted = Wanted(
        name=arguments.name or out.stem,
        method=found.method,
        backbone=found.backbone,
        sigma=found.sigma if arguments.sigma is None else arguments.sigma,
        top_fraction=arguments.top_fraction,
        rule=rule,
        threads=arguments.threads,
        drop_suspects=arguments.drop_suspects,
    )
    origin = {
        "file": arguments.file.name,
        "sha256": checkpoint.file_sha256(arguments.file),
    }
    with Bars() as bars:
        fitted = engine_of_model(
            found.model,
            found.normals,
            wanted,
            out,
            bars.advance,
            parameters={"imported_from": origin} | found.facts,
            note=NOTE,
        )
    report(out, fitted)
    return 0


def _glass(arguments: argparse.Namespace) -> Imported:
    held = glass_checkpoint.read_glass(arguments.file)
    side = glass_checkpoint.SIDE
    input_hw = arguments.size or (side, side)
    short = arguments.resize
    if short is None:
        closer = glass_checkpoint.CLOSER.get(arguments.class_name, side)
        short = round(min(input_hw) * closer / side)
    backbone = _backbone(arguments, lambda patch: input_hw)
    normals = _normals(
        arguments,
        input_hw,
        lambda frame_hw: glass_checkpoint.centre_crop(frame_hw, input_hw, short),
    )
    method = Glass(layers=arguments.layers and tuple(arguments.layers.split(",")))
    with opened(Wanted("", method, backbone, threads=arguments.threads), input_hw) as extractor:
        model = trained_glass(held.state, extractor, input_hw)
        seen = extractor.extract(normals.pixels[:JUDGED])
    vectors = model.folded.embedding.numpy(list(seen.values())).swapaxes(0, 1)
    spread = glass_checkpoint.spread(held.state, vectors.reshape(held.dims, -1).T)
    glass_checkpoint.warn_if_unlikely(spread, backbone.name)
    facts = {"short_side": short, "spread": spread, "differs": glass_checkpoint.DIFFERS}
    return Imported(method, model, backbone, normals, GLASS_SIGMA, facts)


def _rad(arguments: argparse.Namespace) -> Imported:
    method = rad_bank.settings(method_options("rad", arguments))
    bank = rad_bank.read_bank(arguments.file)
    backbone = _backbone(arguments, bank.input_hw)
    info = describe(backbone)
    method = dataclasses.replace(method, layers=bank.layers(method, info))
    input_hw = bank.input_hw(bank.stride(method, info))
    if arguments.size not in (None, input_hw):
        width, height = arguments.size[::-1]
        raise ConfigError(
            f"--size {width}x{height} does not fit {arguments.file}: its grid of {bank.side}x"
            f"{bank.side} positions needs an input of {input_hw[1]}x{input_hw[0]}"
        )
    info.check_size(input_hw)
    resized = arguments.resize or round(input_hw[0] * rad_bank.RESIZED / rad_bank.CROPPED)
    crop = rad_bank.crop(input_hw[0], resized)
    which = range(bank.pictures) if arguments.pictures is None else arguments.pictures
    model = bank.model(method, info, which=which, room=rad_bank.room_beside(backbone))
    normals = _normals(arguments, input_hw, lambda frame_hw: crop)
    facts = {
        "resized": resized,
        "pictures": f"{which.start}:{which.stop} of {bank.pictures}",
        "differs": rad_bank.DIFFERS,
    }
    return Imported(method, model, backbone, normals, rad_bank.SIGMA, facts)


def _backbone(arguments: argparse.Namespace, input_hw_of: Callable[[int], tuple[int, int]]) -> Path:
    """The backbone's file, made beside the engine where its weights are given. input_hw_of: the
    input's size for a patch of so many pixels."""
    name, weights, out = arguments.backbone, arguments.weights, arguments.out
    made = out.with_name(f"{name}.onnx") if weights is not None else Path(name)
    if out.resolve() == made.resolve():
        raise ConfigError(f"--out {out} is the file of the backbone: choose another name")
    if weights is None:
        return resolve(name)
    if name.endswith(".onnx"):
        raise ConfigError(f"--weights are for a backbone given by name: leave them out for {name}")
    patch = patch_of(name)
    return exported_beside(
        name,
        out.parent,
        weights_file=weights,
        input_hw=None if patch is None else input_hw_of(patch),
    )


def _count(arguments: argparse.Namespace) -> int:
    """How many pictures --normal names, readable or not."""
    if arguments.max_pictures < 2:
        raise ConfigError(f"--max-pictures must be at least 2, not {arguments.max_pictures}")
    return min(arguments.max_pictures, len(list_pictures(arguments.normal)))


def _normals(
    arguments: argparse.Namespace,
    input_hw: tuple[int, int],
    crop_of: Callable[[tuple[int, int]], Crop],
) -> Normals:
    """crop_of: by the commonest size of the pictures."""
    folder, most = arguments.normal, arguments.max_pictures
    paths = list_pictures(folder)
    pictures = (read_picture(paths[index]) for index in spread_out(len(paths), most))
    sizes = Counter(picture.shape[:2] for picture in pictures if picture is not None)
    if not sizes:
        raise DataError(f"{folder} holds no picture that can be read")
    height, width = sizes.most_common(1)[0][0]
    crop = crop_of((height, width))
    return from_folder(folder, input_hw=input_hw, max_pictures=most, crop=crop)


def _parser(argv: list[str] | None) -> argparse.ArgumentParser:
    """With the options of the method that argv names."""
    parser = argparse.ArgumentParser(
        prog=program("import-checkpoint"),
        description=__doc__,
        epilog="--method NAME --help shows the options of a method.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("file", type=Path, metavar="FILE.pth", help="ckpt_best_X.pth of GLASS, or a bank of RAD")
    add("--method", choices=("glass", "rad"), required=True)
    add("--backbone", required=True, help="name or ONNX file of what the file was made with")
    add(
        "--weights",
        type=Path,
        help="of the backbone named, as torch saves them; its file is then made beside --out",
    )
    add("--normal", type=Path, required=True, help="folder of good pictures, for the thresholds")
    add("--out", type=out_file, required=True, help="engine file to write")
    add(
        "--size",
        type=frame_size,
        metavar="WxH",
        help="width x height of the input in px (glass: 288x288; rad: what the bank's grid needs)",
    )
    add(
        "--resize",
        type=_pixels,
        metavar="PX",
        help="side that pictures were resized to before the input was cropped from their middle "
        "(glass: the short side, the input's own; rad: both sides, 8/7 of the input's)",
    )
    add("--name", help="of the engine (default: name of the file)")
    add("--max-pictures", type=int, default=MAX_PICTURES, help="(default: %(default)s)")
    add("--drop-suspects", action="store_true", help="thresholds without pictures that stand out")
    add("--sigma", type=float, help="of the map's smoothing, px (glass: 4; rad: 1.75)")
    add("--top-fraction", type=float, help="rad: of the map in the score (default: 0.01)")
    add("--threads", type=int, default=0, help="0: the runtime chooses")
    add_rule_options(parser)
    if method_named(argv) == "glass":
        own = parser.add_argument_group("options of glass").add_argument
        own("--layers", help="of the backbone, separated by commas (default: strides 8 and 16)")
        own("--class", dest="class_name", help="toothbrush and wood were cropped closer")
    if method_named(argv) == "rad":
        parser.add_argument(
            "--pictures", type=_span, metavar="FROM:TO", help="rad: of the bank, from 0 (all)"
        )
    add_method_options(parser, argv)
    return parser


def _pixels(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of pixels")
    return int(text)


def _span(text: str) -> range:
    start, _, stop = text.partition(":")
    if not (start.isdecimal() and stop.isdecimal() and int(start) < int(stop)):
        raise argparse.ArgumentTypeError(f"{text!r} is not FROM:TO, such as 0:100")
    return range(int(start), int(stop))


if __name__ == "__main__":
    sys.exit(main())
