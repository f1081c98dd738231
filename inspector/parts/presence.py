"""Tells whether a part is in a zone of the frame, by comparison with the empty scene."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from loguru import logger

from inspector.core.arrays import Image

PLACES: Final = 32
"""The zone is compared at 32 x 32 places. Each is a mean, so noise and a fine texture of a moving
belt have little effect."""

PIXELS: Final = 4
"""Pixels along each side of a place that are used, if the zone has more. It limits the time."""

LEAVE_SHARE: Final = 0.5
"""A part leaves when less than this share of min_share differs. This hysteresis keeps a part that
is at the limit from being counted twice."""

DRIFT: Final = 0.02
"""Share by which the empty scene follows a place that does not differ, per frame."""


class ZonePresence:
    """Compares the zone of each frame with the empty scene.

    zone: (x0, y0, x1, y1) as shares of the frame. min_difference: grey levels by which a place
    differs, in the colour channel with the largest difference. min_share: of the places that differ
    when a part enters. empty: (H, W, 3) uint8 BGR picture of the empty scene; None: the first frame
    is taken. A change of the whole zone by up to min_difference counts as light, such as by the
    automatic exposure of a camera. The empty scene follows slow changes at places that do not
    differ.
    """

    def __init__(
        self,
        zone: tuple[float, float, float, float],
        *,
        min_difference: float,
        min_share: float,
        empty: Image | None = None,
    ) -> None:
        self._zone = zone
        self._min_difference, self._min_share = min_difference, min_share
        self._empty = None if empty is None else self._sample(empty)
        self.present = False

    def see(self, image: Image) -> bool:
        """Whether a part is in the zone of this frame. image: (H, W, 3) uint8 BGR."""
        sample = self._sample(image)
        if self._empty is None:
            logger.warning(
                "parts.empty is not set: the first frame is taken as the empty scene; if it shows "
                "a part in the zone, set parts.empty to a picture without parts"
            )
            self._empty = sample
        change = sample - self._empty
        light = np.median(change, axis=(0, 1)).clip(-self._min_difference, self._min_difference)
        differs = self._is_large(change - light)
        limit = self._min_share * (LEAVE_SHARE if self.present else 1.0)
        self.present = float(differs.mean()) >= limit
        # A part may look like a change of the light, and must not become the empty scene.
        change[self._is_large(change) if self.present else differs] = 0.0
        self._empty += DRIFT * change
        return self.present

    def _is_large(self, change: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        """(PLACES, PLACES): where the change is a difference."""
        large: npt.NDArray[np.bool_] = np.abs(change).max(axis=2) > self._min_difference
        return large

    def _sample(self, image: Image) -> npt.NDArray[np.float32]:
        """(PLACES, PLACES, 3) means of the zone. A smaller zone has fewer places."""
        height, width = image.shape[:2]
        x0, y0, x1, y1 = self._zone
        left, top = int(x0 * width), int(y0 * height)
        right, bottom = max(left + 1, round(x1 * width)), max(top + 1, round(y1 * height))
        crop = image[min(top, height - 1) : bottom, min(left, width - 1) : right]
        step = max(1, min(crop.shape[:2]) // (PLACES * PIXELS))
        crop = np.ascontiguousarray(crop[::step, ::step])
        size = min(PLACES, crop.shape[1]), min(PLACES, crop.shape[0])
        return cv2.resize(crop, size, interpolation=cv2.INTER_AREA).astype(np.float32)
