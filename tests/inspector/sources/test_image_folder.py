import struct
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.pictures import decode_picture
from inspector.core.errors import SourceError
from inspector.core.picture_files import natural_key
from inspector.core.types import BadFrame, Frame
from inspector.sources.image_folder import ImageFolderSource
from inspector.sources.options import ImageFolderOptions


def paint(path: Path, value: int = 100, hw: tuple[int, int] = (8, 12)) -> None:
    path.parent.mkdir(exist_ok=True)
    assert cv2.imwrite(str(path), np.full((*hw, 3), value, np.uint8))


def open_source(pattern: Path | str, *, max_unreadable: float = 0.1) -> ImageFolderSource:
    options = ImageFolderOptions(fps=30, max_unreadable=max_unreadable)
    return ImageFolderSource(str(pattern), options)


def read_all(source: ImageFolderSource) -> list[Frame | BadFrame]:
    frames = []
    while (frame := source.read()) is not None:
        frames.append(frame)
    return frames


def test_pictures_come_in_natural_order_at_a_constant_rate(tmp_path: Path):
    for number in (1, 2, 10, 9, 100):
        paint(tmp_path / f"web{number}.png", number)
    (tmp_path / "notes.txt").write_text("no picture")
    source = open_source(tmp_path)
    frames = read_all(source)
    assert [f.name for f in frames] == [f"web{n}.png" for n in (1, 2, 9, 10, 100)]
    assert [f.image[0, 0, 0] for f in frames] == [1, 2, 9, 10, 100]
    assert [f.frame_id for f in frames] == list(range(5))
    assert [f.pts_s for f in frames] == [float(Fraction(i, 30)) for i in range(5)]
    assert source.info.time_base == Fraction(1, 30)
    assert (source.info.frame_count, source.info.fps, source.info.frame_hw) == (5, 30, (8, 12))
    assert not frames[0].image.flags.writeable


def test_a_broken_rate_keeps_its_exact_time(tmp_path: Path):
    for number in range(4):
        paint(tmp_path / f"{number}.png")
    source = ImageFolderSource(str(tmp_path), ImageFolderOptions(fps=29.97, max_unreadable=0))
    assert source.info.time_base == Fraction(100, 2997)
    assert read_all(source)[3].pts_s == float(3 * Fraction(100, 2997))


def test_a_glob_reaches_into_folders_and_one_picture_is_enough(tmp_path: Path):
    paint(tmp_path / "a" / "1.png")
    paint(tmp_path / "b" / "1.jpg")
    assert len(read_all(open_source(tmp_path / "**" / "*"))) == 2
    assert len(read_all(open_source(tmp_path / "*" / "*.png"))) == 1
    (only,) = read_all(open_source(tmp_path / "a" / "1.png"))
    assert only.name == "1.png"


def test_grey_alpha_and_16_bit_pictures_become_bgr(tmp_path: Path):
    written = {
        "grey.png": np.full((4, 6), 77, np.uint8),
        "alpha.png": np.full((4, 6, 4), 77, np.uint8),
        "deep.png": np.full((4, 6), 77 * 257, np.uint16),
        "deep.tiff": np.full((4, 6, 3), 77 * 257, np.uint16),
    }
    for name, array in written.items():
        assert cv2.imwrite(str(tmp_path / name), array)
        image = decode_picture(tmp_path / name)
        assert (image.shape, image.dtype) == ((4, 6, 3), np.uint8), name
        assert np.abs(image.astype(int) - 77).max() <= 1, name


def test_the_exif_orientation_is_applied(tmp_path: Path):
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:, :16] = 255
    coded = cv2.imencode(".jpg", upright)[1].tobytes()
    # One entry: tag 0x112 (orientation), SHORT, count 1, value 6 (turn clockwise to show).
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x112, 3, 1, 6, 0, 0)
    exif = b"Exif\0\0" + tiff
    path = tmp_path / "turned.jpg"
    path.write_bytes(coded[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + coded[2:])
    image = decode_picture(path)
    assert image.shape == (32, 16, 3)
    assert image[:12].mean() > 240
    assert image[20:].mean() < 15


def test_pictures_of_other_sizes_are_frames_of_their_own_size(tmp_path: Path):
    paint(tmp_path / "1.png", hw=(8, 12))
    paint(tmp_path / "2.png", hw=(20, 10))
    assert [f.frame_hw for f in read_all(open_source(tmp_path))] == [(8, 12), (20, 10)]


def test_unreadable_and_empty_pictures_are_named_bad_frames(tmp_path: Path):
    for number in range(40):
        paint(tmp_path / f"{number}.png", number)
    (tmp_path / "3.png").write_bytes(b"")
    (tmp_path / "20.png").write_bytes(b"no picture")
    source = open_source(tmp_path)
    frames = read_all(source)
    bad = [f for f in frames if isinstance(f, BadFrame)]
    assert [f.frame_id for f in frames] == list(range(40))
    assert [(f.name, f.frame_id) for f in bad] == [("3.png", 3), ("20.png", 20)]
    assert "3.png is empty" in bad[0].error
    assert "20.png cannot be decoded" in bad[1].error
    assert frames[21].pts_s == float(Fraction(21, 30))


def test_too_many_unreadable_pictures_end_the_run(tmp_path: Path):
    for number in range(40):
        paint(tmp_path / f"{number}.png")
    for number in (5, 6, 7):
        (tmp_path / f"{number}.png").write_bytes(b"")
    source = open_source(tmp_path, max_unreadable=0.2)
    for _ in range(7):
        source.read()
    with pytest.raises(SourceError, match=r"3 of 8 pictures .* 0\.2"):
        source.read()


def test_a_share_of_zero_allows_no_unreadable_picture(tmp_path: Path):
    paint(tmp_path / "1.png")
    (tmp_path / "2.png").write_bytes(b"")
    source = open_source(tmp_path, max_unreadable=0)
    source.read()
    with pytest.raises(SourceError, match="1 of 2 pictures"):
        source.read()


def test_a_name_without_a_readable_picture_is_refused(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "test" / "good").mkdir(parents=True)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "1.png").write_bytes(b"no picture")
    for pattern, words in (
        ("empty", "holds no pictures"),
        ("test", "holds no pictures .*, but folders: name one of them, such as .*test/good"),
        ("*.png", "no picture matches"),
        ("missing.png", "does not exist"),
        ("bad", r"1\.png cannot be decoded"),
    ):
        with pytest.raises(SourceError, match=words) as caught:
            open_source(tmp_path / pattern)
        assert str(tmp_path / pattern) in str(caught.value)


def test_rates_and_shares_out_of_range_are_refused(tmp_path: Path):
    paint(tmp_path / "1.png")
    with pytest.raises(SourceError, match="above 0"):
        ImageFolderSource(str(tmp_path), ImageFolderOptions(fps=0))
    with pytest.raises(SourceError, match="between 0 and 1"):
        ImageFolderSource(str(tmp_path), ImageFolderOptions(max_unreadable=2))


def test_digits_sort_by_their_value():
    names = ["b1", "a10", "a9", "A2", "a10b"]
    assert sorted(names, key=natural_key) == ["A2", "a9", "a10", "a10b", "b1"]
