"""Counts what another engine, calibration or setting changes: verdicts, defects and sizes."""

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from evaluation.replay.change_tables import ChangeTables
from evaluation.replay.fails import FailChange, compare_fails
from evaluation.replay.matching import FrameChange, compare_frame
from evaluation.replay.pictures import Gallery, PictureOfChange
from evaluation.replay.recorded import Record, RecordedRun
from evaluation.replay.statistics import (
    SizeChange,
    compare_sizes,
    rank_correlation,
)
from inspector.core.protocols import Picture
from inspector.core.types import Inspection, RunInfo, Verdict
from inspector.outputs.records import inspection_records

SIZES: Final = ("length", "width", "area")
MOST_POINTS: Final = 2000
"""Frames in the chart of the scores, evenly spread over the run."""

PASS, FAIL = Verdict.PASS.value, Verdict.FAIL.value


@dataclass(frozen=True, slots=True)
class ScorePair:
    """Recorded score and score of the replay of one frame."""

    old: float
    new: float
    verdict_changed: bool


@dataclass(frozen=True, slots=True)
class Changes:
    """frames: number of frames in both logs. image_thresholds: recorded and new. verdicts: (old,
    new) -> number of frames. old_defects, new_defects: sightings. matched, lost, added: defects in
    both, only in the recorded log, only in the replay. clear: matched defects whose size changed
    by more than its uncertainty. sizes: "length mm" and so on -> how the size changed.
    correlation: of the ranks of the scores. differing: number of frames that differ. pictures: the
    first of them, those with another verdict first.
    """

    frames: int
    image_thresholds: tuple[float, float]
    verdicts: Mapping[tuple[str, str], int]
    fails: FailChange
    old_defects: int
    new_defects: int
    matched: int
    lost: int
    added: int
    clear: int
    sizes: Mapping[str, SizeChange]
    correlation: float | None
    scores: Sequence[ScorePair]
    differing: int
    pictures: Sequence[PictureOfChange]


class ChangeCounter:
    """Compares each inspection of the replay with the record of the same frame.

    see() is an observer of the pipeline. info: of the replay; set it before the pipeline starts.
    """

    def __init__(self, run: RecordedRun, out: Path) -> None:
        self.info: RunInfo | None = None
        self._run = run
        self._records = run.inspections()
        self._next: Record | None = next(self._records, None)
        self._tables = ChangeTables(out)
        self._gallery = Gallery()
        self._verdicts: Counter[tuple[str, str]] = Counter()
        self._counts: Counter[str] = Counter()
        self._scores = (array("d"), array("d"), array("b"))
        self._sizes: dict[tuple[str, str], tuple[array[float], array[float], array[float]]] = {}

    def see(self, inspection: Inspection, _: Picture) -> None:
        old = self._find(inspection.frame_id)
        if old is None:
            return
        assert self.info is not None
        change = compare_frame(old, inspection_records(self.info, inspection)[1])
        self._count(change)
        if change.differs:
            self._counts["differing"] += 1
            self._tables.write(change)
            self._gallery.add(change, getattr(inspection.frame, "image", None))

    def finish(self) -> Changes:
        """Writes the tables to their end and computes the intervals."""
        assert self.info is not None
        self._tables.close()
        counts, verdicts = self._counts, self._verdicts
        both = sum(verdicts[pair] for pair in verdicts if set(pair) <= {PASS, FAIL})
        old, new = (np.array(values) for values in self._scores[:2])
        return Changes(
            frames=verdicts.total(),
            image_thresholds=(self._run.header["image_threshold"], self.info.image_threshold),
            verdicts=dict(verdicts),
            fails=compare_fails(both, verdicts[PASS, FAIL], verdicts[FAIL, PASS]),
            old_defects=counts["old"],
            new_defects=counts["new"],
            matched=counts["matched"],
            lost=counts["lost"],
            added=counts["added"],
            clear=counts["clear"],
            sizes={
                f"{name} {unit}": compare_sizes(unit, *map(np.array, columns))
                for (name, unit), columns in self._sizes.items()
            },
            correlation=rank_correlation(old, new),
            scores=self._spread_scores(),
            differing=counts["differing"],
            pictures=self._gallery.pictures(),
        )

    def _find(self, frame_id: int) -> Record | None:
        """The record of the frame; None if the log has none."""
        while self._next is not None and self._next["frame_id"] < frame_id:
            self._next = next(self._records, None)
        if self._next is None or self._next["frame_id"] != frame_id:
            return None
        return self._next

    def _count(self, change: FrameChange) -> None:
        old, new = change.old, change.new
        self._verdicts[old["verdict"], new["verdict"]] += 1
        self._counts.update(
            old=len(old["defects"]),
            new=len(new["defects"]),
            matched=len(change.pairs),
            lost=len(change.lost),
            added=len(change.added),
            clear=len(change.clear_pairs),
        )
        if old["score"] is not None and new["score"] is not None:
            self._scores[0].append(old["score"])
            self._scores[1].append(new["score"])
            self._scores[2].append(change.verdict_changed)
        for pair in change.pairs:
            for name in SIZES:
                before, after, unit = pair.sizes(name)
                columns = self._sizes.setdefault((name, unit), (array("d"), array("d"), array("d")))
                for column, value in zip(columns, (change.frame_id, before, after), strict=True):
                    column.append(value)

    def _spread_scores(self) -> list[ScorePair]:
        """Frames with another verdict are all in the list."""
        old, new, changed = self._scores
        step = max(1, len(old) // MOST_POINTS)
        return [
            ScorePair(old[i], new[i], bool(changed[i]))
            for i in range(len(old))
            if i % step == 0 or (changed[i] and i < MOST_POINTS * step)
        ]
