"""The command calibrate: files, printed lines and refusals."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from printed_boards import camera, charuco, checkerboard, photograph

from calibration import load_calibration
from tools.calibrate import main


def test_a_scale_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "cal.yaml"
    arguments = ["scale", "--mm-per-px", "0.1", "--frame-size", "1280x720", "--out", str(out)]
    assert main(arguments) == 0
    calibration = load_calibration(out)
    assert calibration.frame_hw == (720, 1280)
    assert calibration.mm_per_px == (0.1, 0.1)
    assert "1280x720" in capsys.readouterr().out
    assert main(arguments) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*arguments, "--overwrite", "--mm-per-px-y", "0.2"]) == 0
    assert load_calibration(out).mm_per_px == (0.1, 0.2)
    assert load_calibration(out).scale_u_rel == 0.005
    assert "scale_u_rel is taken as 0.005" in capsys.readouterr().out
    assert main([*arguments, "--overwrite", "--scale-u-rel", "0.0001"]) == 0
    assert load_calibration(out).scale_u_rel == 0.0001


def test_two_points_take_the_frame_size_from_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replace = ["--out", str(tmp_path / "cal.yaml"), "--overwrite"]
    picture, out = tmp_path / "p.png", tmp_path / "cal.yaml"
    cv2.imwrite(str(picture), np.zeros((480, 640, 3), np.uint8))
    arguments = ["two-point", "--image", str(picture), "--p1", "10,20", "--p2", "310,420"]
    assert main([*arguments, "--distance-mm", "50", "--out", str(out)]) == 0
    calibration = load_calibration(out)
    assert calibration.frame_hw == (480, 640)
    assert calibration.mm_per_px == pytest.approx((0.1, 0.1))
    assert calibration.scale_u_rel == pytest.approx(math.hypot(0.5**0.5 / 500, 0.005))
    assert "distance_u_mm is taken as 0.25" in capsys.readouterr().out
    assert main([*arguments, "--distance-mm", "50", "--distance-u-mm", "0", *replace]) == 0
    assert load_calibration(out).scale_u_rel == pytest.approx(0.5**0.5 / 500)
    assert "taken as" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["scale", "--mm-per-px", "0.1"],
        ["two-point", "--p1", "10,20", "--p2", "310,420", "--distance-mm", "50"],
    ],
)
def test_a_warning_says_what_the_picture_shows(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "cal.yaml"
    for name, tilt in (("level.png", 0.0), ("tilted.png", 25.0)):
        picture = tmp_path / name
        cv2.imwrite(str(picture), photograph(checkerboard(9, 6), camera(tilt)))
        assert main([*arguments, "--image", str(picture), "--out", str(out), "--overwrite"]) == 0
        assert ("the scale differs by" in capsys.readouterr().err) == (tilt > 0)
        assert load_calibration(out).frame_hw == (720, 1280)


def test_a_board_is_reported_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, out = tmp_path / "board.png", tmp_path / "cal.yaml"
    cv2.imwrite(str(picture), photograph(checkerboard(9, 6), camera(25.0)))
    arguments = ["board", "--images", str(picture), "--type", "checkerboard", "--squares", "9x6"]
    assert main([*arguments, "--square-mm", "10", "--camera", "top", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    for word in (
        "centre",
        "bottom right",
        "tilt 2",
        "residual of 40 corners",
        "square_u_mm is taken as 0.01",
    ):
        assert word in printed
    for name in ("cal_corners.png", "cal_grid.png"):
        drawn = cv2.imread(str(tmp_path / name))
        assert drawn is not None
        assert drawn.shape == (720, 1280, 3)
    calibration = load_calibration(out)
    assert calibration.camera == "top"
    assert calibration.residual_mm is not None
    assert calibration.residual_mm < 0.05


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["scale", "--mm-per-px", "0", "--frame-size", "8x8"], "mm_per_px"),
        (["scale", "--mm-per-px", "-1", "--frame-size", "8x8"], "along x must lie between"),
        (["scale", "--mm-per-px", "-1", "--frame-size", "8x8"], "got -1: check that all"),
        (
            [
                "two-point",
                "--frame-size",
                "8x8",
                "--p1",
                "1,1",
                "--p2",
                "9,1",
                "--distance-mm",
                "5",
            ],
            "outside",
        ),
        (
            ["two-point", "--image", "no.png", "--p1", "1,1", "--p2", "2,1", "--distance-mm", "5"],
            "no.png",
        ),
        (
            ["board", "--images", "no.png", "--type", "charuco", "--squares=9x6", "--square-mm=10"],
            "--marker-mm",
        ),
    ],
)
def test_bad_input_is_refused_in_one_sentence(
    arguments: list[str], word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "cal.yaml"
    assert main([*arguments, "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert word in error
    assert not out.exists()


def test_a_point_without_a_comma_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["two-point", "--frame-size", "8x8", "--p1", "1", "--p2", "2,2"]
    with pytest.raises(SystemExit) as caught:
        main([*arguments, "--distance-mm", "5", "--out", str(tmp_path / "cal.yaml")])
    assert caught.value.code == 2
    assert "--p1: '1' must be two numbers with a comma, such as 60,120" in capsys.readouterr().err


def test_a_legacy_board_in_a_folder_with_files_of_a_system_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "boards", tmp_path / "cal.yaml"
    folder.mkdir()
    cv2.imwrite(str(folder / "0.png"), photograph(charuco(8, 6, 7.0, legacy=True), camera(15.0)))
    for name in ("._0.png", "Thumbs.db", ".DS_Store"):
        (folder / name).write_bytes(b"no picture")
    arguments = ["board", "--images", str(folder), "--type", "charuco", "--squares", "8x6"]
    more = ["--square-mm", "10", "--marker-mm", "7", "--dictionary", "4X4_50", "--out", str(out)]
    assert main([*arguments, *more]) == 0
    printed = capsys.readouterr().out
    assert "0.png: 24 of 24 markers, legacy pattern" in printed
    assert "residual of 35 corners" in printed
    assert "charuco 8x6 (legacy pattern) of 10 mm" in load_calibration(out).how
