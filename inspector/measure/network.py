"""Finds the lines of a crack: a thin winding trunk with branches.

The view is smoothed along short lines in several directions, and what stands out is a mask. Paths
along the ridge of the mask are followed from tip to tip: first the longest, then the branches.
"""

import importlib
import math
import sys
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Image, Mask
from inspector.core.geometry import Points
from inspector.measure.patch import cut_patch
from inspector.measure.segments import split_touching
from inspector.measure.smoothing import (
    Float32Array,
    blur,
    find_median,
    find_quantile,
    grow_mask,
    smooth_along_lines,
)
from inspector.measure.texture import OFTEN, find_tails, sample_octants

if TYPE_CHECKING:
    from scipy.sparse import csr_array

PIXELS: Final = 24_000
"""Largest number of pixels of the view. In a coarser view thin lines fade."""

LEAST_RING: Final = 0.2
"""Least share of normal texture in the view."""

COARSEST: Final = 3
"""Largest number of frame pixels per pixel of the view."""

MARGIN_SHARE: Final = 0.25
MARGIN_PX: Final = 24.0
"""Margin of the view around the known part of the crack, as a share of its longer side."""

BACKGROUND: Final = 8.0
"""Standard deviation in pixels of the view of the average that is subtracted."""

GROW: Final = 0.85
SEED: Final = 1.3
"""Limits of the responses, in units of the extreme of the texture."""

LOCAL: Final = 0.45
"""A line ends at this share of the highest response nearby."""

MAX_BRANCHES: Final = 6

LEAST_BRANCH_PX: Final = 12.0
"""Shorter branches in frame pixels are not followed."""

_STEPS: Final = ((0, 1), (1, 0), (1, 1), (1, -1))


def load_graphs() -> None:
    """Begins to load SciPy's graphs on another thread, so that the first crack of a live source is
    not late. They take a fraction of a second and 20 MB. _follow() waits for them."""
    if "scipy.sparse.csgraph" not in sys.modules:
        load = partial(importlib.import_module, "scipy.sparse.csgraph")
        Thread(target=load, name="load graphs").start()


def find_network(
    image: Image,
    known: Points,
    weights: Float32Array,
) -> tuple[list[Points], float] | None:
    """Finds the paths of a crack in frame pixels, the longest first, and the contrast of its lines
    over the extreme of the texture. A branch begins on an earlier path.

    known: (n, 2) some places of the crack. weights: (3,) colour -> contrast, positive in the crack.
    None: it is too large, or nothing stands out.
    """
    low, high = known.min(axis=0), known.max(axis=0)
    margin = max(MARGIN_PX, MARGIN_SHARE * float((high - low).max()))
    view = cut_patch(image, (*(low - margin).tolist(), *(high + margin).tolist()), PIXELS)
    if view.factor > COARSEST:
        return None
    score = np.asarray(cv2.transform(view.pixels, weights[None]), np.float32)
    score -= blur(score, BACKGROUND)
    places = np.floor(view.to_frame.inverse().apply(known)).astype(int)
    core = np.zeros(view.hw, dtype=bool)
    core[np.clip(places[:, 1], 0, view.hw[0] - 1), np.clip(places[:, 0], 0, view.hw[1] - 1)] = True
    ring = ~grow_mask(core, 6.0)
    if np.count_nonzero(ring) < LEAST_RING * ring.size:
        return None
    response = _find_lines(score, sample_octants(ring))
    clear = response >= max(GROW, LOCAL * find_quantile(response[core], 0.75))
    parts = split_touching(clear, clear & core & (response >= SEED))
    if not parts:
        return None
    mask = parts[0]
    paths = _follow(mask, response, LEAST_BRANCH_PX / view.factor)
    if not paths:
        return None
    clearness = float(find_median(response[mask]))
    return [view.to_frame.apply(path + 0.5) for path in paths], clearness


def _find_lines(score: Float32Array, around: npt.NDArray[np.intp]) -> Float32Array:
    """The highest response over all directions, each in units of its extreme in the texture. So a
    line along the fibres of the texture must be clearer than a line across them."""
    highest = np.zeros(score.shape, np.float32)
    for response in smooth_along_lines(score):
        usual = response.ravel()[around, None]
        spread = 1.4826 * float(np.median(np.abs(usual))) + 1e-3
        tail = spread * max(float(find_tails(usual / np.float32(spread), OFTEN)[-1, 0]), 2.5)
        cv2.max(highest, response / np.float32(tail), highest)
    return highest


def _follow(mask: Mask, response: Float32Array, least: float) -> list[Points]:
    """Paths (n, 2) along the ridge of a connected mask, in pixels."""
    from scipy.sparse.csgraph import dijkstra

    rows, columns = np.nonzero(mask)
    graph, thickness = _connect(mask, response, rows, columns)
    far = dijkstra(graph, indices=np.array([0])).ravel()
    first = int(np.argmax(np.where(np.isfinite(far), far, -1)))
    away, before, _ = dijkstra(
        graph, indices=np.array([first]), return_predecessors=True, min_only=True
    )
    path = _trace(before, int(np.argmax(np.where(np.isfinite(away), away, -1))))
    if len(path) < least:
        return []
    paths, known = [path], path
    for _ in range(MAX_BRANCHES):
        away, before, _ = dijkstra(graph, indices=known, return_predecessors=True, min_only=True)
        tip = int(np.argmax(np.where(np.isfinite(away), away, -1)))
        path = _trace(before, tip)
        reach = math.hypot(rows[path[0]] - rows[tip], columns[path[0]] - columns[tip])
        if reach < least + thickness:
            break
        paths.append(path)
        known = np.concatenate((known, path))
    return [np.column_stack((columns[p], rows[p])).astype(np.float64) for p in paths]


def _connect(
    mask: Mask, response: Float32Array, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]
) -> tuple["csr_array", float]:
    """A graph of the pixels. Steps away from the ridge cost more. Also the radius of the mask."""
    from scipy.sparse import csr_array

    number = np.full(mask.shape, -1)
    number[rows, columns] = np.arange(len(rows))
    padded = cv2.copyMakeBorder(mask.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    highest = cv2.dilate(response, np.ones((5, 5), np.uint8))
    cost = 1 + 6 * (1 - np.clip(response / np.maximum(highest, 1e-6), 0, 1))[rows, columns]
    height, width = mask.shape
    starts, ends, lengths = [], [], []
    for down, right in _STEPS:
        r, c = rows + down, columns + right
        inside = (r < height) & (c >= 0) & (c < width)
        start = np.flatnonzero(inside)
        end = number[r[start], c[start]]
        start, end = start[end >= 0], end[end >= 0]
        starts.append(start)
        ends.append(end)
        lengths.append(math.hypot(down, right) * (cost[start] + cost[end]) / 2)
    a, b, step = (np.concatenate(values) for values in (starts, ends, lengths))
    graph = csr_array(
        (np.tile(step, 2), (np.concatenate((a, b)), np.concatenate((b, a)))),
        shape=(len(rows), len(rows)),
    )
    return graph, float(np.median(depth[rows, columns]) * 2)


def _trace(before: npt.NDArray[np.int32], tip: int) -> npt.NDArray[np.intp]:
    """From the place without a predecessor to the tip."""
    path = [tip]
    while before[path[-1]] >= 0:
        path.append(int(before[path[-1]]))
    return np.array(path[::-1])
