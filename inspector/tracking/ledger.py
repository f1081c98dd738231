"""Counts how much of the web was inspected, how often, and why the rest was not.

The web is a grid of cells that moves under the view. A cell is counted when it cannot be seen any
more, so the memory does not grow with the length of the web.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Mask
from inspector.tracking.lost_lengths import LostLengths, Span
from inspector.tracking.plane import WebPlane

ROWS: Final = 1024
"""Rows of cells in the length of a view. An edge of a gap is wrong by at most half a row."""

COLUMNS: Final = 256
"""Columns of cells across the view of a tilted camera."""

DROPPED: Final = "dropped"
NOT_CAPTURED: Final = "not_captured"
MOTION_UNKNOWN: Final = "motion_unknown"
MASKED: Final = "masked"
OUTSIDE_CROP: Final = "outside_crop"
OUTSIDE_FRAME: Final = "outside_frame"

MOST_TIMES: Final = 9
"""Cells that were inspected more often are counted together."""


@dataclass(slots=True)
class Totals:
    """Areas in mm2 or px2. by_times: area that was inspected 1, 2, ... MOST_TIMES or more times.
    not_inspected: cause -> area."""

    by_times: dict[int, float] = field(default_factory=dict)
    not_inspected: dict[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        return sum(self.by_times.values()) + sum(self.not_inspected.values())


class SurfaceLedger:
    """Counts the inspections of each cell of the web.

    inspected: (h, w) mask of the anomaly map, True where the engine inspects; None for everything.
    crop: part of the frame that the map covers, (left, top, right, bottom) as shares.
    web_width: in units of the plane; None if the frame shows the full width. start: web position
    from which on web is counted, because an earlier run counted the web before it; None: the first
    frame.
    """

    def __init__(
        self,
        plane: WebPlane,
        *,
        inspected: Mask | None = None,
        crop: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0),
        web_width: float | None = None,
        start: float | None = None,
    ) -> None:
        self._plane = plane
        self._row = plane.length / ROWS
        edges = _column_edges(plane, inspected, crop)
        self._widths = np.diff(edges)
        self._missing_width = max(0.0, (web_width or 0.0) - plane.width)
        causes = _cell_causes(plane, (edges[:-1] + edges[1:]) / 2, inspected, crop)
        self._seen = causes == ""
        self._column_causes = np.array([_last_cause(column) for column in causes.T])
        self._never = ~self._seen.any(axis=0)
        self._names: list[str] = ["", DROPPED, NOT_CAPTURED, MOTION_UNKNOWN]
        self._first: int | None = None
        """Number of the first row of the buffer."""
        self._top = self._start = 0
        """Number of the row after the last one that was in a view."""
        if start is not None:
            self._first = self._top = self._start = round(start / self._row)
        columns = len(self._widths)
        self._counts = np.zeros((4 * ROWS, columns), np.uint32)
        self._errors = np.zeros((4 * ROWS, columns), np.uint8)
        self._gaps = np.zeros(4 * ROWS, np.uint8)
        self._totals = Totals()
        self._edges = edges - plane.low[1]
        self.lost = LostLengths()

    def add(self, position: float, *, cause: str | None, gap: str) -> None:
        """Adds one frame.

        position: way of the product along the web. cause: why the frame was not inspected; None if
        it was. gap: why web between this frame and earlier ones is in no frame, if there is any.
        """
        start = round((self._plane.low[0] + position) / self._row)
        if self._first is None:
            self._first = self._top = self._start = start
        end = start + ROWS
        skipped = max(0, self._first - start)  # web that has passed already
        if skipped >= ROWS:
            return
        if start > self._top:
            self._fill_gap(start, gap)
        self._make_room(end)
        rows, seen = np.s_[start + skipped - self._first : end - self._first], self._seen[skipped:]
        if cause is None:
            counts = self._counts[rows]
            counts += seen
        else:
            self._errors[rows][seen] = self._code(cause)
        self._top = max(self._top, end)

    def pass_rows(self, horizon: float) -> None:
        """Sums up the rows below a web position, which no later frame can show."""
        if self._first is None:
            return
        count = min(int(horizon / self._row) - self._first, self._top - self._first)
        if count >= ROWS // 8:  # in larger pieces, because the buffer moves
            self._pass(count)

    @property
    def length(self) -> float:
        """Length of web from the first view to the last, in units of the plane."""
        return (self._top - self._start) * self._row

    @property
    def width(self) -> float:
        """Width of the web, in units of the plane."""
        return float(self._widths.sum()) + self._missing_width

    @property
    def lost_bands(self) -> list[Span]:
        """Bands across the web that no frame can inspect, in their order."""
        bands: list[Span] = []
        for column in np.flatnonzero(self._never).tolist():
            low, high = self._edges[column : column + 2].tolist()
            cause = str(self._column_causes[column])
            if bands and bands[-1].cause == cause and bands[-1].end == low:
                low = bands.pop().start
            bands.append(Span(low, high, cause))
        if self._missing_width:
            width = self._plane.width
            bands.append(Span(width, width + self._missing_width, OUTSIDE_FRAME))
        return bands

    @property
    def memory_bytes(self) -> int:
        return self._counts.nbytes + self._errors.nbytes + self._gaps.nbytes

    def finish(self) -> Totals:
        """Sums up all rows and returns the totals."""
        if self._first is not None:
            self._pass(self._top - self._first)
        return self._totals

    def _fill_gap(self, start: int, gap: str) -> None:
        """Marks rows that were in no frame. A long gap needs no place in the buffer."""
        assert self._first is not None
        if start - self._top > ROWS:
            self._pass(self._top - self._first)
            column = np.zeros((1, len(self._widths)), np.uint32)
            code = np.array([self._code(gap)])
            self._sum(column, column.astype(np.uint8), code, start - self._top)
            self._first = self._top = start
            return
        self._make_room(start)
        self._gaps[self._top - self._first : start - self._first] = self._code(gap)
        self._top = start

    def _make_room(self, end: int) -> None:
        """Makes the buffer long enough for rows below `end`."""
        assert self._first is not None
        missing = end - self._first - len(self._counts)
        if missing > 0:
            extra = max(missing, len(self._counts))
            self._counts = np.pad(self._counts, ((0, extra), (0, 0)))
            self._errors = np.pad(self._errors, ((0, extra), (0, 0)))
            self._gaps = np.pad(self._gaps, (0, extra))

    def _code(self, cause: str) -> int:
        if cause not in self._names:
            self._names.append(cause)
        return self._names.index(cause)

    def _pass(self, count: int) -> None:
        """Sums up the first `count` rows of the buffer and removes them."""
        assert self._first is not None
        self._sum(self._counts[:count], self._errors[:count], self._gaps[:count], 1)
        rest = self._top - self._first - count
        for array in (self._counts, self._errors, self._gaps):
            array[:rest] = array[count : count + rest]
            array[rest:] = 0
        self._first += count

    def _sum(
        self,
        counts: npt.NDArray[np.uint32],
        errors: npt.NDArray[np.uint8],
        gaps: npt.NDArray[np.uint8],
        repeat: int,
    ) -> None:
        """Adds rows to the totals. repeat: number of times that each row is there."""
        self._note_lost(counts, errors, gaps, repeat)
        areas = self._widths * self._row * repeat
        totals = self._totals
        times = np.minimum(counts, MOST_TIMES)
        for number in np.unique(times[times > 0]).tolist():
            area = float((times == number).sum(axis=0) @ areas)
            totals.by_times[number] = totals.by_times.get(number, 0.0) + area
        empty = counts == 0
        codes = np.where(errors > 0, errors, gaps[:, None])
        codes[:, self._never] = 0
        for code in np.unique(codes[empty]).tolist():
            per_column = (empty & (codes == code)).sum(axis=0) * areas
            if code:
                self._add_cause(self._names[code], float(per_column.sum()))
                continue
            for cause in np.unique(self._column_causes[per_column > 0]).tolist():
                self._add_cause(cause, float(per_column[self._column_causes == cause].sum()))
        if self._missing_width:
            area = self._missing_width * self._row * repeat * len(counts)
            self._add_cause(OUTSIDE_FRAME, area)

    def _note_lost(
        self,
        counts: npt.NDArray[np.uint32],
        errors: npt.NDArray[np.uint8],
        gaps: npt.NDArray[np.uint8],
        repeat: int,
    ) -> None:
        """Lists the rows without any inspection."""
        assert self._first is not None
        seen = counts.max(axis=1) > 0
        if seen.all() or self._never.all():
            return
        codes = np.maximum(errors.max(axis=1), gaps)
        origin = self._first - self._plane.low[0] / self._row
        steps = np.flatnonzero(np.diff(np.where(seen, -1, codes.astype(int)))) + 1
        for start, end in pairwise((0, *steps.tolist(), len(counts))):
            if not seen[start]:
                cause = self._names[codes[start]] or OUTSIDE_CROP
                low, high = origin + start, origin + start + (end - start) * repeat
                self.lost.add(low * self._row, high * self._row, cause)

    def _add_cause(self, cause: str, area: float) -> None:
        causes = self._totals.not_inspected
        causes[cause] = causes.get(cause, 0.0) + area


def _column_edges(
    plane: WebPlane, inspected: Mask | None, crop: tuple[float, float, float, float]
) -> npt.NDArray[np.float64]:
    """Edges of the columns across the view: the borders of the frame and of the crop, and those of
    the map pixels if there is a mask. A tilted view has COLUMNS columns of equal width."""
    if not plane.is_rectangle:
        return np.linspace(plane.low[1], plane.high[1], COLUMNS + 1)
    axis = 0 if plane.along_is_y else 1  # of the frame, x or y
    start, end = crop[axis], crop[axis + 2]
    count = 1 if inspected is None else inspected.shape[1 - axis]
    shares = np.unique((0.0, *np.linspace(start, end, count + 1), 1.0))
    points = np.zeros((len(shares), 2))
    points[:, axis] = shares * plane.frame_hw[1 - axis]
    return np.sort(plane.to_web(points)[:, 1])


def _cell_causes(
    plane: WebPlane,
    across: npt.NDArray[np.float64],
    inspected: Mask | None,
    crop: tuple[float, float, float, float],
) -> npt.NDArray[np.str_]:
    """(ROWS, columns): why the middle of a cell is not inspected in one frame; "" if it is."""
    along = plane.low[0] + (np.arange(ROWS) + 0.5) * plane.length / ROWS
    grid = np.stack(np.meshgrid(along, across, indexing="ij"), axis=-1).reshape(-1, 2)
    height, width = plane.frame_hw
    x, y = (plane.to_frame(grid) / (width, height)).T
    outside = (x < 0) | (x > 1) | (y < 0) | (y > 1)
    cut = (x < crop[0]) | (x > crop[2]) | (y < crop[1]) | (y > crop[3])
    masked = np.zeros(len(grid), bool)
    if inspected is not None:
        rows, columns = inspected.shape
        r = np.clip((y - crop[1]) / (crop[3] - crop[1]) * rows, 0, rows - 1).astype(int)
        c = np.clip((x - crop[0]) / (crop[2] - crop[0]) * columns, 0, columns - 1).astype(int)
        masked = ~inspected[r, c]
    causes = np.select([outside, cut, masked], [OUTSIDE_FRAME, OUTSIDE_CROP, MASKED], "")
    return causes.reshape(ROWS, len(across))


def _last_cause(column: npt.NDArray[np.str_]) -> str:
    """Why a cell of this column that was in a view was never inspected."""
    causes = column[column != ""]
    return str(causes[-1]) if len(causes) else OUTSIDE_FRAME
