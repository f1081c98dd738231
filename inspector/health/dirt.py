"""Finds dirt on the optics: a spot that stays at one place while the product moves.

The differences of the pictures from the mean of the good pictures are averaged, both without noise
and without slow changes of the light (band-pass). A product that moves averages out, and a spot
remains. Only pictures that show another part of the product than the last one count, so a defect on
a product that stands still is no dirt.
"""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from engines.picture_statistics import Look, Plane
from inspector.core.arrays import Image
from inspector.health.conditions import DIRT, Symptom

VIEWS: Final = 60
"""Number of pictures that are averaged."""

LEAST_CONTRAST: Final = 4.0
"""Grey levels, after the band-pass. A weaker spot is no dirt."""

LEAST_RATIO: Final = 1.5
"""Smallest ratio of the contrast of a spot to the standard deviation of the pictures there."""

ERRORS: Final = 6.0
"""Smallest contrast of a spot in standard errors of the two means."""

LIKE_BACKGROUND: Final = 0.25
"""Share of the contrast of the background by which it may change, such as with the light."""

LEAST_AREA: Final = 4
"""Pixels of the view."""

LARGEST_SHARE: Final = 0.1
"""Share of the view. If more of it differs, the scene is another one."""

SAME_VIEW: Final = 0.3
"""Two pictures show the same part of the product if their differences from the mean of the good
pictures correlate by more than this."""

NOISE_SHARE: Final = 0.25
"""Two pictures differ only by noise if the band-pass leaves a smaller share of the energy of their
difference. It leaves 0.08 of white noise and about 0.5 of a texture."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Spot:
    """mask: (h, w), True at the spot. contrast: of its strongest pixel, negative if it is darker.
    limit: for this pixel."""

    mask: Flags
    contrast: float
    limit: float


class DirtWatch:
    """Finds a spot that stays in two blocks of VIEWS pictures, one after the other.

    background: (h, w) float32, the mean of the good pictures, see PictureMeter.band_pass.
    pictures: number of independent pictures of this mean.
    """

    def __init__(
        self,
        background: Plane,
        pictures: int,
        *,
        views: int = VIEWS,
    ) -> None:
        self._background = background
        self._slack = _slack(self._background)
        self._ratio = max(LEAST_RATIO, ERRORS * math.sqrt(1 / views + 1 / pictures))
        self._views = views
        shape = self._background.shape
        self._sum, self._squares = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self._count = 0
        self._last: tuple[Image, Plane, float] | None = None
        """The last picture that counted: view, difference from the background, its energy."""
        self._before: _Spot | None = None
        self._symptom: Symptom | None = None

    def see(self, look: Look) -> Symptom | None:
        """look: a frame that is not outside any limit. Returns the dirt while it lasts."""
        view = look.view
        plane = np.asarray(cv2.subtract(look.plane, self._background), np.float32)
        energy = float(np.vdot(plane, plane))
        if self._last is None or self._shows_another_part(view, plane, energy, self._last):
            self._last = view, plane, energy
            cv2.accumulate(plane, self._sum)
            cv2.accumulateSquare(plane, self._squares)
            self._count += 1
            if self._count == self._views:
                self._end_block()
        return self._symptom

    def _shows_another_part(
        self, view: Image, plane: Plane, energy: float, last: tuple[Image, Plane, float]
    ) -> bool:
        last_view, last_plane, last_energy = last
        product = float(np.vdot(plane, last_plane))
        if product > SAME_VIEW * math.sqrt(energy * last_energy):
            return False
        change = energy + last_energy - 2 * product
        _, sd = cv2.meanStdDev(cv2.subtract(view, last_view, dtype=cv2.CV_16S))
        return change > NOISE_SHARE * float(sd[0, 0]) ** 2 * view.size

    def _end_block(self) -> None:
        spot = self._find_spot()
        self._sum[:], self._squares[:], self._count = 0, 0, 0
        before, self._before = self._before, spot
        if spot is None or before is None or not (_grow(before.mask) & spot.mask).any():
            self._symptom = None
        elif self._symptom is None:
            self._symptom = self._describe(spot)

    def _find_spot(self) -> _Spot | None:
        """The spot with the strongest contrast."""
        mean = self._sum / self._count
        sd = np.sqrt(np.maximum(self._squares / self._count - mean**2, 0))
        limit = self._slack + np.maximum(LEAST_CONTRAST, self._ratio * sd)
        excess = np.abs(mean) - limit
        outside = excess > 0
        if not 0 < outside.mean() <= LARGEST_SHARE:
            return None
        count, labels, stats, _ = cv2.connectedComponentsWithStats(outside.astype(np.uint8))
        large = [n for n in range(1, count) if stats[n, cv2.CC_STAT_AREA] >= LEAST_AREA]
        if not large:
            return None
        best = max(large, key=lambda n: float(excess[labels == n].max()))
        mask = labels == best
        place = np.unravel_index(np.argmax(np.where(mask, excess, -np.inf)), mask.shape)
        return _Spot(mask, float(mean[place]), float(limit[place]))

    def _describe(self, spot: _Spot) -> Symptom:
        rows, columns = np.nonzero(spot.mask)
        height, width = spot.mask.shape
        sentence = (
            "dirt on the lens or the light: a spot that is "
            f"{'darker' if spot.contrast < 0 else 'brighter'} stays at "
            f"{(columns.mean() + 0.5) / width:.0%} of the width and "
            f"{(rows.mean() + 0.5) / height:.0%} of the height of the inspected part, "
            "while the product moves"
        )
        return Symptom(DIRT, sentence, value=abs(spot.contrast), limit=spot.limit)


def _slack(background: Plane) -> Plane:
    """What the background may differ by: another light, and a shift of 1 px."""
    kernel = np.ones((3, 3), np.uint8)
    highest, lowest = cv2.dilate(background, kernel), cv2.erode(background, kernel)
    shifted = np.maximum(highest - background, background - lowest)
    return np.asarray(np.maximum(LIKE_BACKGROUND * np.abs(background), shifted), np.float32)


def _grow(mask: Flags) -> Flags:
    return cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
