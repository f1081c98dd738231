"""Reading normal pictures from folders and streams."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from loguru import logger

from inspector.core.errors import ConfigError, DataError
from learning import normals as data
from learning.frame_sizes import ASPECT_MARGIN, default_input_hw


def write(folder: Path, count: int, hw: tuple[int, int] = (48, 64), suffix: str = ".png") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        picture = np.full((*hw, 3), 40 + index, np.uint8)
        assert cv2.imwrite(str(folder / f"{hw[0]}x{hw[1]}_{index:02}{suffix}"), picture)


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ((720, 1280), (256, 448)),
        ((460, 1130), (256, 640)),
        ((480, 640), (256, 352)),
        ((512, 384), (352, 256)),
        ((300, 300), (256, 256)),
    ],
)
def test_the_default_input_keeps_the_aspect_with_a_short_side_of_256(frame, expected):
    assert default_input_hw(frame) == expected


def test_pictures_too_long_for_a_default_size_are_read_at_a_stated_size(tmp_path):
    write(tmp_path, 2, hw=(8, 400))
    with pytest.raises(DataError, match="400x8 are too long; give --size"):
        data.from_folder(tmp_path)
    assert data.from_folder(tmp_path, input_hw=(32, 64)).pixels.shape == (2, 32, 64, 3)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"])
def test_every_named_format_is_read(tmp_path, suffix):
    write(tmp_path, 2, suffix=suffix)
    normals = data.from_folder(tmp_path)
    assert normals.pixels.shape == (2, 256, 352, 3)
    assert np.abs(normals.pixels[1].astype(int) - 41).max() <= 3


def test_a_data_set_folder_means_its_good_training_pictures(tmp_path):
    write(tmp_path / "train" / "good", 3)
    write(tmp_path, 1, hw=(20, 20))
    assert len(data.from_folder(tmp_path).pixels) == 3


def test_a_glob_over_folders_names_pictures_from_their_common_folder(tmp_path):
    write(tmp_path / "line" / "a", 2)
    write(tmp_path / "line" / "b", 1)
    normals = data.from_glob(str(tmp_path / "line" / "**" / "*.png"))
    assert normals.name == "line"
    assert normals.names == ("a/48x64_00.png", "a/48x64_01.png", "b/48x64_00.png")
    assert not normals.ordered


def test_pixels_are_rgb(tmp_path):
    for name in "ab":
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((32, 32, 3), (255, 0, 0), np.uint8))
    assert tuple(data.from_folder(tmp_path, input_hw=(32, 32)).pixels[0, 0, 0]) == (0, 0, 255)


def test_unreadable_pictures_are_named_skipped_and_counted(tmp_path):
    write(tmp_path, 20)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (tmp_path / "empty.png").write_bytes(b"")
    heard: list[str] = []
    sink = logger.add(heard.append, level="WARNING")
    try:
        normals = data.from_folder(tmp_path)
    finally:
        logger.remove(sink)
    assert normals.unread == ("broken.png", "empty.png")
    assert len(normals.pixels) == len(normals.names) == 20
    assert "broken.png" in heard[0]
    assert "empty.png" in heard[1]


def test_too_many_unreadable_pictures_stop_with_their_number(tmp_path):
    write(tmp_path, 8)
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(b"")
    with pytest.raises(
        DataError, match=r"2 of 10 pictures .* cannot be read, first: .*a\.png is empty"
    ):
        data.from_folder(tmp_path)


def test_a_folder_without_pictures_or_with_none_readable_is_refused(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        data.from_folder(tmp_path / "missing")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match="holds no pictures"):
        data.from_folder(tmp_path)
    write(tmp_path, 1)
    assert len(data.from_folder(tmp_path).names) == 1
    next(tmp_path.glob("*.png")).write_bytes(b"")
    with pytest.raises(DataError, match="none of the 1 pictures"):
        data.from_folder(tmp_path)


def test_the_commonest_aspect_wins_and_one_warning_names_the_others(tmp_path):
    write(tmp_path, 3, hw=(48, 64))
    write(tmp_path, 2, hw=(64, 48))
    heard: list[str] = []
    sink = logger.add(heard.append, level="WARNING")
    try:
        normals = data.from_folder(tmp_path)
    finally:
        logger.remove(sink)
    assert normals.frame_hw == (48, 64)
    assert normals.pixels.shape == (5, 256, 352, 3)
    assert len(heard) == 1
    assert "64x48_00.png (48x64), " in heard[0]
    assert "2 of 5 pictures" in heard[0]


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (2, 0, 4, 1, 3)])
def test_pictures_of_varied_aspects_get_the_median_one_in_any_order(tmp_path, order):
    sizes = [(40, 100), (40, 60), (50, 52), (60, 40), (100, 40)]
    for place, index in enumerate(order):
        height, width = sizes[index]
        cv2.imwrite(str(tmp_path / f"{place}.png"), np.full((height, width), 40 + index, np.uint8))
    heard: list[str] = []
    sink = logger.add(heard.append, level="WARNING", format="{message}")
    normals = data.from_folder(tmp_path)
    logger.remove(sink)
    assert normals.frame_hw == (50, 52)
    assert normals.pixels.shape == (5, 256, 256, 3)
    assert normals.aspects == pytest.approx((0.4 / ASPECT_MARGIN, 2.5 * ASPECT_MARGIN))
    (warning,) = heard
    assert f"from {order.index(4)}.png (40x100) to {order.index(0)}.png (100x40)" in warning
    assert "stretched to the median, 52x50" in warning


def test_pictures_of_one_aspect_and_a_few_others_keep_the_commonest_size(tmp_path):
    write(tmp_path, 4, hw=(48, 64))
    write(tmp_path, 1, hw=(96, 128))
    write(tmp_path, 1, hw=(20, 90))
    normals = data.from_folder(tmp_path)
    assert (normals.frame_hw, normals.aspects) == ((48, 64), None)


def test_of_too_many_pictures_evenly_spread_ones_are_used(tmp_path):
    write(tmp_path, 11)
    normals = data.from_folder(tmp_path, max_pictures=3)
    assert [name[-6:] for name in normals.names] == ["00.png", "05.png", "10.png"]
    assert normals.unused == 8


def test_a_stream_is_spread_evenly_without_holding_it(tmp_path):
    frames = (np.full((48, 64, 3), index % 250, np.uint8) for index in range(1000))
    normals = data.from_stream("line", frames, input_hw=(32, 32), max_pictures=10)
    taken = [int(name.split("#")[1]) for name in normals.names]
    assert len(taken) == 10
    assert taken[0] == 0
    assert taken[-1] > 850
    assert max(np.diff(taken)) <= 2 * min(np.diff(taken))
    assert normals.ordered
    assert [int(p[0, 0, 0]) for p in normals.pixels] == [index % 250 for index in taken]


def test_a_stream_without_frames_is_refused():
    with pytest.raises(DataError, match="gave no frames"):
        data.from_stream("line", [])


def test_a_limit_below_two_pictures_is_refused(tmp_path):
    write(tmp_path, 2)
    with pytest.raises(ConfigError, match="max_pictures"):
        data.from_folder(tmp_path, max_pictures=1)
