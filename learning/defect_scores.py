"""Scores good pictures with simulated defects, each by a model that does not know the picture."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from inspector.core.arrays import Image, Mask
from inspector.core.errors import DataError
from learning.methods.base import Embeddings
from learning.normals import Normals, spread
from learning.simulation.plans import DefectPlan, plan_defects
from learning.simulation.simulate import simulate
from learning.thresholds.folds import BATCH, Indices, score_pictures
from learning.thresholds.power import SimulatedScores

if TYPE_CHECKING:
    from learning.job import EngineJob

MOST_PIXELS: Final = 40_000_000
"""Pixels of all simulated pictures together, about 10 s of work. Large inputs get fewer defects."""

LEAST: Final = 80

DONORS: Final = 16
"""Good pictures that displaced pieces are cut out of."""

AHEAD: Final = 2
"""Batches of defects that are drawn before they are scored."""

_Drawn = tuple[list[DefectPlan], Embeddings]
"""The defects that could be drawn, and what the method keeps of their pictures."""


def count_defects(most: int, input_hw: tuple[int, int]) -> int:
    """How many defects are simulated on pictures of this size."""
    affordable = max(LEAST, MOST_PIXELS // (input_hw[0] * input_hw[1]))
    return min(most, affordable)


def draw_defect(normals: Image, plan: DefectPlan, inside: Mask | None) -> Image | None:
    """The good picture with the planned defect; None if the region of interest has no room for it.

    normals: (n, H, W, 3) uint8 RGB. inside: (H, W) of the region; None is all.
    """
    others = [index for index in spread(len(normals), DONORS) if index != plan.picture]
    try:
        donors = [normals[index] for index in others]
        return simulate(normals[plan.picture], plan, donors, inside).pixels
    except DataError:
        return None


class DefectScorer:
    """Draws the planned defects on good pictures and scores them.

    normals: the pictures that are drawn on. parts: indices of the pictures of each call of `score`,
    in this order. Defects for which the region of interest has no room are left out. The next
    defects are drawn on another thread, with their features, while the others are scored.
    """

    def __init__(self, job: "EngineJob", normals: Normals, parts: Sequence[Indices]) -> None:
        count = count_defects(job.options.simulated, normals.rule.input_hw)
        self._job, self._pixels = job, normals.pixels
        self._plans = plan_defects(count, len(normals.names), job.options.seed)
        self._short_side = _short_side(normals)
        self._scored: list[tuple[DefectPlan, float]] = []
        self._waiting = deque(batch for part in parts for batch in self._batches(part))
        self._drawer = ThreadPoolExecutor(1, "simulated defects")
        self._drawn: deque[Future[_Drawn]] = deque()
        for _ in range(AHEAD):
            self._draw_next()

    def score(self, part: Indices, model: Any) -> None:
        """Scores the defects on the pictures `part` with a model that was not fitted on them."""
        job = self._job
        for batch in self._batches(part):
            shown, embeddings = self._drawn.popleft().result()
            self._draw_next()
            if shown:
                scores = score_pictures(job.method, model, embeddings, job.canvas, lambda _: None)
                self._scored += zip(shown, scores[0].tolist(), strict=True)
            job.progress("simulated defects", len(batch), len(self._plans))

    def _batches(self, part: Indices) -> Iterator[list[DefectPlan]]:
        chosen = set(part.tolist())
        mine = [plan for plan in self._plans if plan.picture in chosen]
        return (mine[start : start + BATCH] for start in range(0, len(mine), BATCH))

    def _draw_next(self) -> None:
        if self._waiting:
            self._drawn.append(self._drawer.submit(self._draw, self._waiting.popleft()))
        if not self._waiting:
            self._drawer.shutdown(wait=False)  # it still draws what was submitted

    def _draw(self, batch: list[DefectPlan]) -> _Drawn:
        drawn = [(plan, draw_defect(self._pixels, plan, self._job.inside)) for plan in batch]
        shown = [(plan, pixels) for plan, pixels in drawn if pixels is not None]
        if not shown:
            return [], {}
        pictures = np.stack([pixels for _, pixels in shown])
        embeddings = self._job.method.embed(self._job.features(pictures))
        return [plan for plan, _ in shown], embeddings

    def result(self) -> SimulatedScores | None:
        """None if no defect was scored."""
        if not self._scored:
            return None
        plans = [plan for plan, _ in self._scored]
        return SimulatedScores(
            tuple(plan.kind for plan in plans),
            np.array([plan.size * self._short_side for plan in plans]),
            np.array([plan.contrast for plan in plans]),
            np.array([score for _, score in self._scored], np.float32),
        )


def _short_side(normals: Normals) -> float:
    """Of the part of a frame that the engine sees, px."""
    x0, y0, x1, y1 = normals.rule.crop
    return min(normals.frame_hw[0] * (y1 - y0), normals.frame_hw[1] * (x1 - x0))
