"""The foreground mask, written literally in float64. It shares no code with the other forms."""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate, maximum_filter, minimum_filter

from learning.foreground.model import CLOSE, MARGIN, MOST_LIGHT, RAMP, SPECK, ForegroundModel
from learning.graph.maps import MapCanvas
from learning.methods.map_reference import draw

Float = npt.NDArray[np.float64]


def foreground(colours: Float, model: ForegroundModel, canvas: MapCanvas) -> tuple[Float, float]:
    """colours: (3, h, w) of one picture. Returns the mask (H, W) and the share of product."""
    height, width = model.grid_hw
    differences = []
    for view in model.views.astype(np.float64):
        change = colours - np.broadcast_to(view, colours.shape)
        if len(model.border):
            rows, columns = np.unravel_index(model.border, (height, width))
            light = np.median(change[:, rows, columns], axis=1)
            change -= np.minimum(np.maximum(light, -MOST_LIGHT), MOST_LIGHT)[:, None, None]
        differences.append(np.max(np.abs(change), axis=0))
    nearest = np.min(differences, axis=0)
    raised = np.interp(nearest / model.level, RAMP, (0.0, 1.0)) * model.region
    ones = np.ones((3, 3))
    around = correlate(raised, ones, mode="constant")
    around /= correlate(np.ones_like(raised), ones, mode="constant")
    shown = np.minimum(np.maximum(9 * around - SPECK, 0), 1)
    wide = maximum_filter(shown, 2 * (CLOSE + MARGIN) + 1, mode="constant", cval=0.0)
    grown = minimum_filter(wide, 2 * CLOSE + 1, mode="constant", cval=1.0)
    flat = MapCanvas(canvas.map_hw, sigma=0.0)
    return draw(np.maximum(grown, model.core), flat), float(shown.mean())
