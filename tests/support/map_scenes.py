"""Random anomaly maps with blobs of truth, and AUPRO the slow way."""

import cv2
import numpy as np
from scipy import ndimage

Scene = tuple[list[np.ndarray], list[np.ndarray]]


def scene(seed: int, pictures: int = 8, levels: int = 0, hw: tuple[int, int] = (48, 64)) -> Scene:
    """Smoothed noise raised over random blobs; the first picture is normal. levels: of ties."""
    rng = np.random.default_rng(seed)
    maps, truths = [], []
    for index in range(pictures):
        noise = cv2.GaussianBlur(rng.normal(size=hw).astype(np.float32), (0, 0), 1.5)
        blobs = cv2.GaussianBlur(rng.normal(size=hw), (0, 0), 2.5)
        truth = blobs > np.quantile(blobs, 0.97) if index else np.zeros(hw, bool)
        values = noise + 0.3 * cv2.GaussianBlur(truth.astype(np.float32), (0, 0), 1)
        if levels:
            low, high = values.min(), values.max()
            values = np.floor((values - low) / (high - low) * levels)
        maps.append(values.astype(np.float32))
        truths.append(truth)
    return maps, truths


def slow_aupro(maps: list[np.ndarray], truths: list[np.ndarray], limit: float = 0.3) -> float:
    """One threshold after the other, region by region."""
    scores = np.unique(np.stack(maps))[::-1]
    normal = np.sort(np.concatenate([m[~t] for m, t in zip(maps, truths, strict=True)]))
    regions = []
    for values, truth in zip(maps, truths, strict=True):
        labels, count = ndimage.label(truth, np.ones((3, 3)))
        regions += [np.sort(values[labels == region]) for region in range(1, count + 1)]
    above = [1 - np.searchsorted(region, scores) / len(region) for region in [normal, *regions]]
    x, y = np.append(0, above[0]), np.append(0, np.mean(above[1:], axis=0))
    grid = np.unique(np.append(x[x <= limit], limit))
    last = np.searchsorted(x, grid, side="right") - 1  # of equal rates the highest
    ends = y[last]
    nxt = min(last[-1] + 1, len(x) - 1)
    if x[last[-1]] < limit:
        share = (limit - x[last[-1]]) / (x[nxt] - x[last[-1]])
        ends[-1] += share * (y[nxt] - ends[-1])
    firsts = y[np.searchsorted(x, grid, side="left")]
    firsts[-1] = ends[-1] if grid[-1] not in x else firsts[-1]
    return float(((firsts[1:] + ends[:-1]) / 2 * np.diff(grid)).sum() / limit)
