"""Outlines one defect at the resolution of the frame."""

import math
from dataclasses import replace
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Image, Mask
from inspector.core.geometry import Affine, Points
from inspector.measure import shape
from inspector.measure.budgets import budget_outline, budget_ridge
from inspector.measure.contours import trace_regions
from inspector.measure.corners import restore_corners
from inspector.measure.crack import outline_crack
from inspector.measure.middle_line import fit_middle
from inspector.measure.outline import Outline
from inspector.measure.patch import Patch
from inspector.measure.profiles import Distances, EdgeFit, Source, fit_edge
from inspector.measure.ridge import Ridge, fit_ridge
from inspector.measure.segments import Contrast, measure_clearness
from inspector.measure.smoothing import Float32Array, find_crop, find_quantile, grow_mask
from inspector.measure.vertices import resample, smooth_along

HOLE_SHARE: Final = 0.05
"""Share of the outline. Smaller holes count as texture."""

MAX_REACH_PX: Final = 64.0

PLAIN: Final = Affine(1.0, 1.0)

CORNER_NOISE: Final = 0.15
"""Where the spread of the texture is above this share of the contrast, corners are not restored."""

SHARP_PX: Final = 2.0
"""Edges with less blur are sharp."""

CALM_SHARE: Final = 0.04
"""Largest standard deviation of the smoothing of a soft outline, as a share of its length."""

WIDE_BLUR: Final = 0.27
"""Blur of an edge, as a share of the reach of the normals, above which the reach is too short."""


def outline_part(
    image: Image,
    view: Patch,
    contrast: Contrast,
    mask: Mask,
    surprise: float,
    *,
    winding: bool = True,
) -> Outline | None:
    """Moves the outline of a mask to the edge in the frame. mask: pixels of the view. winding:
    whether lines that wind are searched."""
    away = measure_distances(mask) * np.float32(view.factor)
    rows, columns = find_crop(mask, 2)
    regions = trace_regions(-away[rows, columns], 0.0, origin=(columns.start, rows.start))
    if not regions:
        return None
    radius = -float(away.min())
    thin = outline_thin(image, view, contrast, mask, radius, surprise)
    if thin is None and winding:
        thin = outline_winding(image, view, contrast, mask, radius, surprise)
    if thin is not None:
        return thin
    if is_winding(view, mask, radius) and measure_clearness(contrast, mask) < CLEAR_WINDING:
        return None
    region = max(regions, key=lambda r: shape.area(r.polygons[0]))
    outer = view.to_frame.apply(region.polygons[0])
    if len(outer) < 4 or shape.area(outer) < 1.0:
        return None
    holes = [view.to_frame.apply(p) for p in region.polygons[1:]]
    least = HOLE_SHARE * shape.area(outer)
    rings = [outer, *(hole for hole in holes if shape.area(hole) >= least)]
    distances = Distances(away, view.to_frame.inverse(), 1.5 * view.factor)
    white = contrast.colours.whitening
    fits = [
        _fit_ring(image, view, white, ring, distances, radius, contrast.sigma) for ring in rings
    ]
    return make_outline(fits, surprise, measure_clearness(contrast, mask))


THIN_RATIO: Final = 5.0
"""Length over width above which a defect counts as a line."""

THIN_PX: Final = 20.0
"""Largest rough width, in frame pixels, of a line."""

EVEN_RATIO: Final = 1.6
"""Largest width over mean width of a line."""


def outline_thin(
    image: Image, view: Patch, contrast: Contrast, mask: Mask, radius: float, surprise: float
) -> Outline | None:
    """Measures a part that is a line. None: it is not."""
    length, width = (size * view.factor for size in measure_extent(mask))
    if length < THIN_RATIO * width or width > THIN_PX + 2 * view.factor:
        return None
    if 2 * radius > EVEN_RATIO * width + view.factor:
        return None
    rows, columns = np.nonzero(mask)
    if len(rows) < 6:
        return None
    middle = fit_middle(
        view.to_frame.apply(np.column_stack((columns + 0.5, rows + 0.5)).astype(np.float64))
    )
    if middle is None:
        return None
    white = contrast.colours.whitening
    ridge = fit_ridge(Source(image, PLAIN), white, middle[0], width, get_hw(image))
    if ridge is None or ridge.width > THIN_PX:
        return None
    outline = outline_ridge(ridge, get_hw(image), surprise)
    if leaves_rest(view, contrast, mask, outline.polygons[0], ridge.width):
        return None
    return outline


CRACK_RATIO: Final = 4.0
"""Least area of a crack, in units of the square of its largest thickness."""


CLEAR_WINDING: Final = 3.0
"""Below this clearness a winding part in which no line was found is texture."""


def is_winding(view: Patch, mask: Mask, radius: float) -> bool:
    """Whether a part is thin and much longer than thick. radius: half of its largest thickness, in
    frame pixels."""
    if 2 * radius > THIN_PX + 2 * view.factor:
        return False
    return int(np.count_nonzero(mask)) * view.factor**2 >= CRACK_RATIO * (2 * radius) ** 2


def outline_winding(
    image: Image, view: Patch, contrast: Contrast, mask: Mask, radius: float, surprise: float
) -> Outline | None:
    """Measures a part that is a crack: thin lines that wind or branch. None: it is not."""
    if not is_winding(view, mask, radius):
        return None
    rows, columns = np.nonzero(mask)
    known = view.to_frame.apply(np.column_stack((columns + 0.5, rows + 0.5)).astype(np.float64))
    return outline_crack(image, known, contrast.weights, contrast.colours.whitening, surprise)


