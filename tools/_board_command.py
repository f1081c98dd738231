"""The command `calibrate board`: its options, and what it prints and writes."""

import argparse
import functools
from pathlib import Path

import numpy as np
from loguru import logger

from calibration.board import BoardReport, from_views, places
from calibration.lens import COEFFICIENTS
from calibration.pictures import draw_corners, draw_grid
from calibration.plane import Calibration
from calibration.target import SQUARE_U_REL, TYPES, Board, find_corners
from engines.pictures import decode_picture
from inspector.core.errors import ConfigError
from inspector.core.picture_files import pictures_of
from tools._argument_types import out_folder, squares
from tools._board_from_source import BoardPicture, read_moving_board, save_pictures, write_png
from tools._new_file import refuse_existing
from tools._reading_options import chosen_reading

_WIDE_U_REL = 0.01
"""A warning names the place if a length is less certain than twice this."""


def add_board_options(board: argparse.ArgumentParser) -> None:
    board.add_argument(
        "--images",
        action="extend",
        nargs="+",
        default=[],
        help="pictures of the board flat on the plane of the product: files, folders or globs",
    )
    board.add_argument(
        "--pictures",
        action="extend",
        nargs="+",
        default=[],
        help="pictures of the board in different poses, all over the frame; they measure the lens. "
        "Without --images some of them show it flat, see --flat",
    )
    board.add_argument(
        "--flat",
        action="extend",
        nargs="+",
        default=[],
        metavar="NAME",
        help="names of the flat pictures among --pictures (default: the last)",
    )
    board.add_argument(
        "--source", help="instead of --pictures: a camera, stream or video of the moving board"
    )
    board.add_argument(
        "--seconds",
        type=float,
        default=120.0,
        help="a live --source is read for at most so long (default: %(default)g)",
    )
    board.add_argument(
        "--save-pictures",
        type=out_folder,
        metavar="DIR",
        help="writes the pictures that were taken from --source to a new folder",
    )
    board.add_argument("--type", choices=TYPES, required=True)
    board.add_argument(
        "--squares", type=squares, required=True, metavar="CxR", help="columns x rows of squares"
    )
    board.add_argument("--square-mm", type=float, required=True)
    board.add_argument(
        "--square-u-mm",
        type=float,
        help=f"uncertainty, k = 1 (default: {100 * SQUARE_U_REL:g} %% of --square-mm)",
    )
    board.add_argument("--marker-mm", type=float, help="side of the markers of a ChArUco board")
    board.add_argument("--dictionary", help="markers of a ChArUco board, such as 4X4_50")
    board.add_argument(
        "--max-residual-px",
        type=float,
        default=0.5,
        help="largest rms residual (default: %(default)s)",
    )


def calibrate_board(args: argparse.Namespace) -> Calibration:
    board = Board(
        type=args.type,
        squares=args.squares,
        square_mm=args.square_mm,
        square_u_mm=args.square_u_mm,
        marker_mm=args.marker_mm,
        dictionary=args.dictionary,
    )
    files = [_beside(args.out, name) for name in ("corners", "grid")]
    for path in files:
        refuse_existing(path, overwrite=args.overwrite)
    pictures = _read_pictures(args, board)
    calibration, report = from_views(
        [picture.view for picture in pictures],
        board,
        flat=[picture.flat for picture in pictures],
        max_residual_px=args.max_residual_px,
        camera=args.camera,
    )
    _print_report(calibration, report, board)
    first_flat = next(picture.image for picture in pictures if picture.flat)
    write_png(files[0], draw_corners(first_flat, calibration, report))
    write_png(files[1], draw_grid(first_flat, calibration, board.square_mm))
    print(f"look at {files[0]} and {files[1]}: the lines must run along the squares")
    return calibration


def _beside(out: Path, name: str) -> Path:
    return out.with_name(f"{out.stem}_{name}.png")


def _read_pictures(args: argparse.Namespace, board: Board) -> list[BoardPicture]:
    if bool(args.pictures) + (args.source is not None) + bool(args.images) == 0:
        raise ConfigError("give pictures of the board with --images or --pictures, or a --source")
    if args.pictures and args.source is not None:
        raise ConfigError("--pictures and --source cannot be used together")
    if args.flat and (args.images or not args.pictures):
        raise ConfigError("--flat names some of --pictures, and only if there are no --images")
    if args.save_pictures is not None and args.source is None:
        raise ConfigError("--save-pictures is for --source")
    flat_paths = [path for name in args.images for path in pictures_of(name)]
    posed_paths = [path for name in args.pictures for path in pictures_of(name)]
    among = [] if args.images else _flat_among(posed_paths, args.flat)
    pictures = [_read_picture(path, board, args, flat=True) for path in flat_paths]
    pictures += [_read_picture(path, board, args, flat=path in among) for path in posed_paths]
    if args.source is not None:
        pictures += _read_source(args, board, needs_flat=not args.images)
    return pictures


