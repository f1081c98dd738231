"""How large a simulated defect must be for an engine to find it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from engines.resize import crop_box
from engines.spec import ResizeRule
from engines.spec_fields import DefectPower, PowerPoint
from inspector.core.arrays import Mask
from inspector.core.errors import DataError
from learning.simulation.plans import WITHOUT_CONTRAST, DefectPlan

RELIABLE: Final = 0.9
"""Share of the defects that must be found from the smallest size on."""

CLEAR: Final = 40.0
"""Grey levels. The smallest size is about defects of at least this contrast: of fainter defects,
which are simulated as well, even large ones may be missed."""

TOLERANCE: Final = 1e-9

FEW: Final = 4
"""With fewer clear defects of a size and all larger ones, no size is named."""


@dataclass(frozen=True, slots=True)
class SimulatedScores:
    """plans: n simulated defects. sizes_px: (n,) their longest extents in px of the frame. scores:
    (n,) image scores by models that were not fitted on the good picture. Raises DataError for
    lengths that differ and for no defect."""

    plans: tuple[DefectPlan, ...]
    sizes_px: npt.NDArray[np.float64]
    scores: npt.NDArray[np.floating]

    def __post_init__(self) -> None:
        if not len(self.plans) == len(self.sizes_px) == len(self.scores) > 0:
            raise DataError(
                f"{len(self.plans)} plans, {len(self.sizes_px)} sizes and {len(self.scores)} "
                "scores of simulated defects: there must be the same number of each, at least 1"
            )

    @property
    def kinds(self) -> tuple[str, ...]:
        """In the order of their first plans."""
        return tuple(dict.fromkeys(plan.kind for plan in self.plans))

    def of_kind(self, kind: str) -> Mask:
        return np.array([plan.kind == kind for plan in self.plans])


def sizes_in_frame(
    plans: Sequence[DefectPlan], rule: ResizeRule, frame_hw: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """(n,) planned longest extents in px of the frame, for defects drawn at the size of the
    engine's input. Where resizing changes the aspect ratio, the mean of both directions."""
    x0, y0, x1, y1 = crop_box(rule, frame_hw)
    height, width = rule.input_hw
    scale = float(np.sqrt((x1 - x0) * (y1 - y0) / (height * width)))
    return np.array([plan.size for plan in plans]) * min(rule.input_hw) * scale


def share_found(simulated: SimulatedScores, threshold: float) -> float:
    """Share of the simulated defects that FAIL, as the mean over the kinds, 0..1."""
    shares = share_by_kind(simulated, threshold)
    return float(np.mean(list(shares.values())))


def share_by_kind(simulated: SimulatedScores, threshold: float) -> dict[str, float]:
    """Kind -> share of its defects that FAIL, all sizes and contrasts together."""
    fails = simulated.scores >= threshold
    return {kind: float(fails[simulated.of_kind(kind)].mean()) for kind in simulated.kinds}


def share_by_size(simulated: SimulatedScores, threshold: float) -> dict[float, float]:
    """DefectPlan.size -> share that FAILs, as the mean over the kinds of that size."""
    sizes = np.array([plan.size for plan in simulated.plans])
    fails = simulated.scores >= threshold
    shares = {}
    for size in np.unique(sizes):
        per_kind = [
            fails[which].mean()
            for kind in simulated.kinds
            if (which := simulated.of_kind(kind) & (sizes == size)).any()
        ]
        shares[float(size)] = float(np.mean(per_kind))
    return shares


def measure_power(simulated: SimulatedScores, threshold: float) -> tuple[DefectPower, ...]:
    """One entry per kind, with a point per size and contrast. threshold: of the image score.

    smallest_px: by find_smallest, of the defects of contrast CLEAR or more. The size_px of a point
    is the median of all defects of the same DefectPlan.size. parameters: clear_contrast,
    reliable_share, clear_defects (how many are of contrast CLEAR or more).
    """
    return tuple(_power_of(simulated, kind, threshold) for kind in simulated.kinds)


def _power_of(simulated: SimulatedScores, kind: str, threshold: float) -> DefectPower:
    groups: dict[tuple[float, float], list[int]] = {}
    for index in np.flatnonzero(simulated.of_kind(kind)):
        plan = simulated.plans[index]
        groups.setdefault((plan.size, plan.contrast), []).append(int(index))
    contrasts = kind not in WITHOUT_CONTRAST
    points = tuple(
        PowerPoint(
            size_px=_median_size(simulated, size),
            simulated=len(indices),
            detected=int(np.count_nonzero(simulated.scores[indices] >= threshold)),
            contrast=contrast if contrasts else None,
        )
        for (size, contrast), indices in sorted(groups.items())
    )
    clear = [point for point in points if point.contrast is None or point.contrast >= CLEAR]
    parameters = {
        "clear_contrast": CLEAR if contrasts else None,
        "reliable_share": RELIABLE,
        "clear_defects": sum(point.simulated for point in clear),
    }
    return DefectPower(kind, points, find_smallest(clear), parameters)


def _median_size(simulated: SimulatedScores, size: float) -> float:
    same = np.array([plan.size == size for plan in simulated.plans])
    return float(np.median(simulated.sizes_px[same]))


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


def describe_power(power: Sequence[DefectPower]) -> list[str]:
    """One short line per kind, and one about the sizes and contrasts."""
    lines = [f"{row.kind}: {_describe(row)}" for row in power]
    return [
        *lines,
        f"sizes are longest extents; they are about a contrast of {CLEAR:.0f} grey levels or more",
    ]


def _describe(row: DefectPower) -> str:
    largest = max(point.size_px for point in row.points)
    detected = sum(point.detected for point in row.points)
    count = sum(point.simulated for point in row.points)
    total = f"{detected} of {count} found in all"
    if row.smallest_px is not None:
        return f"90 % found from {row.smallest_px:.0f} px (of the frame) on; {total}"
    if row.parameters["clear_defects"] < FEW:
        return f"too few simulated to name a size; {total}"
    return f"fewer than 90 % found at the largest sizes tried (up to {largest:.0f} px); {total}"
