"""Counts which simulated defects fail at a threshold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from engines.spec_fields import DefectPower, PowerPoint

RELIABLE: Final = 0.9
"""Share of the defects that must be found from the smallest size on."""

CLEAR: Final = 40.0
"""Grey levels. The smallest size is about defects of at least this contrast, and of kinds without a
contrast. Of fainter defects, which are simulated as well, even large ones may be missed."""

FEW: Final = 4
"""With fewer clear defects of a size and all larger ones, no size is named."""

TOLERANCE: Final = 1e-9

Values = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class SimulatedScores:
    """Image scores of good pictures with one simulated defect each.

    kinds: of the defects. sizes_px: longest extents, px of a frame. contrasts: grey levels from 0
    to 255, 0 where the kind has none. scores: by models that were not fitted on the picture.
    """

    kinds: tuple[str, ...]
    sizes_px: Values
    contrasts: Values
    scores: Values

    def share_found(self, threshold: float) -> float:
        """Share of the defects that reach the threshold: the mean over their kinds."""
        failed = self.scores >= np.float32(threshold)
        return float(np.mean([failed[rows].mean() for rows in self._rows().values()]))

    def measure_power(self, threshold: float) -> tuple[DefectPower, ...]:
        """Per kind, how many of each size and contrast reach the threshold. The scores are among the parameters, so that `read_scores` can count again for another threshold."""
        return tuple(
            self._measure_kind(kind, rows, threshold) for kind, rows in self._rows().items()
        )

    def _rows(self) -> dict[str, npt.NDArray[np.int64]]:
        kinds = np.array(self.kinds)
        return {kind: np.flatnonzero(kinds == kind) for kind in dict.fromkeys(self.kinds)}

    def _measure_kind(
        self, kind: str, rows: npt.NDArray[np.int64], threshold: float
    ) -> DefectPower:
        sizes, scores = self.sizes_px[rows], self.scores[rows].astype(np.float32)
        contrasts = self.contrasts[rows]
        points = []
        for size, contrast in sorted(set(zip(sizes.tolist(), contrasts.tolist(), strict=True))):
            same = scores[(sizes == size) & (contrasts == contrast)]
            detected = int(np.count_nonzero(same >= np.float32(threshold)))
            points.append(PowerPoint(size, len(same), detected, contrast or None))
        clear = [point for point in points if point.contrast is None or point.contrast >= CLEAR]
        return DefectPower(
            kind,
            tuple(points),
            find_smallest(clear),
            {
                "clear_contrast": CLEAR,
                "clear_defects": sum(point.simulated for point in clear),
                "sizes_px": [float(size) for size in sizes],
                "contrasts": [float(contrast) for contrast in contrasts],
                # The shortest decimals that give the same float32 again.
                "scores": [float(str(score)) for score in scores],
            },
        )


def read_scores(power: Sequence[DefectPower]) -> SimulatedScores:
    """The scores that `measure_power` wrote."""
    kinds: list[str] = []
    columns: dict[str, list[Any]] = {"sizes_px": [], "contrasts": [], "scores": []}
    for kind in power:
        kinds += [kind.kind] * len(kind.parameters["scores"])
        for name, values in columns.items():
            values += kind.parameters[name]
    sizes, contrasts = np.array(columns["sizes_px"]), np.array(columns["contrasts"])
    return SimulatedScores(tuple(kinds), sizes, contrasts, np.array(columns["scores"], np.float32))


def find_smallest(points: Sequence[PowerPoint]) -> float | None:
    """The smallest size for which, and for every larger size, two things hold: of the defects of
    this size and all larger ones RELIABLE are found, and of this size alone as well, where one miss
    is always allowed. None if the largest size does not reach it, or with fewer than FEW defects.
    """
    smallest, simulated, detected = None, 0, 0
    for size in sorted({point.size_px for point in points}, reverse=True):
        same = [point for point in points if point.size_px == size]
        count, hits = sum(each.simulated for each in same), sum(each.detected for each in same)
        simulated, detected = simulated + count, detected + hits
        if count - hits > max(1, (1 - RELIABLE) * count + TOLERANCE):
            break
        if simulated < FEW:
            continue
        if detected < RELIABLE * simulated:
            break
        smallest = size
    return smallest
