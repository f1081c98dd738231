"""Finds light that changes slowly, from the median of many frames."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from engines.spec_fields import PictureFigure
from inspector.health.conditions import LIGHT_DRIFT, Symptom

FIGURES: Final = ("brightness", "red_green", "blue_green")
"""Figures of the light, in grey levels."""

FRAMES: Final = 200
"""Number of frames of which the median is taken."""

SHARE: Final = 1 / 3
"""The limits of the median are outside the range of the good pictures by this share of the margin
that a single frame has."""

_WORDS: Final = {
    "brightness": ("darker", "brighter"),
    "red_green": ("less red", "more red"),
    "blue_green": ("less blue", "more blue"),
}


class LightDrift:
    """Compares the median of the last FRAMES frames with the range of the good pictures.

    The median is outside a limit if more than half of the frames are, so only the counts of these
    frames are needed. The drift ends when fewer than a quarter are outside.

    figures: of the engine file; those without limits are left out.
    """

    def __init__(self, figures: Sequence[PictureFigure], frames: int = FRAMES) -> None:
        self._figures = [f for f in figures if f.name in FIGURES and drift_limits(f) is not None]
        self._limits = np.array([drift_limits(f) for f in self._figures]).reshape(-1, 2)
        self._values = np.zeros((len(self._figures), frames))
        self._sides = np.zeros((len(self._figures), frames), np.int8)
        self._counts = np.zeros((len(self._figures), 2), np.int64)
        self._seen = 0
        self._symptom: Symptom | None = None
        self._drifts: tuple[int, int] | None = None
        """Row of the figure and side (0 below, 1 above) that drifts."""

    def see(self, values: Mapping[str, float]) -> Symptom | None:
        """values: figures of a frame that is not outside any limit. Returns the drift while it
        lasts."""
        frames = self._values.shape[1]
        place, self._seen = self._seen % frames, self._seen + 1
        for row, figure in enumerate(self._figures):
            value, (low, high) = values[figure.name], self._limits[row]
            side = -1 if value < low else int(value > high)
            before = self._sides[row, place]
            if before:
                self._counts[row, int(before > 0)] -= 1
            if side:
                self._counts[row, int(side > 0)] += 1
            self._values[row, place], self._sides[row, place] = value, side
        if self._drifts is not None and self._counts[self._drifts] < frames / 4:
            self._symptom = self._drifts = None
        if (
            self._symptom is None
            and self._seen >= frames
            and self._counts.max(initial=0) * 2 > frames
        ):
            row, side = divmod(int(self._counts.argmax()), 2)
            self._drifts, self._symptom = (row, side), self._describe(row, side)
        return self._symptom

    def _describe(self, row: int, side: int) -> Symptom:
        figure, limit = self._figures[row], float(self._limits[row, side])
        median = float(np.median(self._values[row]))
        sentence = (
            f"the light drifts: the last {self._values.shape[1]} pictures are "
            f"{_WORDS[figure.name][side]} than the good pictures (median of {figure.name} "
            f"{median:.3g}, good pictures {figure.quantiles[0]:.3g} to {figure.quantiles[-1]:.3g})"
        )
        return Symptom(LIGHT_DRIFT, sentence, value=median, limit=limit)


def drift_limits(figure: PictureFigure) -> tuple[float, float] | None:
    """Limits of the median; None if the figure has no limits."""
    lowest, highest = figure.quantiles[0], figure.quantiles[-1]
    if figure.low is None or figure.high is None:
        return None
    return lowest - SHARE * (lowest - figure.low), highest + SHARE * (figure.high - highest)
