"""Decides whether normal features are around one centre (hypersphere) or on a manifold. Like GLASS
(ECCV 2024), it measures how much of the spectrum of the mean picture is strong."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Image
from inspector.core.errors import ConfigError

CHOICES: Final = ("auto", "manifold", "hypersphere")

BATCH: Final = 8
SEEN: Final = 288
SIDE: Final = 289
CENTRE: Final = SIDE // 2
BLUR: Final = 39
STRONG: Final = 170
DENSE: Final = 0.21
LEAST_RADIUS: Final = 12
LEAST_POINTS: Final = 60


@dataclass(frozen=True, slots=True)
class Judgement:
    """l1_density, l2_density: share of strong points in the box and in the disc around the
    spectrum's centre that hold them all. radius: of that disc. points: how many are strong."""

    hypersphere: bool
    l1_density: float
    l2_density: float
    radius: float
    points: int


def is_hypersphere(choice: str, pixels: Image) -> bool:
    """choice: one of CHOICES; "auto" decides by the normal pictures (n, H, W, 3) uint8 RGB. Raises
    ConfigError for another word."""
    if choice not in CHOICES:
        raise ConfigError(f"distribution must be one of {', '.join(CHOICES)}, not {choice!r}")
    return judge(pixels).hypersphere if choice == "auto" else choice == "hypersphere"


def judge(pixels: Image) -> Judgement:
    """pixels: (n, H, W, 3) uint8 RGB, n >= 1, of any size."""
    gray = cv2.cvtColor(cv2.resize(mean_picture(pixels), (SIDE, SIDE)), cv2.COLOR_RGB2GRAY)
    blurred = cv2.blur(gray, (BLUR, BLUR))
    spectrum = np.abs(np.fft.fftshift(np.fft.fft2(blurred.astype(np.float64))))
    strong = 20 * np.log(np.maximum(spectrum, np.finfo(np.float64).tiny)) > STRONG
    return _judge_spectrum(strong)


def mean_picture(pixels: Image) -> Image:
    """(SEEN, SEEN, 3) uint8 RGB: the mean of the means of batches of BATCH, pictures squashed to
    a square."""
    batch_means = []
    for start in range(0, len(pixels), BATCH):
        batch = [_squash(picture) for picture in pixels[start : start + BATCH]]
        batch_means.append(np.mean(batch, axis=0, dtype=np.float64))
    return np.asarray(np.mean(batch_means, axis=0), np.uint8)


def _squash(picture: Image) -> Image:
    if picture.shape[:2] == (SEEN, SEEN):
        return picture
    how = cv2.INTER_AREA if min(picture.shape[:2]) > SEEN else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (SEEN, SEEN), interpolation=how), np.uint8)


def _judge_spectrum(strong: npt.NDArray[np.bool_]) -> Judgement:
    rows, columns = np.nonzero(strong)
    points = len(rows)
    if not points:
        return Judgement(False, 0.0, 0.0, 0.0, 0)
    tall, wide = np.abs(rows - CENTRE), np.abs(columns - CENTRE)
    radius = float(np.hypot(tall, wide).max())
    l1_density = points / (4 * max(int(wide.max()), 1) * max(int(tall.max()), 1))
    y, x = np.mgrid[-SIDE:SIDE, -SIDE:SIDE]
    l2_density = points / int((np.hypot(y, x) <= radius).sum())
    dense = l1_density > DENSE or l2_density > DENSE
    hypersphere = dense and radius > LEAST_RADIUS and points > LEAST_POINTS
    return Judgement(hypersphere, l1_density, l2_density, radius, points)
