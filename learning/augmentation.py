"""Makes altered copies of few good pictures: a model learns small changes of place and light.

Copies are fitted together with their picture. They never count as pictures: folds hold a picture
and all of its copies, and promises are about the number of pictures.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from loguru import logger

from inspector.core.arrays import Image
from inspector.core.errors import ConfigError
from learning.job import BATCH, EngineJob
from learning.methods.base import Embeddings

AUTO, NONE = "auto", "none"
AUGMENT: Final = (AUTO, NONE)

MOST_PICTURES: Final = 5
"""More pictures than this are fitted without copies. With 10 pictures copies raised the image AUROC
of no set, and the false alarms of one (python -m benchmarks.few_pictures)."""

TOTAL: Final = 20
"""Pictures and copies together."""

DEGREES: Final = 2.0
"""Largest rotation."""

SHIFTS: Final = (2.0, 16.0)
"""Smallest and largest limit of a shift, px of the input."""

GAINS: Final = (0.03, 0.2)
"""Smallest and largest limit of a change of brightness, as a share."""

MATCH: Final = 0.2
"""Response of the phase correlation from which two pictures show the same product at a known
distance. Pictures of real products reach 0.25 to 0.9, unrelated pictures 0.08."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Limits of the random changes. copies: of each picture. shift: px of the input. degrees: of
    the rotation about the centre. gain: share of the brightness."""

    copies: int
    shift: float
    degrees: float
    gain: float


@dataclass(frozen=True, slots=True)
class Copies:
    """What a method keeps of the copies of n pictures. embeddings: row i * count + j is copy j of
    picture i. how: None if there are no copies."""

    how: Augmentation | None = None
    embeddings: Embeddings = field(default_factory=dict)

    @property
    def count(self) -> int:
        return 0 if self.how is None else self.how.copies

    def add(self, embeddings: Embeddings, pictures: Indices) -> Embeddings:
        """embeddings: of these pictures. The same with their copies behind them."""
        if self.how is None:
            return embeddings
        rows = (pictures[:, np.newaxis] * self.count + np.arange(self.count)).ravel()
        return {
            key: np.concatenate([values, self.embeddings[key][rows]])
            for key, values in embeddings.items()
        }

    def describe(self) -> dict[str, Any]:
        """For EngineSpec.trained_on."""
        return {} if self.how is None else {"augmented": asdict(self.how)}


STRONG: Final = Augmentation(copies=16, shift=8, degrees=10, gain=0.2)
"""Of the copies that choose the thresholds of a single picture. No model is fitted on them. Their
scores stand for other products: with small changes every new good picture failed."""


def check_augment(mode: str) -> None:
    if mode not in AUGMENT:
        raise ConfigError(f"augment must be one of {', '.join(AUGMENT)}, not {mode!r}")


def choose_augmentation(pixels: Image, mode: str) -> Augmentation | None:
    """pixels: (n, H, W, 3) uint8 RGB, all good pictures. mode: one of AUGMENT.

    auto: no copies of more than MOST_PICTURES pictures. Shift and gain follow the differences
    between the pictures, within SHIFTS and GAINS; a single picture gets the smallest. Copies are
    never mirrored, because few products are symmetric.
    """
    count = len(pixels)
    if mode == NONE or count > MOST_PICTURES:
        return None
    shift, gain = _differences(pixels)
    how = Augmentation(
        copies=(TOTAL - count) // count,
        shift=float(np.clip(shift, *SHIFTS)),
        degrees=DEGREES,
        gain=float(np.clip(gain, *GAINS)),
    )
    logger.info(
        "{} copies of each good picture are fitted too: shifted by up to {:.0f} px, turned by up "
        "to {:g} degrees, brightness changed by up to {:.0%}",
        *(how.copies, how.shift, how.degrees, how.gain),
    )
    return how


def make_copies(pixels: Image, how: Augmentation, seed: int) -> Image:
    """(n, H, W, 3) -> (n * copies, H, W, 3); the copies of a picture are neighbours. What moves in
    at an edge is the mirrored picture."""
    random = np.random.default_rng(seed)
    height, width = pixels.shape[1:3]
    copies = []
    for picture in np.repeat(pixels, how.copies, axis=0):
        angle = random.uniform(-how.degrees, how.degrees)
        change = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1.0)
        change[:, 2] += random.uniform(-how.shift, how.shift, 2)
        moved = cv2.warpAffine(picture, change, (width, height), borderMode=cv2.BORDER_REFLECT_101)
        bright = moved * (1 + random.uniform(-how.gain, how.gain))
        copies.append(np.clip(np.rint(bright), 0, 255).astype(np.uint8))
    return np.stack(copies)


def embed_copies(job: EngineJob, pixels: Image, how: Augmentation | None, seed: int) -> Copies:
    """The copies of the pictures that are fitted, (n, H, W, 3) uint8 RGB."""
    if how is None:
        return Copies()
    return Copies(how, embed_pictures(job, make_copies(pixels, how, seed)))


def embed_pictures(job: EngineJob, pixels: Image) -> Embeddings:
    """What the method keeps of pictures, (n, H, W, 3) uint8 RGB."""
    parts = [
        job.method.embed(job.features(pixels[start : start + BATCH]))
        for start in range(0, len(pixels), BATCH)
    ]
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _differences(pixels: Image) -> tuple[float, float]:
    """The largest shift (px) of a picture against the first, among those that match it, and the
    largest difference of brightness from the median, as a share."""
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) for picture in pixels]
    levels = np.array([plane.mean() for plane in grey])
    window = cv2.createHanningWindow((grey[0].shape[1], grey[0].shape[0]), cv2.CV_32F)
    shift = 0.0
    for other in grey[1:]:
        # phaseCorrelate multiplies its arguments by the window in place.
        (x, y), response = cv2.phaseCorrelate(grey[0].copy(), other, window)
        if response >= MATCH:
            shift = max(shift, abs(x), abs(y))
    middle = max(float(np.median(levels)), 1.0)
    return shift, float(np.abs(levels - middle).max() / middle)
