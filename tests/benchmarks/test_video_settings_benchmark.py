"""Tests the figures of quality of the benchmark of video settings."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.video_settings import HW, Ssim, compare, write


def texture(seed: int, hw: tuple[int, int]) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, hw, np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 4)
    return np.asarray(cv2.equalizeHist(smooth), np.uint8)


def test_ssim_is_one_for_equal_pictures_and_falls_with_each_change() -> None:
    luma = texture(1, (64, 96))
    measure = Ssim((64, 96))
    values = [measure(luma, luma ^ change) for change in (0, 4, 32)]
    assert values[0] == pytest.approx(1)
    assert values[0] > values[1] > values[2]


def test_the_left_panel_is_compared_with_the_frame(tmp_path: Path) -> None:
    """The frames are shown at half of their size, below a header of 20 rows."""
    frames = [texture(seed, HW) for seed in range(2)]
    pictures = []
    for frame in frames:
        i420 = np.full((380 * 3 // 2, 1280), 128, np.uint8)
        i420[20:380, :640] = cv2.resize(frame, (640, 360), interpolation=cv2.INTER_AREA)
        pictures.append(i420)
    path = tmp_path / "out.mp4"
    write(path, pictures, "ultrafast", 10, 1)
    of_picture, of_frame = compare(path, pictures, frames)
    assert of_picture > 0.99
    assert of_frame > 0.95
    assert compare(path, pictures, frames[::-1])[1] < 0.5
