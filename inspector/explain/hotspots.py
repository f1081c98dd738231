"""Finds the highest places of a map, for pictures without a defect."""

import cv2
import numpy as np

from inspector.core.arrays import Map
from inspector.core.explanation import Hotspot
from inspector.explain.explainer import find_place
from inspector.explain.surroundings import InspectedArea
from inspector.explain.wording import write_hotspot


def find_hotspots(
    anomaly_map: Map, area: InspectedArea, threshold: float, most: int
) -> tuple[Hotspot, ...]:
    """The highest peaks of a map, the highest first, by non-maximum suppression.

    A peak is the highest value within a fifth of the shorter side of the map around it, and above
    the median of the inspected places. anomaly_map: (h, w). threshold: of pixels. most: number of
    hotspots.
    """
    inspected = np.ones(anomaly_map.shape, bool) if area.mask is None else area.mask
    if not inspected.any():
        return ()
    scores = np.where(inspected, anomaly_map, -np.inf).astype(np.float32)
    reach = max(1, min(scores.shape) // 5)
    around = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    peaks = (scores == cv2.dilate(scores, around)) & (scores > np.median(scores[inspected]))
    cells = np.argwhere(peaks)
    cells = cells[np.argsort(-scores[peaks], kind="stable")]
    hotspots: list[Hotspot] = []
    while len(cells) and len(hotspots) < most:
        row, column = cells[0].tolist()
        # A plateau has many peaks of the same value.
        cells = cells[np.abs(cells - cells[0]).max(axis=1) > reach]
        x, y = area.to_frame.apply(np.array([[column + 0.5, row + 0.5]]))[0].tolist()
        place, score = find_place((x, y), area)[0], float(scores[row, column])
        sentence = write_hotspot(place, score, threshold)
        hotspots.append(Hotspot(place, (x, y), score, threshold, sentence))
    return tuple(hotspots)
