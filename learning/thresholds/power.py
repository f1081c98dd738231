"""Counts which simulated defects fail at a threshold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from engines.spec_fields import DefectPower, PowerPoint

SHARE: Final = 0.9
"""Share of defects that must be found at the smallest size."""

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
        """Per kind, how many of each size reach the threshold. Contrasts are mixed. The scores are
        among the parameters, so that `read_scores` can count again for another threshold."""
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
        points = []
        for size in np.unique(sizes):
            same = scores[sizes == size]
            found = int(np.count_nonzero(same >= np.float32(threshold)))
            points.append(PowerPoint(float(size), len(same), found))
        return DefectPower(
            kind,
            tuple(points),
            _smallest(points),
            {
                "sizes_px": [float(size) for size in sizes],
                "contrasts": [float(contrast) for contrast in self.contrasts[rows]],
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


def _smallest(points: Sequence[PowerPoint]) -> float | None:
    """The smallest size from which on at least SHARE of every size are found."""
    smallest = None
    for point in reversed(points):
        if point.share < SHARE:
            break
        smallest = point.size_px
    return smallest
