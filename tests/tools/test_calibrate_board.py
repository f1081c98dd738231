"""The command calibrate board: several poses, sources, pictures that it draws, refusals."""

import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.board_pictures import SQUARE_MM, Camera, checkerboard, photograph, pose
from calibration import load_calibration
from calibration.target import Board
from inspector.core.arrays import Image
from inspector.core.errors import CalibrationError
from inspector.core.types import Frame, SourceInfo
from tools._board_from_source import _Session
from tools._sampled_frames import TimedImage, sampled_frames
from tools.calibrate import main

CAMERA = Camera(frame_hw=(360, 640), focal_px=750.0, barrel=0.08)
BOARD = Board("checkerboard", (9, 6), SQUARE_MM)
OPTIONS = ["--type", "checkerboard", "--squares", "9x6", "--square-mm", "10"]
PLACES = [(x, y) for y in (-18.0, 18.0) for x in (-36.0, 0.0, 36.0)]


def picture(x: float, y: float, tilt: float = 0.0, towards: float = 0.0) -> Image:
    plane = pose(tilt, towards_deg=towards, distance_mm=200.0)
    there = plane @ np.array(((1, 0, x), (0, 1, y), (0, 0, 1)))
    return photograph(checkerboard(9, 6), CAMERA, there)


@pytest.fixture(scope="module")
def poses() -> list[Image]:
    """Six tilted boards all over the frame, and one flat in the middle."""
    tilted = [picture(x, y, 20.0, 60.0 * n) for n, (x, y) in enumerate(PLACES)]
    return [*tilted, picture(0.0, 0.0)]


@pytest.fixture
def folder(tmp_path: Path, poses: list[Image]) -> Path:
    place = tmp_path / "poses"
    place.mkdir()
    for number, image in enumerate(poses):
        cv2.imwrite(str(place / f"{number}.png"), image)
    return place