def _flat_among(paths: list[Path], names: list[str]) -> list[Path]:
    if not names:
        return paths[-1:]
    flat = []
    for name in names:
        matching = [path for path in paths if name in (path.name, str(path))]
        if len(matching) != 1:
            raise ConfigError(f"--flat {name} must be the name of one of --pictures")
        flat += matching
    return flat


def _read_picture(
    path: Path, board: Board, args: argparse.Namespace, *, flat: bool
) -> BoardPicture:
    image = decode_picture(path, reading=chosen_reading(args))
    return BoardPicture(image, find_corners(image, board, str(path)), flat)


def _read_source(args: argparse.Namespace, board: Board, *, needs_flat: bool) -> list[BoardPicture]:
    if not args.seconds > 0:
        raise ConfigError(f"--seconds must be above 0, not {args.seconds:g}")
    folder: Path | None = args.save_pictures
    if folder is not None and folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"--save-pictures {folder} is not empty; name a new folder")
    say = functools.partial(print, flush=True)
    pictures = read_moving_board(
        args.source, board, args.seconds, chosen_reading(args), needs_flat=needs_flat, say=say
    )
    if folder is not None:
        save_pictures(pictures, folder)
    return pictures


def _print_report(calibration: Calibration, report: BoardReport, board: Board) -> None:
    if report.pattern:
        for view in report.views:
            seen, expected = view.markers
            print(f"{view.name}: {seen} of {expected} markers, {report.pattern}")
    print(f"{'mm per pixel':<14}{'along x':>12}{'along y':>12}{'2u of lengths':>16}")
    spots = places(calibration.frame_hw)
    uncertain = {
        name: calibration.relative_u(np.array((place,)))[0] for name, place in spots.items()
    }
    for name, place in spots.items():
        x, y = calibration.mm_per_px_at(place)
        print(f"{name:<14}{x:>12.6f}{y:>12.6f}{200 * uncertain[name]:>14.2f} %")
    print(
        f"tilt {report.tilt_deg:.1f} degrees "
        "(assuming square pixels and an axis through the middle)"
    )
    _print_lens(report)
    print(
        f"residual of {report.corners} corners: rms {report.residual_rms_px:.3f} px; on the plane "
        f"rms {report.residual_rms_mm:.4f} mm, largest {report.residual_max_mm:.4f} mm"
    )
    print(f"the board was seen in {100 * report.coverage:.0f} % of the frame")
    if board.square_u_mm is None:
        u_mm = board.square_u_rel * board.square_mm
        print(f"square_u_mm is taken as {u_mm:.3g}; give --square-u-mm if you know it better")
    name = max(uncertain, key=lambda name: uncertain[name])
    if uncertain[name] > _WIDE_U_REL:
        logger.warning(
            "at the {} lengths are uncertain by {:.1f} % (2u), because the board covers only "
            "{:.0f} % of the frame: use a larger board, or --pictures of it all over the frame",
            *(name, 200 * uncertain[name], 100 * report.coverage),
        )


def _print_lens(report: BoardReport) -> None:
    lens = report.fit.lens
    focal = f"focal length {lens.focal_px[0]:.0f} px, " if report.focal_known else ""
    x, y = lens.centre_px
    print(
        f"lens: {focal}centre ({x:.0f}, {y:.0f}), distortion {100 * report.distortion:+.2f} % at "
        "the corners"
    )
    values = zip(COEFFICIENTS, lens.coefficients, strict=True)
    print("coefficients: " + ", ".join(f"{name} {value:.4g}" for name, value in values))
    if report.limited:
        print(
            f"the corners do not determine {', '.join(report.limited)}; what is usual for lenses "
            "limits them, and the uncertainties allow for it"
        )
    if not report.focal_known:
        print(
            "the focal length is unknown, because no picture shows the board in another pose; "
            "sizes on the plane do not depend on it"
        )
