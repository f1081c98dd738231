"""Renders frames of a simulated web: texture that does not repeat, defects, light, dirt, noise."""

from collections.abc import Sequence

import cv2
import numpy as np

from benchmarks.web_lines import HW, WebDefect
from inspector.core.arrays import Image, freeze

_BAND = 1024
"""Rows of web that are drawn at once."""


class WebCamera:
    """A camera that looks at an endless paper-like web. Its noise differs in every frame."""

    def __init__(self, defects: Sequence[WebDefect], seed: int, *, dirt: bool = True) -> None:
        self._defects, self._seed = defects, seed
        self._bands: dict[int, Image] = {}
        y, x = np.mgrid[0 : HW[0], 0 : HW[1]] / np.array(HW)[:, None, None]
        light = 1 - 0.25 * ((x - 0.4) ** 2 + (y - 0.5) ** 2)
        if dirt:
            rng = np.random.default_rng((seed, 7))
            spots = np.zeros(HW, np.float32)
            for _ in range(12):
                centre = int(rng.integers(0, HW[1])), int(rng.integers(0, HW[0]))
                cv2.circle(spots, centre, int(rng.integers(2, 8)), 0.3, -1)
            light = light * (1 - cv2.GaussianBlur(spots, (0, 0), 1.5))
        self._light = light.astype(np.float32)

    def frame(self, position: float, index: int) -> Image:
        """(H, W, 3) uint8: row y shows web px position + HW[0] - y."""
        low = int(np.floor(position)) - 1
        rows = np.concatenate(
            [self._band(n) for n in range(low // _BAND, (low + HW[0] + 3) // _BAND + 1)]
        )
        rows = rows[low - low // _BAND * _BAND :][: HW[0] + 3][::-1]
        # Row 0 of `rows` is web row low + HW[0] + 2; the frame begins at position + HW[0].
        shift = low + HW[0] + 3 - (position + HW[0])
        matrix = np.array(((1.0, 0.0, 0.0), (0.0, 1.0, -shift)))
        web = cv2.warpAffine(
            np.ascontiguousarray(rows).astype(np.float32), matrix, HW[::-1], flags=cv2.INTER_CUBIC
        )
        rng = np.random.default_rng((self._seed, 3, index))
        grey = web * self._light * (1 + 0.01 * rng.standard_normal())
        grey += 2 * rng.standard_normal(HW, np.float32)
        return freeze(np.repeat(np.clip(np.rint(grey), 0, 255).astype(np.uint8)[..., None], 3, 2))

    def _band(self, number: int) -> Image:
        """_BAND rows of web, each with the texture of its place. The last four are cached."""
        if number not in self._bands:
            if len(self._bands) >= 4:
                self._bands.pop(next(iter(self._bands)))
            rng = np.random.default_rng((self._seed, 5, number + 10))
            fine = cv2.GaussianBlur(rng.standard_normal((_BAND, HW[1]), np.float32), (0, 0), 1.2)
            web = 150 + 25 * fine
            self._draw(web, number * _BAND)
            self._bands[number] = np.clip(np.rint(web), 0, 255).astype(np.uint8)
        return self._bands[number]

    def _draw(self, web: "np.typing.NDArray[np.float32]", start: int) -> None:
        for defect in self._defects:
            if defect.high < start or defect.low > start + _BAND:
                continue
            for x0, y0, x1, y1 in defect.pieces:
                rows = slice(max(0, round(y0) - start), max(0, round(y1) - start))
                web[rows, round(x0) : round(x1)] -= 60