def test_pictures_in_poses_measure_the_lens(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "cal.yaml"
    arguments = ["board", "--pictures", str(folder), *OPTIONS, "--out", str(out)]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    for words in ("focal length 7", "2u of lengths", "residual of 280 corners", "coefficients: k1"):
        assert words in printed
    calibration = load_calibration(out)
    assert calibration.lens is not None
    assert calibration.lens.focal_px[0] == pytest.approx(750.0, rel=0.01)
    assert calibration.mm_per_px_at((320.0, 180.0))[0] == pytest.approx(200 / 750, rel=2e-3)
    assert main([*arguments, "--overwrite", "--flat", "2.png"]) == 0
    assert main([*arguments, "--overwrite", "--images", str(folder / "6.png")]) == 0
    again = load_calibration(out)
    assert again.mm_per_px_at((320.0, 180.0)) == pytest.approx(
        calibration.mm_per_px_at((320.0, 180.0)), rel=1e-3
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--images or --pictures, or a --source"),
        (["--pictures", "{}", "--source", "0"], "--pictures and --source cannot"),
        (["--pictures", "{}", "--flat", "9.png"], "--flat 9.png must be the name of"),
        (["--images", "{}", "--flat", "0.png"], "--flat names some of --pictures"),
        (["--images", "{}", "--save-pictures", "{}/new"], "--save-pictures is for --source"),
        (["--source", "{}"], "is a folder or a picture: use --pictures"),
        (["--source", "{}/none.mp4"], "none.mp4"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(
    arguments: list[str],
    words: str,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "cal.yaml"
    filled = [argument.format(folder) for argument in arguments]
    assert main(["board", *filled, *OPTIONS, "--out", str(out)]) != 0
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ")
    assert words in error
    assert not out.exists()


def test_drawn_pictures_of_another_calibration_are_not_replaced(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cal_grid.png").write_bytes(b"mine")
    arguments = ["board", "--pictures", str(folder), *OPTIONS, "--out", str(tmp_path / "cal.yaml")]
    assert main(arguments) == 2
    assert "cal_grid.png exists already" in capsys.readouterr().err
    assert (tmp_path / "cal_grid.png").read_bytes() == b"mine"


def test_the_drawn_lines_run_along_the_squares(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "cal.yaml"
    assert main(["board", "--images", str(folder / "6.png"), *OPTIONS, "--out", str(out)]) == 0
    grid = cv2.imread(str(tmp_path / "cal_grid.png")).astype(int)
    lines = (grid[..., 0] - grid[..., 2] > 60) & (grid[..., 0] > 100)
    assert lines.mean() > 0.05
    grey = cv2.cvtColor(grid.astype(np.uint8), cv2.COLOR_BGR2GRAY)
    # Between the lines every square has one brightness: they meet at the edges of the squares.
    middle = grey[130:230, 240:400][~lines[130:230, 240:400]]
    dark, bright = np.percentile(middle, (10, 90))
    between = (middle > dark + 20) & (middle < bright - 20)
    assert between.mean() < 0.12


def test_a_video_of_a_moving_board_is_calibrated_and_its_pictures_saved(
    poses: list[Image], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video, out, saved = tmp_path / "board.avi", tmp_path / "cal.yaml", tmp_path / "taken"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 10, (640, 360))
    for image in poses:
        for _ in range(6):
            writer.write(image)
    writer.release()
    arguments = ["board", "--source", str(video), *OPTIONS, "--out", str(out)]
    assert main([*arguments, "--save-pictures", str(saved)]) == 0
    assert "picture 6: " in capsys.readouterr().out
    calibration = load_calibration(out)
    assert calibration.mm_per_px_at((320.0, 180.0))[0] == pytest.approx(200 / 750, rel=3e-3)
    assert (
        main(["board", "--pictures", str(saved), *OPTIONS, "--out", str(tmp_path / "b.yaml")]) == 0
    )
    assert np.array(load_calibration(tmp_path / "b.yaml").homography) == pytest.approx(
        np.array(calibration.homography), rel=1e-6
    )
    assert main([*arguments, "--overwrite", "--save-pictures", str(saved)]) == 2
    assert "is not empty" in capsys.readouterr().err


def live_frames(images: list[Image], seconds_each: float = 0.4) -> Iterator[TimedImage]:
    """Each picture for a while, the last one for 8 s."""
    time_s = 0.0
    for image in images:
        for _ in range(round(seconds_each / 0.2) if image is not images[-1] else 40):
            yield TimedImage(f"camera#{time_s}", time_s, image)
            time_s += 0.2


def test_a_live_session_asks_for_the_flat_board_when_enough_is_covered() -> None:
    places = [(x, y) for y in (-24.0, 24.0) for x in (-46.0, -15.0, 15.0, 46.0)]
    images = [picture(x, y, 15.0, 45.0 * n) for n, (x, y) in enumerate(places)]
    extra = [picture(0.0, 0.0, 25.0, 10.0), picture(0.0, 5.0, 5.0)]
    spoken: list[str] = []
    session = _Session(BOARD, live=True, needs_flat=True, say=spoken.append)
    pictures = session.collect("camera", live_frames([*images, *extra]), 60.0)
    assert [p.flat for p in pictures] == [*[False] * (len(pictures) - 1), True]
    assert pictures[-1].image is extra[-1]
    assert spoken[0] == "camera: move the board through the whole frame, and tilt it"
    assert spoken[-1].startswith("now lay the board on the plane of the product")


def test_a_live_session_that_ends_too_early_says_what_is_missing(poses: list[Image]) -> None:
    session = _Session(BOARD, live=True, needs_flat=True, say=lambda _: None)
    with pytest.raises(
        CalibrationError, match=r"covered \d+ % of the frame .* give more --seconds"
    ):
        session.collect("camera", live_frames(poses[:4]), 5.0)
    session = _Session(BOARD, live=True, needs_flat=True, say=lambda _: None)
    with pytest.raises(CalibrationError, match="still in only 1 different places"):
        session.collect("camera", live_frames(poses[:1]), 5.0)
    session = _Session(BOARD, live=True, needs_flat=True, say=lambda _: None)
    empty = np.full((360, 640, 3), 128, np.uint8)
    with pytest.raises(CalibrationError, match="found no checkerboard"):
        session.collect("camera", live_frames([empty]), 5.0)
    with pytest.raises(CalibrationError, match="no frame came within 5 s"):
        session.collect("camera", iter(()), 5.0)


class FastCamera:
    """A live source: numbered frames as fast as they are read, then silence until it is closed."""

    def __init__(self, count: int) -> None:
        self._count, self._next, self.closed = count, 0, False
        self.info = SourceInfo("fast", True, (2, 2), None, None, None, None)

    def read(self) -> Frame | None:
        if self._next == self._count:
            return None
        self._next += 1
        image = np.zeros((2, 2, 3), np.uint8)
        return Frame(self._next - 1, "fast", image, self._next, None, "now")

    def close(self) -> None:
        self.closed = True


def test_slow_work_gets_the_newest_frames_of_a_live_source_and_the_last() -> None:
    numbers = [int(f.name.split("#")[1]) for f in sampled_frames(FastCamera(5000), 5.0)]
    assert numbers == sorted(numbers)
    assert numbers[-1] == 4999


class SilentCamera(FastCamera):
    def read(self) -> Frame | None:
        threading.Event().wait(3.0)
        return None


def test_a_silent_source_ends_after_the_time_limit() -> None:
    assert list(sampled_frames(SilentCamera(0), 0.2)) == []
