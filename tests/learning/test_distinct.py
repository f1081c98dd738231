"""Copies and empty pictures among the good ones."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from log_lines import warnings_of

from engines.spec import ResizeRule
from inspector.core.errors import DataError
from learning import Scheme, fit
from learning.distinct import keep_distinct
from learning.normals import Normals, from_folder

HW = (96, 128)


def product(seed: int, noise: float = 3.0) -> np.ndarray:
    """(96, 128, 3) uint8: another product for each seed, with edges, light texture and noise."""
    rng = np.random.default_rng(seed)
    picture = np.full((*HW, 3), 150, np.float64)
    for x, y, radius, grey in rng.integers((10, 10, 6, 60), (118, 86, 20, 220), (9, 4)):
        cv2.circle(picture, (int(x), int(y)), int(radius), (float(grey),) * 3, -1)
    picture += cv2.GaussianBlur(rng.normal(0, 30, (*HW, 3)), (0, 0), 2)
    return (picture + rng.normal(0, noise, picture.shape)).clip(0, 255).astype(np.uint8)


def same_scene(seed: int, noise: float) -> np.ndarray:
    """The product 0 with the noise of a camera."""
    rng = np.random.default_rng(seed)
    picture = product(0) + rng.normal(0, noise, (*HW, 3))
    return picture.clip(0, 255).astype(np.uint8)


def encoded(picture: np.ndarray, suffix: str, *parameters: int) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(suffix, picture, parameters)[1], cv2.IMREAD_COLOR)


def normals(*pictures: np.ndarray, ordered: bool = False) -> Normals:
    names = tuple(f"{index}.png" for index in range(len(pictures)))
    return Normals("good", np.stack(pictures), names, HW, ResizeRule(HW), ordered)


def products(count: int) -> list[np.ndarray]:
    return [product(seed) for seed in range(count)]


def test_pictures_of_different_products_are_all_used_without_a_warning():
    with warnings_of() as heard:
        used = keep_distinct(normals(*products(12)))
    assert used.names == tuple(f"{index}.png" for index in range(12))
    assert used.copies == used.empty == ()
    assert heard == []


def test_equal_files_under_other_names_and_formats_count_as_one(tmp_path: Path):
    for index, suffix in enumerate((".png", ".bmp", ".tif", ".ppm")):
        cv2.imwrite(str(tmp_path / f"{index}{suffix}"), product(0))
    for seed in (1, 2):
        cv2.imwrite(str(tmp_path / f"other{seed}.png"), product(seed))
    with warnings_of() as heard:
        used = keep_distinct(from_folder(tmp_path, input_hw=HW))
    assert used.names == ("0.png", "other1.png", "other2.png")
    assert used.copies == ("1.bmp", "2.tif", "3.ppm")
    assert "3 of 6 good pictures are copies of others and count as one with them" in heard[0]
    assert "1.bmp = 0.png" in heard[0]
    assert "--keep-similar" not in heard[0]


def test_thirty_copies_in_thirty_one_are_two_pictures():
    used = keep_distinct(normals(*[product(0)] * 30, product(1)))
    assert used.names == ("0.png", "30.png")
    assert len(used.copies) == 29


@pytest.mark.parametrize("count", [2, 8, 40])
def test_only_copies_are_refused_with_what_to_do(count):
    with pytest.raises(DataError, match=rf"{count} times the same picture .*1\.png = 0\.png.* two"):
        keep_distinct(normals(*[product(0)] * count))


@pytest.mark.parametrize(
    ("suffix", "parameters"),
    [
        (".jpg", (cv2.IMWRITE_JPEG_QUALITY, 95)),
        (".jpg", (cv2.IMWRITE_JPEG_QUALITY, 75)),
        (".jpg", (cv2.IMWRITE_JPEG_QUALITY, 50)),
        (".webp", (cv2.IMWRITE_WEBP_QUALITY, 80)),
    ],
)
def test_pictures_that_were_encoded_again_count_as_one(suffix, parameters):
    again = [encoded(product(seed), suffix, *parameters) for seed in range(3)]
    with warnings_of() as heard:
        used = keep_distinct(normals(*products(12), *again))
    assert used.copies == ("12.png", "13.png", "14.png")
    assert "show different products, use --keep-similar" in heard[0]
    assert keep_distinct(normals(*products(12), *again), keep_similar=True).copies == ()


def test_one_picture_at_many_qualities_is_one_picture(tmp_path: Path):
    for quality in (98, 95, 90, 85, 80, 75, 60, 50):
        parameters = (cv2.IMWRITE_JPEG_QUALITY, quality)
        cv2.imwrite(str(tmp_path / f"{quality}.jpg"), product(0, noise=0), parameters)
    with pytest.raises(DataError, match=r"8 times the same picture .*--keep-similar"):
        keep_distinct(from_folder(tmp_path, input_hw=HW))
    used = keep_distinct(from_folder(tmp_path, input_hw=HW), keep_similar=True)
    assert len(used.names) == 8


def test_jpeg_files_of_different_products_are_all_used(tmp_path: Path):
    for seed in range(12):
        cv2.imwrite(str(tmp_path / f"{seed}.jpg"), product(seed))
    assert len(keep_distinct(from_folder(tmp_path, input_hw=HW)).names) == 12


@pytest.mark.parametrize("gain", [0.03, 0.0])
def test_one_picture_at_many_brightnesses_is_named_in_a_warning(gain):
    pictures = [(product(0) * (0.7 + gain * i)).astype(np.uint8) for i in range(10)]
    if gain:
        with warnings_of() as heard:
            keep_distinct(normals(*pictures))
        assert "differ by little more than noise" in heard[0]
    else:
        with pytest.raises(DataError, match="10 times the same"):
            keep_distinct(normals(*pictures))


def test_frames_of_a_scene_that_stands_still_count_as_one():
    still = [same_scene(seed, 0.8) for seed in range(20)]
    used = keep_distinct(normals(*still, *products(9)[1:], ordered=True))
    assert used.names == ("0.png", *(f"{index}.png" for index in range(20, 28)))
    with pytest.raises(DataError, match="20 times the same picture"):
        keep_distinct(normals(*still))
    assert len(keep_distinct(normals(*still), keep_similar=True).names) == 20


def test_pictures_with_more_noise_than_an_encoder_makes_are_used_with_a_warning():
    pictures = normals(*(same_scene(seed, 3.0) for seed in range(12)))
    with warnings_of() as heard:
        assert len(keep_distinct(pictures).names) == 12
    assert "differ by little more than noise" in heard[0]


@pytest.mark.parametrize("noise", [0.6, 1.0, 3.0])
def test_a_plain_web_differs_by_noise_only_and_every_picture_counts(noise):
    rng = np.random.default_rng(1)
    web = 140 + np.linspace(0, 20, HW[1])[None, :, None]
    pictures = [(web + rng.normal(0, noise, (*HW, 3))).astype(np.uint8) for _ in range(12)]
    with warnings_of() as heard:
        assert len(keep_distinct(normals(*pictures)).names) == 12
    assert heard == []


@pytest.mark.parametrize(
    "empty",
    [
        np.zeros((*HW, 3), np.uint8),
        np.full((*HW, 3), 255, np.uint8),
        np.full((*HW, 3), (200, 30, 90), np.uint8),
        np.random.default_rng(0).integers(0, 3, (*HW, 3)).astype(np.uint8),
        np.random.default_rng(0).integers(118, 122, (*HW, 3)).astype(np.uint8),
    ],
    ids=["black", "white", "one colour", "black with noise", "grey with noise"],
)
def test_an_empty_picture_is_left_out_by_name(empty):
    with warnings_of() as heard:
        used = keep_distinct(normals(*products(6), empty, *products(9)[6:]))
    assert used.empty == ("6.png",)
    assert len(used.names) == 9
    assert "1 of 10 good pictures show nothing" in heard[0]
    assert "6.png (brightness" in heard[0]


def test_only_empty_pictures_are_refused_with_what_to_look_at():
    pictures = [np.full((*HW, 3), 10 * index, np.uint8) for index in range(8)]
    with pytest.raises(DataError, match=r"8 of 8 good pictures .* show nothing.*light and"):
        keep_distinct(normals(*pictures))
    with pytest.raises(DataError, match=r"7 of 8 good pictures"):
        keep_distinct(normals(*pictures[:7], product(0)))


def test_more_black_pictures_than_good_ones_are_left_out_too():
    black = [np.random.default_rng(i).integers(0, 3, (*HW, 3)).astype(np.uint8) for i in range(10)]
    assert len(keep_distinct(normals(*products(6), *black)).empty) == 10


@pytest.mark.parametrize(("low", "high"), [(0, 4), (0, 12), (247, 256)])
def test_only_black_or_white_pictures_with_noise_are_refused(low, high):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(low, high, (*HW, 3)).astype(np.uint8) for _ in range(10)]
    with pytest.raises(DataError, match="10 of 10 good pictures"):
        keep_distinct(normals(*pictures))


def test_dark_pictures_with_a_bright_part_are_used():
    pictures = []
    for seed in range(6):
        picture = np.zeros((*HW, 3), np.uint8)
        cv2.circle(picture, (20 + 12 * seed, 40), 3, (90, 90, 90), -1)
        pictures.append(picture)
    assert len(keep_distinct(normals(*pictures)).names) == 6


def test_the_promise_counts_copies_once_and_the_engine_counts_them(tmp_path: Path):
    pictures = [picture for seed in range(9) for picture in [product(seed)] * 3]
    result = fit(pictures, out=tmp_path / "copies.onnx", size=(64, 96), threads=1)
    assert result.spec.threshold_rule.normals == 9
    assert result.spec.threshold_rule.false_alarm_rate == pytest.approx(0.1)
    assert result.spec.trained_on["copies"] == 18
    assert result.spec.trained_on["count"] == 9
    single = fit(products(9), out=tmp_path / "single.onnx", size=(64, 96), threads=1)
    assert result.spec.image_threshold == single.spec.image_threshold > 0.01


def test_held_out_copies_of_fitted_pictures_choose_no_threshold(tmp_path: Path):
    pictures = [*products(10), *products(10)]
    scheme = Scheme(held_out=0.5)
    result = fit(pictures, out=tmp_path / "e.onnx", size=(64, 96), threads=1, scheme=scheme)
    assert result.spec.trained_on["held_out"] == 5
    assert result.spec.image_threshold > 0.01
