"""Pictures with defects of known size, and maps that swell around them as engines' maps do."""

import cv2
import numpy as np

from inspector.core.arrays import Image, Map
from inspector.core.geometry import Affine, Points
from inspector.synthetic.rendered_defects import Appearance, RenderedDefect, mask, render

FRAME_HW = (360, 640)
MAP_HW = (128, 224)
TO_FRAME = Affine.between(MAP_HW, (0, 0, FRAME_HW[1], FRAME_HW[0]))
THRESHOLD = 1.0


def texture(seed: int, grain: float = 1.5, contrast: float = 12.0) -> Image:
    """Brown-grey noise of that grain in pixels, lit unevenly."""
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.standard_normal(FRAME_HW).astype(np.float32), (0, 0), grain)
    light = np.linspace(0.8, 1.1, FRAME_HW[1], dtype=np.float32)
    grey = (120 + contrast * noise / noise.std()) * light
    return np.clip(grey[..., None] * np.array((0.8, 0.9, 1.0)), 0, 255).astype(np.uint8)


def ellipse(centre: tuple[float, float], length: float, width: float, degrees: float) -> Points:
    angles = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    points = np.column_stack((length / 2 * np.cos(angles), width / 2 * np.sin(angles)))
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return points @ np.array(((c, s), (-s, c))) + np.array(centre)


def bar(centre: tuple[float, float], length: float, width: float, degrees: float) -> Points:
    x, y = length / 2, width / 2
    corners = np.array(((-x, -y), (x, -y), (x, y), (-x, y)))
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return corners @ np.array(((c, s), (-s, c))) + np.array(centre)


def defect(
    outline: Points, gain_bgr: tuple[float, float, float] = (0.3, 0.3, 0.3)
) -> RenderedDefect:
    return RenderedDefect.of("test", outline, 0.1, Appearance(gain_bgr, 0.3))


def scene(seed: int, *defects: RenderedDefect) -> tuple[Image, Map]:
    """The picture, and its map: above THRESHOLD well around every defect."""
    image = texture(seed)
    covered = np.zeros(FRAME_HW, np.float32)
    for defect in defects:
        image = render(image, defect)
        covered = np.maximum(covered, mask(defect, FRAME_HW) / np.float32(255))
    return image, swollen(covered)


def swollen(covered: Map, sigma: float = 4.0) -> Map:
    small = cv2.resize(covered, MAP_HW[::-1], interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), sigma)
    return np.asarray(8 * THRESHOLD * blurred / max(float(blurred.max()), 1e-6), np.float32)
