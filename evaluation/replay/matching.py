"""Matches the defects of one frame in two records of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.replay.recorded import Record


@dataclass(frozen=True, slots=True)
class Pair:
    """The same defect in the recorded log and in the replay, as records of docs/records.md."""

    old: Record
    new: Record

    def sizes(self, name: str) -> tuple[float, float, str]:
        """Old and new size and its unit: mm (or mm2) if both have it, otherwise px. name: length,
        width or area."""
        for unit in ("mm", "px"):
            key = f"{name}_{unit}{'2' if name == 'area' and unit == 'mm' else ''}"
            old, new = self.old.get(key), self.new.get(key)
            if old is not None and new is not None:
                return old, new, key.partition("_")[2] + ("2" if key == "area_px" else "")
        return math.nan, math.nan, "px"

    @property
    def is_clear(self) -> bool:
        """Whether its length, width or area changed by more than the larger expanded uncertainty.
        A size without uncertainty counts as exact."""
        return any(self._is_clear(name) for name in ("length", "width", "area"))

    def _is_clear(self, name: str) -> bool:
        old, new, unit = self.sizes(name)
        key = f"{name}_expanded_u_{unit if name != 'area' or unit != 'px2' else 'px'}"
        largest = max(self.old.get(key) or 0.0, self.new.get(key) or 0.0)
        return abs(new - old) > max(largest, 1e-9 * max(abs(old), abs(new)))


@dataclass(frozen=True, slots=True)
class FrameChange:
    """Two `measured` records of one frame. pairs: defects that both have. lost, added: defects that
    only the recorded log or only the replay has."""

    old: Record
    new: Record
    pairs: tuple[Pair, ...]
    lost: tuple[Record, ...]
    added: tuple[Record, ...]

    @property
    def frame_id(self) -> int:
        return int(self.old["frame_id"])

    @property
    def verdict_changed(self) -> bool:
        return bool(self.old["verdict"] != self.new["verdict"])

    @property
    def clear_pairs(self) -> tuple[Pair, ...]:
        return tuple(pair for pair in self.pairs if pair.is_clear)

    @property
    def differs(self) -> bool:
        """Whether the verdict, the number of defects or a size clearly changed."""
        return bool(self.verdict_changed or self.lost or self.added or self.clear_pairs)


def compare_frame(old: Record, new: Record) -> FrameChange:
    """Matches defects whose boxes overlap, the pair with the largest overlap first. Each defect is
    in one pair at most."""
    before, after = old["defects"], new["defects"]
    overlaps = sorted(
        (
            (-share, i, j)
            for i, a in enumerate(before)
            for j, b in enumerate(after)
            if (share := _overlap(a["box_px"], b["box_px"])) > 0
        )
    )
    partner: dict[int, int] = {}
    taken: set[int] = set()
    for _, i, j in overlaps:
        if i not in partner and j not in taken:
            partner[i] = j
            taken.add(j)
    return FrameChange(
        old=old,
        new=new,
        pairs=tuple(Pair(before[i], after[j]) for i, j in sorted(partner.items())),
        lost=tuple(defect for i, defect in enumerate(before) if i not in partner),
        added=tuple(defect for j, defect in enumerate(after) if j not in taken),
    )


def _overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Shared area of two boxes (x0, y0, x1, y1) divided by the area of both together."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return width * height / (sum(areas) - width * height)
