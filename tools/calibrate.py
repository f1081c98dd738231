"""Makes a calibration file, which says how many millimetres a pixel is."""

import argparse
import sys
from pathlib import Path

from calibration.board import TYPES, Board, BoardReport, from_board
from calibration.plane import LARGEST_SCALE, MIN_SCALE, Calibration
from calibration.scale import from_scale
from calibration.store import save_calibration
from calibration.two_point import from_two_points
from engines.pictures import decode_picture
from inspector.command_line import CommandParser
from inspector.core.picture_files import pictures_of
from tools._argument_types import frame_size, out_file, squares
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
    print(f"scale uncertainty {text} (k = 1)")
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
    scale.add_argument("--frame-size", type=frame_size, required=True, metavar="WxH")
    scale.add_argument(
        "--scale-u-rel",
        type=float,
        default=0.0,
        help="relative uncertainty, k = 1 (default: %(default)s)",
    )
    scale.set_defaults(run=_scale)

    two = commands.add_parser("two-point", help="the distance of two points is known")
    size = two.add_mutually_exclusive_group(required=True)
    size.add_argument("--image", type=Path, help="picture of the size of the frames")
    size.add_argument("--frame-size", type=frame_size, metavar="WxH")
    two.add_argument("--p1", type=_point, required=True, metavar="x,y", help="px")
    two.add_argument("--p2", type=_point, required=True, metavar="x,y", help="px")
    two.add_argument("--distance-mm", type=float, required=True)
    two.add_argument(
        "--distance-u-mm", type=float, default=0.0, help="uncertainty, k = 1 (default: 0)"
    )
    two.add_argument(
        "--point-u-px",
        type=float,
        default=0.5,
        help="uncertainty of each point, k = 1 (default: %(default)s)",
    )
    two.set_defaults(run=_two_point)

    board = commands.add_parser("board", help="a printed board lies on the plane")
    board.add_argument(
        "--images",
        action="extend",
        nargs="+",
        required=True,
        help="pictures, folders or globs of pictures",
    )
    board.add_argument("--type", choices=TYPES, required=True)
    board.add_argument(
        "--squares", type=squares, required=True, metavar="CxR", help="columns x rows of squares"
    )
    board.add_argument("--square-mm", type=float, required=True)
    board.add_argument(
        "--square-u-mm", type=float, default=0.0, help="uncertainty, k = 1 (default: 0)"
    )
    board.add_argument("--marker-mm", type=float, help="side of the markers of a ChArUco board")
    board.add_argument("--dictionary", help="markers of a ChArUco board, such as 4X4_50")
    board.add_argument(
        "--max-residual-px",
        type=float,
        default=0.5,
        help="largest rms residual (default: %(default)s)",
    )
    board.set_defaults(run=_board)

    for command in (two, board):
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
    return from_scale(
        args.mm_per_px,
        args.frame_size,
        mm_per_px_y=args.mm_per_px_y,
        scale_u_rel=args.scale_u_rel,
        camera=args.camera,
    )


def _two_point(args: argparse.Namespace) -> Calibration:
    if args.image is not None:
        image = decode_picture(args.image, reading=chosen_reading(args))
        frame_hw = image.shape[0], image.shape[1]
    else:
        frame_hw = args.frame_size
    calibration = from_two_points(
        args.p1,
        args.p2,
        args.distance_mm,
        frame_hw,
        point_u_px=args.point_u_px,
        distance_u_mm=args.distance_u_mm,
        camera=args.camera,
    )
    pitch = calibration.mm_per_px_at((0.0, 0.0))[0]
    print(f"{pitch:.6g} mm per pixel, assuming square pixels and a plane parallel to the sensor")
    return calibration


def _board(args: argparse.Namespace) -> Calibration:
    board = Board(
        type=args.type,
        squares=args.squares,
        square_mm=args.square_mm,
        square_u_mm=args.square_u_mm,
        marker_mm=args.marker_mm,
        dictionary=args.dictionary,
    )
    paths = [path for name in args.images for path in pictures_of(name)]
    names = [str(path) for path in paths]
    calibration, report = from_board(
        [decode_picture(path, reading=chosen_reading(args)) for path in paths],
        names,
        board,
        max_residual_px=args.max_residual_px,
        camera=args.camera,
    )
    _print_report(report, names)
    return calibration


def _print_report(report: BoardReport, names: list[str]) -> None:
    if report.pattern:
        for name, (seen, expected) in zip(names, report.markers, strict=True):
            print(f"{name}: {seen} of {expected} markers, {report.pattern}")
    places = ("top left", "top right", "bottom right", "bottom left")
    print(f"{'mm per pixel':<14}{'along x':>12}{'along y':>12}")
    for name, (x, y) in zip(
        ("centre", *places), (report.pitch_centre, *report.pitch_corners), strict=True
    ):
        print(f"{name:<14}{x:>12.6f}{y:>12.6f}")
    print(
        f"tilt {report.tilt_deg:.1f} degrees "
        "(assuming square pixels and an axis through the middle)"
    )
    print(
        f"residual of {report.corners} corners: rms {report.residual_rms_mm:.4f} mm "
        f"({report.residual_rms_px:.3f} px), largest {report.residual_max_mm:.4f} mm"
    )


if __name__ == "__main__":
    sys.exit(main())