def get_hw(image: Image) -> tuple[int, int]:
    return image.shape[0], image.shape[1]


def outline_ridge(ridge: Ridge, hw: tuple[int, int], surprise: float) -> Outline:
    """The outline of a line, with its uncertainties. hw: of the frame."""
    polygon = ridge.polygon()
    np.clip(polygon, 0, (hw[1], hw[0]), out=polygon)
    return Outline((polygon,), 0, budget_ridge(ridge, polygon, surprise), ridge=ridge)


CLEAR_SHARE: Final = 0.6
"""Share of the highest contrast of a part above which a pixel is clear."""

REST_SHARE: Final = 0.18
"""Pixels of a part with clear contrast beside the line, as a share of the pixels of the line. Above
it the part is more than a line."""


def leaves_rest(view: Patch, contrast: Contrast, mask: Mask, polygon: Points, width: float) -> bool:
    line = view.paint((polygon,))
    beside = mask & ~grow_mask(line, 1.3 * contrast.sigma + 0.7)
    signal = np.max(contrast.signals, axis=0)
    clear = beside & (signal >= CLEAR_SHARE * find_quantile(signal[mask], 0.9))
    pixels = max(width, 2.35 * contrast.sigma * view.factor) / view.factor**2
    pixels *= shape.perimeter(polygon) / 2
    return bool(np.count_nonzero(clear) > REST_SHARE * pixels)


def measure_extent(mask: Mask) -> tuple[float, float]:
    """Length of the longer side of the smallest rectangle around a mask, and its area over this
    length, in pixels."""
    chains, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    _, sides, _ = cv2.minAreaRect(np.concatenate(chains))
    length = max(sides) + 1.0
    return length, np.count_nonzero(mask) / length


def measure_radius(mask: Mask) -> float:
    """Radius of the largest disc in a mask, in pixels: half of its largest thickness."""
    inside = mask[find_crop(mask, 0)].view(np.uint8)
    padded = cv2.copyMakeBorder(inside, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=0)
    return float(cv2.distanceTransform(padded, cv2.DIST_L2, 5).max()) - 0.5


def measure_distances(mask: Mask) -> Float32Array:
    """Signed distance of pixels to the border of the mask, negative inside, in pixels."""
    padded = cv2.copyMakeBorder(mask.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    inside = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    outside = cv2.distanceTransform(1 - padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    return np.asarray(np.where(mask, 0.5 - inside, outside - 0.5), dtype=np.float32)


def _fit_ring(
    image: Image,
    view: Patch,
    white: Float32Array,
    ring: Points,
    distances: Distances,
    radius: float,
    sigma: float,
) -> EdgeFit:
    widest = min(max(0.7 * radius, 4.0), MAX_REACH_PX)
    reach = (2.5 + 2 * sigma) * view.factor
    perimeter = shape.perimeter(ring)
    points = resample(ring, max(1.0, perimeter / 180))
    coarse, fine = Source(view.pixels, view.to_frame.inverse()), Source(image, PLAIN)
    fit = fit_edge(coarse, white, points, distances, reach, smoothing=None)
    while fit.blur > WIDE_BLUR * reach and reach < widest:
        reach = min(1.8 * reach, widest)
        fit = fit_edge(coarse, white, points, distances, reach, smoothing=None)
    for share in (1.0, 0.8):
        reach = min(max(3 * fit.blur + 2, 4.0), reach)
        points = _calm_soft(resample(fit.points, 1.0), fit.blur)
        smoothing = max(share * fit.smoothing, 1.0, 1.5 * fit.blur - 1.0)
        fit = fit_edge(fine, white, points, distances, reach, smoothing=smoothing)
    if fit.noise <= CORNER_NOISE:
        fit = _restore_corners(fine, white, fit)
    return replace(fit, points=np.clip(fit.points, 0, (image.shape[1], image.shape[0])))


def _calm_soft(points: Points, blur: float) -> Points:
    """Removes bumps from the outline of a soft edge. They come from texture, and lengthen a
    defect. points: (n, 2) at equal distances. blur: of the edge, in frame pixels."""
    if blur <= SHARP_PX:
        return points
    spacing = float(np.hypot(*(points[1] - points[0])))
    sigma = min((blur - SHARP_PX) / spacing, CALM_SHARE * len(points))
    middle = points.mean(axis=0)
    smooth = smooth_along(points - middle, sigma)
    # A Gaussian shrinks the outline. The second one says by how much.
    return np.asarray(2 * smooth - smooth_along(smooth, sigma) + middle, dtype=np.float64)


def _restore_corners(source: Source, white: Float32Array, fit: EdgeFit) -> EdgeFit:
    step = fit.inside - fit.outside

    def read(places: Points) -> npt.NDArray[np.float64]:
        x, y = places[:, :1].astype(np.float32), places[:, 1:].astype(np.float32)
        colours = source.read(x, y).reshape(-1, 3) @ white
        return np.asarray((colours - fit.outside) @ step / max(float(step @ step), 1e-6))

    blur = math.hypot(fit.blur, fit.smoothing)
    points, corners = restore_corners(resample(fit.points, 1.0), blur, read)
    return replace(fit, points=points, corners=corners)


def make_outline(fits: list[EdgeFit], surprise: float, clearness: float) -> Outline:
    """Combines the outer outline and the holes."""
    polygons = tuple(fit.points for fit in fits)
    return Outline(polygons, len(polygons) - 1, budget_outline(fits, surprise, clearness))
