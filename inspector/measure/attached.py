"""Finds a line that leaves a defect, such as a scratch at a dent."""

import math
from typing import Final

import numpy as np

from inspector.core.geometry import Points
from inspector.measure.profiles import Source
from inspector.measure.smoothing import Float32Array, find_median

RAYS: Final = 60
TURNS: Final = tuple(math.radians(angle) for angle in (-24, -12, 0, 12, 24))
RAY_PX: Final = 69
LEAST_RAY_PX: Final = 14
STEP_PX: Final = 1.25
"""Lines that leave an outline are searched from this number of places on it, in these directions
against its radius, up to RAY_PX and at least LEAST_RAY_PX long."""
RAY_CLEARNESS: Final = 4.5
"""Mean contrast of such a line over the spread of all of them."""

ABOVE_OTHERS: Final = 1.5
"""Contrast of the line over that of the best line in another direction."""


def find_attached_line(source: Source, weights: Float32Array, outline: Points) -> Points | None:
    """Finds a line that leaves a defect, such as a scratch at a dent.

    weights: (3,) colour -> contrast. outline: of the defect.

    Returns its rough middle line, which begins inside the outline.
    """
    centre = outline.mean(axis=0)
    away = outline - centre
    angle, radius = np.arctan2(away[:, 1], away[:, 0]), np.hypot(away[:, 0], away[:, 1])
    order = np.argsort(angle)
    at = np.linspace(-math.pi, math.pi, RAYS, endpoint=False)
    start = np.interp(at, angle[order], radius[order], period=2 * math.pi) + 2.0
    heading = at[:, None] + np.array(TURNS)
    steps = np.arange(0, RAY_PX, STEP_PX, dtype=np.float32)
    least = math.ceil(LEAST_RAY_PX / STEP_PX)
    first = centre + start[:, None] * np.column_stack((np.cos(at), np.sin(at)))
    x = first[:, 0, None, None] + np.cos(heading)[..., None] * steps
    y = first[:, 1, None, None] + np.sin(heading)[..., None] * steps
    size = RAYS * len(TURNS), len(steps)
    columns, rows = x.reshape(size).astype(np.float32), y.reshape(size).astype(np.float32)
    values = (source.read(columns, rows).reshape(-1, 3) @ weights).reshape(size)
    some = values.ravel()[::7]
    middle = float(find_median(some))
    spread = 1.4826 * float(find_median(np.abs(some - middle))) + 0.2
    values = np.clip(values - np.float32(middle), -4 * spread, 4 * spread)
    # Beyond its largest radius the outline is not asked. Only the first steps are nearer.
    widest = float(radius.max()) + 1.0
    most = math.ceil((widest - float(start.min())) / (STEP_PX * math.cos(TURNS[0]))) + 1
    right, down = columns[:, :most] - centre[0], rows[:, :most] - centre[1]
    far = np.hypot(right, down)
    near = far < widest
    ahead = np.arctan2(down[near], right[near])
    limit = np.interp(ahead, angle[order], radius[order], period=2 * math.pi) + 1.0
    beginning = values[:, :most]
    beginning[near] = np.where(far[near] < limit, 0, beginning[near])
    means = (np.cumsum(values, axis=1) / np.arange(1, len(steps) + 1))[:, least:]
    score = np.abs(means) / (1.4826 * find_median(np.abs(means[::3]).T) + 0.05)
    ray, length = np.unravel_index(int(np.argmax(score)), score.shape)
    place, turn = divmod(int(ray), len(TURNS))
    apart = np.abs((np.arange(RAYS) - place + RAYS // 2) % RAYS - RAYS // 2) >= RAYS // 9
    rest = score[np.repeat(apart, len(TURNS)), length].max()
    if score.max() < max(RAY_CLEARNESS, ABOVE_OTHERS * float(rest)):
        return None
    direction = np.array((math.cos(heading[place, turn]), math.sin(heading[place, turn])))
    total = float(length + least) * STEP_PX
    return np.asarray(first[place] + direction * np.linspace(-3.0, total, 20)[:, None])
