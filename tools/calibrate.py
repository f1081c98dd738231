"""Makes a calibration file, which says how many millimetres a pixel is."""

import argparse
import sys
from pathlib import Path

from loguru import logger

from calibration.plane import LARGEST_SCALE, MIN_SCALE, Calibration
from calibration.scale import ASSUMED_U_REL, from_scale
from calibration.store import save_calibration
from calibration.two_point import from_two_points
from calibration.uneven_scale import describe_uneven_scale
from engines.pictures import decode_picture
from inspector.command_line import CommandParser
from tools._argument_types import frame_size, out_file
from tools._board_command import add_board_options, calibrate_board
from tools._cli import guarded, program
from tools._new_file import add_overwrite_option, refuse_existing
from tools._reading_options import add_reading_options, chosen_reading


@guarded
def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    refuse_existing(args.out, overwrite=args.overwrite)
    calibration: Calibration = args.run(args)
    save_calibration(calibration, args.out)
    height, width = calibration.frame_hw
    print(calibration.how)
    percent = 100 * calibration.scale_u_rel
    text = f"{percent:.3g} %" if percent == 0 or percent >= 0.01 else "below 0.01 %"
    print(f"scale uncertainty {text} (k = 1), the same everywhere in the frame")
    print(f"{args.out} is valid for frames of {width}x{height} pixels")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(prog=program("calibrate"), description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="scale|two-point|board")

    scale = commands.add_parser("scale", help="the scale is known")
    scale.add_argument(
        "--mm-per-px",
        type=float,
        required=True,
        help=f"from {MIN_SCALE:g} to {LARGEST_SCALE:g}, as for every calibration",
    )
    scale.add_argument("--mm-per-px-y", type=float, help="along y (default: as along x)")
    scale.add_argument(
        "--scale-u-rel",
        type=float,
        help=f"relative uncertainty, k = 1 (default: {ASSUMED_U_REL:g})",
    )
    scale.set_defaults(run=_scale)

    two = commands.add_parser("two-point", help="the distance of two points is known")
    two.add_argument("--p1", type=_point, required=True, metavar="x,y", help="px")
    two.add_argument("--p2", type=_point, required=True, metavar="x,y", help="px")
    two.add_argument("--distance-mm", type=float, required=True)
    two.add_argument(
        "--distance-u-mm",
        type=float,
        help=f"uncertainty, k = 1 (default: {100 * ASSUMED_U_REL:g} %% of --distance-mm)",
    )
    two.add_argument(
        "--point-u-px",
        type=float,
        default=0.5,
        help="uncertainty of each point, k = 1 (default: %(default)s)",
    )
    two.set_defaults(run=_two_point)

    board = commands.add_parser("board", help="a printed board lies on the plane")
    add_board_options(board)
    board.set_defaults(run=calibrate_board)

    for command in (scale, two):
        size = command.add_mutually_exclusive_group(required=True)
        size.add_argument(
            "--image",
            type=Path,
            help="picture of the size of the frames; a warning says if it shows tilt or distortion",
        )
        size.add_argument("--frame-size", type=frame_size, metavar="WxH")
    for command in (scale, two, board):
        add_reading_options(command)
    for command in (scale, two, board):
        command.add_argument("--camera", default="", help="any name; it is written to the file")
        command.add_argument("--out", type=out_file, required=True)
        add_overwrite_option(command)
    return parser


def _point(text: str) -> tuple[float, float]:
    x, _, y = text.partition(",")
    try:
        return float(x), float(y)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(
            f"{text!r} must be two numbers with a comma, such as 60,120"
        ) from exc


def _scale(args: argparse.Namespace) -> Calibration:
    frame_hw = _frame_size(args)
    u_rel = args.scale_u_rel
    if u_rel is None:
        u_rel = ASSUMED_U_REL
        print(f"scale_u_rel is taken as {u_rel:g}; give --scale-u-rel if you know it better")
    return from_scale(
        args.mm_per_px,
        frame_hw,
        mm_per_px_y=args.mm_per_px_y,
        scale_u_rel=u_rel,
        camera=args.camera,
    )


def _two_point(args: argparse.Namespace) -> Calibration:
    frame_hw = _frame_size(args)
    u_mm = args.distance_u_mm
    if u_mm is None:
        u_mm = ASSUMED_U_REL * abs(args.distance_mm)
        print(f"distance_u_mm is taken as {u_mm:.3g}; give --distance-u-mm if you know it better")
    calibration = from_two_points(
        args.p1,
        args.p2,
        args.distance_mm,
        frame_hw,
        point_u_px=args.point_u_px,
        distance_u_mm=u_mm,
        camera=args.camera,
    )
    pitch = calibration.mm_per_px_at((0.0, 0.0))[0]
    print(f"{pitch:.6g} mm per pixel, assuming square pixels and a plane parallel to the sensor")
    return calibration


def _frame_size(args: argparse.Namespace) -> tuple[int, int]:
    """(height, width). Warns if the picture shows that the scale is not the same everywhere."""
    if args.image is None:
        height, width = args.frame_size
        return height, width
    image = decode_picture(args.image, reading=chosen_reading(args))
    for sentence in describe_uneven_scale(image):
        logger.warning("{}: {}", args.image, sentence)
    return image.shape[0], image.shape[1]


if __name__ == "__main__":
    sys.exit(main())
