"""Makes the uncertainty budgets of outlines and of lines.

The constants were found with rendered defects of known size, on other textures and seeds than those
of the benchmark.
"""

import math
from typing import Final

import numpy as np

from inspector.core.geometry import Points
from inspector.measure import shape
from inspector.measure.budget import Budget, Term
from inspector.measure.profiles import EdgeFit
from inspector.measure.ridge import Ridge

PITCH_U_PX: Final = 0.12
"""Standard uncertainty of the position of a sharp edge."""

LEVEL_U: Final = 0.06
"""Standard uncertainty of the level of the edge, as a share of its contrast."""

CORRELATED_SIGMAS: Final = 3.0
"""Along the outline, shifts within this number of sigmas of the smoothing are the same."""

OUTERMOST_U: Final = 1.3
"""Standard uncertainty of the outermost points, in units of the scatter of single profiles."""

MAX_BUMPS: Final = 2.5
"""Most by which long sides raise the uncertainty of the width by the texture."""

HIDDEN_PX: Final = 2.0
"""Width at which a pointed end becomes invisible, plus the blur of the outline."""

MAX_TIP_SHARE: Final = 0.15
"""Largest length of an invisible end, as a share of the visible length."""

UNCLEAR: Final = 2.7
UNCLEAR_U: Final = 0.2
"""Below this clearness only a part of the defect may differ from the texture. The relative standard
uncertainty of its area grows by this much per unit of clearness; that of lengths by half of it."""

LINE_IDENTITY: Final = 0.7
"""The same for a line, as a share of it. Its profile is averaged over the whole line."""

PROFILE_U: Final = 0.03
"""Relative standard uncertainty of a width by the model of its profile."""

THIN_PX: Final = 3.5
THIN_U_PX: Final = 0.6
"""Where half of the mean width of an outline is below THIN_PX, its sides have no plateau between
them. The standard uncertainty of each side grows to THIN_U_PX for a width of 0."""

BRANCH_U: Final = 0.25
"""Standard uncertainty of length and width by a missed branch, for a line without any width, as a
share of what its bends add to the width."""

BEND_U_PX: Final = 0.9
"""Standard uncertainty of the width of a crack by bends that the smoothing rounds."""

CLEAR_LINES: Final = 3.0
MISSED_U: Final = 0.3
"""Below the clearness CLEAR_LINES the texture may hide a branch of a crack. The relative standard
uncertainty of the area grows to this share for a clearness of 0; that of the width to this share of
the length."""

ZIGZAG_U: Final = 0.12
"""Standard uncertainty of the width across a line that is not straight, as a share of what its
bends add to it."""

MAX_WANDER: Final = 0.5
"""The middle line wanders in strong texture. Largest standard uncertainty of what its bends add to
the width, as a share of it: all of the bends may be texture."""

ROUNDING_U: Final = 0.15
"""Standard uncertainty of a width where corners may be rounded, in sigmas of the smoothing."""

CORNER_U_PX: Final = 0.3
"""Standard uncertainty of the place of a restored corner."""

IDENTITY_U: Final = 0.5
FAINT_U: Final = 1.5
"""Relative standard uncertainty of a size: IDENTITY_U over the surprise plus FAINT_U over its
square. The outline of a defect that hardly differs from the texture easily runs into it."""


def budget_outline(fits: list[EdgeFit], surprise: float, clearness: float) -> Budget:
    """Budget of an outer outline with its holes. fits: the outer outline first. clearness: contrast
    of the defect over the extreme of the texture."""
    outer = fits[0]
    polygons = [fit.points for fit in fits]
    around = sum(shape.perimeter(polygon) for polygon in polygons)
    area = shape.region_area(polygons, len(polygons) - 1)
    length, degrees, width = shape.measure_calipers(outer.points)
    level = LEVEL_U / 0.1 * outer.level_px
    scatter, outermost = outer.scatter, OUTERMOST_U * outer.scatter
    # The longer the sides, the more bumps the jaws of the caliper can touch.
    longer = min(max(1.0, length / max(width, 1.0)), MAX_BUMPS)
    bumps = longer * outermost
    thinness = max(0.0, 1 - area / max(around, 1.0) / THIN_PX)
    thin = THIN_U_PX * thinness
    # A thin outline that winds may lack a branch.
    branches = BRANCH_U * thinness * max(0.0, width - 2 * area / max(around, 1.0))
    places = max(1.0, around / (CORRELATED_SIGMAS * outer.smoothing))
    if outer.corners:
        tips, sides = 2 * CORNER_U_PX, CORNER_U_PX
    else:
        tips = _measure_tips(outer, length, degrees)
        sides = longer * ROUNDING_U * math.hypot(outer.blur, outer.smoothing)
    relative = _doubt_identity(surprise)
    doubt = UNCLEAR_U * max(0.0, UNCLEAR - clearness)
    return Budget(
        (
            Term("hidden parts", doubt * area, 0.5 * doubt * length, 0.5 * doubt * width),
            Term("pixel pitch", PITCH_U_PX * around, 2 * PITCH_U_PX, 2 * PITCH_U_PX),
            Term("edge level", level * around, 2 * level, 2 * level),
            Term("texture", scatter * around / math.sqrt(places), outermost, bumps),
            Term("thin parts", thin * around, 2 * thin, 2 * thin),
            Term("branches", 0.1 * thinness * area, branches, branches),
            Term("corners and ends", 0.0, tips, sides),
            Term("identity", relative * area, relative * length, relative * width),
        )
    )


