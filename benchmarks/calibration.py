"""Calibrations from rendered boards: real errors of lengths by place against the stated ones.

python -m benchmarks.calibration [REPEATS] prints a row for each setup, tilt of the plane and
distortion. "plane only" is a homography without a lens, with the noise of its corners as its
uncertainty. The squares are exact, so their uncertainty is left out.
"""

import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np

from benchmarks.board_pictures import SQUARE_MM, Camera, checkerboard, photograph, pose
from calibration.board import from_views
from calibration.target import Board, BoardView, find_corners
from inspector.core.geometry import Points

FRAME_HW: Final = (540, 960)
FOCAL_PX: Final = 1125.0
DISTANCE_MM: Final = 190.0
TILTS: Final = (0.0, 10.0, 20.0, 30.0)
BARRELS: Final = (0.0, 0.05, 0.10)
REPEATS: Final = 3
RADIUS_PX: Final = 15.0
INSET: Final = 0.04
"""Distance of the places from the edge, as a share of the frame."""

PLACES: Final = {
    "centre": ((0.5, 0.5),),
    "edge": ((0.5, INSET), (1 - INSET, 0.5), (0.5, 1 - INSET), (INSET, 0.5)),
    "corner": tuple((x, y) for x in (INSET, 1 - INSET) for y in (INSET, 1 - INSET)),
}

ToPlane = Callable[[Points], Points]
UncertaintyOf = Callable[[Points], tuple[Points, Points]]


@dataclass(frozen=True, slots=True)
class Setup:
    """squares: of the board. poses: pictures in other poses, besides the flat one. at_mm: place of
    the flat board, from the centre. lens: False is a homography only."""

    name: str
    squares: tuple[int, int]
    poses: int = 0
    at_mm: tuple[float, float] = (0.0, 0.0)
    lens: bool = True


FULL, QUARTER = (15, 8), (8, 5)
SETUPS: Final = (
    Setup("plane only", FULL, lens=False),
    Setup("1 picture", FULL),
    Setup("5 pictures", (10, 6), poses=4),
    Setup("12 pictures", (10, 6), poses=11),
    Setup("quarter, plane only", QUARTER, at_mm=(34.0, 16.0), lens=False),
    Setup("quarter, 1 picture", QUARTER, at_mm=(34.0, 16.0)),
)


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else REPEATS
    print("rms error of lengths and median 2u in %, and share of real errors within 2u")
    print(f"{'':32}" + "".join(f"{place:>16}" for place in PLACES) + f"{'length':>9}{'area':>7}")
    rows = []
    for setup in SETUPS:
        for tilt in TILTS:
            for barrel in BARRELS:
                rows.append(measure_cell(setup, tilt, barrel, repeats))
                _print_row(rows[-1])
    for setup in SETUPS:
        inside = [row["inside"] for row in rows if row["setup"] == setup.name]
        length, area = np.mean(inside, axis=0)
        print(f"{setup.name:20} within 2u: lengths {length:.3f}, areas {area:.3f}")
    print(json.dumps({"calibration": rows}))


def measure_cell(setup: Setup, tilt: float, barrel: float, repeats: int) -> dict[str, Any]:
    """Errors (%) and coverage of one setup; every repeat has another camera, pose and noise."""
    errors: dict[str, list[Points]] = {place: [] for place in PLACES}
    stated: dict[str, list[float]] = {place: [] for place in PLACES}
    inside: list[tuple[float, float]] = []
    for repeat in range(repeats):
        rng = np.random.default_rng((repeat, round(tilt), round(100 * barrel)))
        camera = _random_camera(rng, barrel)
        plane = pose(tilt, towards_deg=rng.uniform(0, 360), distance_mm=DISTANCE_MM)
        views = _photograph_views(setup, camera, plane, rng)
        to_plane, uncertainty = (_calibrate if setup.lens else _fit_plane)(setup, views)
        for place, shares in PLACES.items():
            for x, y in shares:
                centre = np.array((x * FRAME_HW[1], y * FRAME_HW[0]))
                lengths, area = _errors(to_plane, camera, plane, centre)
                u_length, u_area = (float(u[0]) for u in uncertainty(centre[None]))
                errors[place].append(lengths)
                stated[place].append(u_length)
                within = float(np.mean(np.abs(lengths) <= 2 * u_length))
                inside.append((within, float(abs(area) <= 2 * u_area)))
    return {
        "setup": setup.name,
        "tilt_deg": tilt,
        "barrel": barrel,
        "rms_error": {k: 100 * float(np.sqrt(np.mean(np.square(v)))) for k, v in errors.items()},
        "two_u": {k: 200 * float(np.median(v)) for k, v in stated.items()},
        "inside": tuple(np.mean(inside, axis=0).tolist()),
    }


