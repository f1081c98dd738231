"""The outline of a defect on the frame, with the uncertainties of its sizes."""

from dataclasses import dataclass

import numpy as np

from inspector.core.geometry import Points
from inspector.measure.budget import Budget
from inspector.measure.ridge import Ridge


@dataclass(frozen=True, slots=True)
class Outline:
    """polygons: in frame pixels, outer polygons first. holes: how many of them, counted from the
    end, are holes. budget: uncertainties of area, length and width in frame pixels. parts: number
    of defects that the region of the map was split into. ridge: the line, if it was measured as a
    single line."""

    polygons: tuple[Points, ...]
    holes: int
    budget: Budget
    parts: int = 1
    ridge: Ridge | None = None

    @property
    def outer(self) -> Points:
        """The vertices of all outer polygons, (n, 2)."""
        return np.concatenate(self.polygons[: len(self.polygons) - self.holes])

    @property
    def area_u_px(self) -> float:
        return self.budget.area

    @property
    def length_u_px(self) -> float:
        return self.budget.length

    @property
    def width_u_px(self) -> float:
        return self.budget.width


@dataclass(frozen=True, slots=True)
class Unrefined:
    """A region that keeps its size on the map. reason: half a sentence for the report."""

    reason: str