def _doubt_identity(surprise: float) -> float:
    """Relative standard uncertainty, at most 1."""
    surprise = max(surprise, 1e-3)
    return min(IDENTITY_U / surprise + FAINT_U / surprise**2, 1.0)


def _measure_tips(fit: EdgeFit, length: float, degrees: float) -> float:
    """Standard uncertainty of the length where the ends of a defect are pointed. degrees: direction
    of the length.

    Near each end the width grows with the distance from it. The end is invisible where the defect
    is thinner than the blur. Its length is between 0 and the hidden width over this growth.
    """
    centred = fit.points - fit.points.mean(axis=0)
    direction = math.radians(degrees)
    along = centred @ np.array((math.cos(direction), math.sin(direction)))
    across = centred @ np.array((-math.sin(direction), math.cos(direction)))
    near = min(max(0.06 * length, 4.0), 12.0, 0.2 * length)
    hidden = HIDDEN_PX + 0.3 * math.hypot(fit.blur, fit.smoothing)
    total = 0.0
    for side in (along.max() - along, along - along.min()):
        inner, outer = (
            float(np.ptp(across[side <= reach])) if (side <= reach).sum() > 1 else 0.0
            for reach in (2 * near, near)
        )
        growth = max((inner - outer) / near, 1e-3)
        total += min(hidden / growth, MAX_TIP_SHARE * length)
    return total / math.sqrt(3)


def budget_ridge(ridge: Ridge, polygon: Points, surprise: float) -> Budget:
    """Budget of a line."""
    length, _, width = shape.measure_calipers(polygon)
    area = shape.area(polygon)
    pitch, model = PITCH_U_PX, PROFILE_U * ridge.width
    zigzag = 0.0 if ridge.smooth else ZIGZAG_U
    wander = min(0.1 * ridge.noise + 2 * ridge.noise**2, MAX_WANDER)
    bends = (zigzag + wander) * max(0.0, width - ridge.width)
    relative = LINE_IDENTITY * _doubt_identity(surprise)
    return Budget(
        (
            Term("pixel pitch", 2 * pitch * length, 2 * pitch, 2 * pitch),
            Term("profile model", model * length, 0.0, model),
            Term("blur and texture", ridge.width_u * length, 0.0, ridge.width_u),
            Term("ends", 1.4 * ridge.end_u * ridge.width, 1.4 * ridge.end_u, 0.0),
            Term("middle line", 0.0, 0.0, bends),
            Term("identity", relative * area, relative * length, relative * width),
        )
    )


def budget_crack(ridges: list[Ridge], polygon: Points, clearness: float, surprise: float) -> Budget:
    """Budget of the lines of a crack. clearness: contrast of the lines over the extreme of the
    texture."""
    length, _, width = shape.measure_calipers(polygon)
    area = shape.area(polygon)
    lengths = [float(np.hypot(*np.diff(ridge.middle, axis=0).T).sum()) for ridge in ridges]
    total = sum(lengths)
    # The blur is the same along all lines, so the terms of their widths are added.
    widths = sum(ridge.width_u * along for ridge, along in zip(ridges, lengths, strict=True))
    ends = max(ridge.end_u for ridge in ridges)
    missed = MISSED_U * max(0.0, 1 - clearness / CLEAR_LINES)
    relative = _doubt_identity(surprise)
    return Budget(
        (
            Term("pixel pitch", 2 * PITCH_U_PX * total, 2 * PITCH_U_PX, 2 * PITCH_U_PX),
            Term("profile model", PROFILE_U * area, 0.0, 0.0),
            Term("blur and texture", widths, 0.0, 0.0),
            Term("ends", 1.4 * ends * ridges[0].width, 1.4 * ends, 1.4 * ends),
            Term("bends", 0.0, 0.0, BEND_U_PX),
            Term("branches", missed * area, 0.5 * missed * length, missed * length),
            Term("identity", relative * area, relative * length, relative * width),
        )
    )