def _random_camera(rng: np.random.Generator, barrel: float) -> Camera:
    height, width = FRAME_HW
    centre = (width / 2 + rng.normal(0, 0.01 * width), height / 2 + rng.normal(0, 0.01 * width))
    return Camera(FRAME_HW, FOCAL_PX, barrel, centre)


def _photograph_views(
    setup: Setup, camera: Camera, plane: Points, rng: np.random.Generator
) -> list[BoardView]:
    """The flat board last. Poses that do not show the whole board are tried again."""
    texture = checkerboard(*setup.squares)
    board = Board("checkerboard", setup.squares, SQUARE_MM)
    planes = []
    while len(planes) < setup.poses:
        tilted = pose(
            rng.uniform(5, 35), towards_deg=rng.uniform(0, 360), distance_mm=rng.uniform(190, 260)
        ) @ _move((rng.uniform(-45, 45), rng.uniform(-25, 25)), rng.uniform(-20, 20))
        if _shows_all(camera, tilted, setup.squares):
            planes.append(tilted)
    planes.append(plane @ _move(setup.at_mm, 0.0))
    views = []
    for each in planes:
        image = photograph(texture, camera, each, seed=int(rng.integers(1 << 31)))
        views.append(find_corners(image, board, "board"))
    return views


def _move(at_mm: tuple[float, float], turn_deg: float) -> Points:
    c, s = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
    return np.array(((c, -s, at_mm[0]), (s, c, at_mm[1]), (0, 0, 1.0)))


def _shows_all(camera: Camera, plane: Points, squares: tuple[int, int]) -> bool:
    half = (np.array(squares) / 2 + 0.3) * SQUARE_MM
    corners = np.array(((-1, -1), (1, -1), (1, 1), (-1, 1))) * half
    mapped = np.column_stack((corners, np.ones(4))) @ (camera.matrix @ plane).T
    pixels = mapped[:, :2] / mapped[:, 2:]
    return bool(np.all((pixels > 0) & (pixels < FRAME_HW[::-1])))


def _calibrate(setup: Setup, views: list[BoardView]) -> tuple[ToPlane, UncertaintyOf]:
    board = Board("checkerboard", setup.squares, SQUARE_MM, square_u_mm=0.0)
    flat = [False] * (len(views) - 1) + [True]
    calibration, _ = from_views(views, board, max_residual_px=0.5, flat=flat)
    assert calibration.uncertainty is not None
    table = calibration.uncertainty
    return calibration.to_plane, lambda points: table.at(points, FRAME_HW)


def _fit_plane(_: Setup, views: list[BoardView]) -> tuple[ToPlane, UncertaintyOf]:
    """A homography, and the noise of its corners over their spread."""
    marks = views[-1].marks * SQUARE_MM
    matrix = np.asarray(cv2.findHomography(views[-1].corners, marks, 0)[0], np.float64)

    def to_plane(points: Points) -> Points:
        mapped = np.column_stack((points, np.ones(len(points)))) @ matrix.T
        return np.asarray(mapped[:, :2] / mapped[:, 2:], np.float64)

    off = to_plane(views[-1].corners) - marks
    spread = float(np.sqrt(np.sum((marks - marks.mean(axis=0)) ** 2)))
    u = float(np.sqrt(np.mean(np.sum(off**2, axis=1)))) / spread
    return to_plane, lambda points: (np.full(len(points), u), np.full(len(points), 2 * u))


def _errors(
    to_plane: ToPlane, camera: Camera, plane: Points, centre: Points
) -> tuple[Points, float]:
    """Relative errors of eight diameters and of the area of a small circle."""
    angles = np.arange(16) * math.pi / 8
    circle = centre + RADIUS_PX * np.column_stack((np.cos(angles), np.sin(angles)))
    measured, true = to_plane(circle), camera.to_plane(circle, plane)
    lengths = [np.linalg.norm(ring[:8] - ring[8:], axis=1) for ring in (measured, true)]
    areas = [cv2.contourArea(ring.astype(np.float32)) for ring in (measured, true)]
    return np.asarray(lengths[0] / lengths[1] - 1, np.float64), areas[0] / areas[1] - 1


def _print_row(row: dict[str, Any]) -> None:
    name = f"{row['setup']:20} {row['tilt_deg']:>3.0f} deg {100 * row['barrel']:>3.0f} %"
    cells = "".join(
        f"{row['rms_error'][place]:>8.3f} {row['two_u'][place]:>7.3f}" for place in PLACES
    )
    print(f"{name:32}{cells}{row['inside'][0]:>9.2f}{row['inside'][1]:>7.2f}", flush=True)


if __name__ == "__main__":
    main()
