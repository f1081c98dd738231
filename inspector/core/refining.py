"""The interfaces that decide which regions of a frame are refined, and when refining stops."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, Protocol, TypeVar

from inspector.core.stage_items import EngineOutput
from inspector.core.types import Defect

T = TypeVar("T")

FrameBox = tuple[float, float, float, float]
"""(x0, y0, x1, y1) in frame pixels."""

REFINING_OFF: Final = "refinement is off"
"""Note of a defect if no region is refined."""

NOT_REACHED: Final = "the time for measuring was over"
"""Note of a defect whose region was not refined for lack of time."""


class RefinePlan(Protocol):
    """Decides for the regions of one frame. refined: ranks of the regions that were refined."""

    refined: list[int]

    def order(
        self, boxes: Sequence[FrameBox], most: int, skip: Collection[int] = ()
    ) -> Sequence[int]:
        """Ranks of at most `most` regions, in the order in which to refine them.

        boxes: of all regions of the frame, the one with the highest peak score first. skip: ranks
        of regions that need not be refined, because their defects are known from earlier frames.
        """
        ...

    def attempt(self, rank: int, refine: Callable[[], T]) -> T | None:
        """Refines a region. None: there is no time left, also for the other regions."""
        ...


MakePlan = Callable[[EngineOutput], RefinePlan | None]
"""Makes the plan of one frame. None: the strongest regions, without a limit of time."""


class KnownDefects(Protocol):
    """The defects of one frame that were measured well enough in earlier frames."""

    def recall(self, boxes: Sequence[FrameBox]) -> Mapping[int, Sequence[Defect]]:
        """Rank of a region -> its defects with their sizes from earlier frames, at their places in
        this frame. boxes: as in RefinePlan.order. Regions that must be refined are left out."""
        ...

    def learn(self, ranks: Sequence[int]) -> None:
        """Tells which region each defect of the frame comes from. ranks: by defect_id."""
        ...


Recall = Callable[[EngineOutput], KnownDefects | None]
"""Gives the known defects of one frame; None if there are none."""


class NoTime:
    """Refines nothing."""

    def __init__(self) -> None:
        self.refined: list[int] = []

    def order(
        self, boxes: Sequence[FrameBox], most: int, skip: Collection[int] = ()
    ) -> Sequence[int]:
        return ()

    def attempt(self, rank: int, refine: Callable[[], T]) -> T | None:
        return None
