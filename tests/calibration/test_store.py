"""Calibration files are read as they were written; errors name the wrong key."""

import errno
import os
from pathlib import Path

import pytest

from calibration import Calibration, load_calibration, save_calibration
from calibration.scale import from_scale
from inspector.core.errors import CalibrationError

MATRIX = ((0.05, 0.002, -3.0), (0.001, 0.06, 1.0), (1e-5, 2e-5, 1.0))


@pytest.mark.parametrize(
    "calibration",
    [
        from_scale(0.1, (720, 1280), mm_per_px_y=1 / 3, scale_u_rel=0.001, camera="Süd"),
        Calibration("homography", (720, 1280), "board", "now", homography=MATRIX, residual_mm=0.01),
    ],
)
def test_a_saved_calibration_is_loaded_bit_for_bit(
    calibration: Calibration, tmp_path: Path
) -> None:
    path = tmp_path / "cal.yaml"
    save_calibration(calibration, path)
    assert load_calibration(path) == calibration
    assert load_calibration(path).sha256() == calibration.sha256()


def test_a_full_disk_leaves_the_old_calibration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cal.yaml"
    save_calibration(from_scale(0.1, (720, 1280)), path)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CalibrationError, match=r"cal\.yaml cannot be written: no space left"):
        save_calibration(from_scale(0.2, (720, 1280)), path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["cal.yaml"]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("format: 2", "format: 3", "format must be 1 or 2"),
        ("camera:", "kamera:", "unknown key kamera"),
        ("kind: scale", "kind: affine", "affine"),
        ("[720", "[seven", r"frame_hw\[0\]"),
        ("how:", "mm: 1\nhow:", "unknown key mm;"),
        ("[0.1", "[-0.1", "mm_per_px"),
        ("made_utc:", "#", "made_utc"),
    ],
)
def test_the_error_names_the_file_and_the_wrong_key(
    before: str, after: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "cal.yaml"
    save_calibration(from_scale(0.1, (720, 1280)), path)
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    with pytest.raises(CalibrationError, match=message) as caught:
        load_calibration(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"- 1\n- 2\n", b"a: [1", b"\xff\xfe\x00"])
def test_another_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cal.yaml"
    path.write_bytes(content)
    with pytest.raises(CalibrationError, match=r"cal\.yaml"):
        load_calibration(path)


def test_errors_name_a_missing_file_and_an_unwritable_folder(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=r"nowhere\.yaml"):
        load_calibration(tmp_path / "nowhere.yaml")
    (tmp_path / "file").write_text("")
    with pytest.raises(CalibrationError, match=r"file/cal\.yaml cannot be written"):
        save_calibration(from_scale(0.1, (8, 8)), tmp_path / "file" / "cal.yaml")
