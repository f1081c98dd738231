"""Smooths with Gaussians: round ones, and long ones in several directions."""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from inspector.core.arrays import Mask

Float32Array = npt.NDArray[np.float32]
"""(h, w) or (h, w, 3) float32."""

RESAMPLED: Final = 0.55
"""Extra blur of turning a picture and back by linear interpolation: 2 x 1/6 pixel squared."""

TURN: Final = 0.075
"""Root mean square of the sine of the angle between a line and the nearest of ANGLES."""

ANGLES: Final = tuple(range(0, 180, 15))
"""Directions of the lines that are tried, in degrees from the x axis towards y."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """Standard deviations in pixels, across and along. A round kernel has two equal values."""

    across: float
    along: float

    @property
    def line(self) -> bool:
        return self.along > self.across

    @property
    def spread(self) -> float:
        """Standard deviation, in pixels, of the blur across an edge."""
        return math.hypot(self.across, RESAMPLED, TURN * self.along) if self.line else self.across

    @property
    def footprint(self) -> float:
        """Number of pixels per independent value of the smoothed picture."""
        return max(1.0, 4 * math.pi * self.across * self.along)

    def scaled(self, factor: float) -> "Kernel":
        return Kernel(self.across * factor, self.along * factor)


ROUND: Final = tuple(Kernel(s, s) for s in (0.7, 1.2, 2.0, 3.5, 6.0, 10.0))
LINES: Final = (Kernel(0.7, 6.0), Kernel(1.5, 10.0))


def blur(values: Float32Array, sigma: float) -> Float32Array:
    """Blurs (h, w) or (h, w, 3) with a Gaussian.

    A wide Gaussian is applied to a smaller picture. This is much faster, and the result differs by
    a few per mille. The averaging and the interpolation blur the picture too, so their variances
    are subtracted from that of the Gaussian.
    """
    height, width = values.shape[:2]
    step = 4 if sigma >= 6 else 2 if sigma >= 3 else 1
    if step == 1 or min(height, width) < 8 * step:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), dtype=np.float32)
    size = math.ceil(width / step), math.ceil(height / step)
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    left = math.sqrt(sigma**2 - (step**2 - 1) / 12 - step**2 / 6) / step
    small = cv2.GaussianBlur(small, (0, 0), left)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, dtype=np.float32)


def smooth(
    contrast: Float32Array, kernel: Kernel, angles: tuple[int, ...] = ANGLES
) -> Float32Array:
    """Smooths (h, w). For a line kernel the result is the largest value over the angles."""
    if not kernel.line:
        return blur(contrast, kernel.across)
    return compute_line_responses(contrast, (kernel,), angles)[0][0]


def compute_line_responses(
    contrast: Float32Array, kernels: tuple[Kernel, ...], angles: tuple[int, ...] = ANGLES
) -> list[tuple[Float32Array, Float32Array]]:
    """Smooths along each angle. Returns two (h, w) for each kernel: the largest and the smallest
    value over the angles. The smallest is the response to a dark line.

    The picture is turned, smoothed along its rows, and turned back. This is faster than slanted
    kernels.
    """
    height, width = contrast.shape
    side = math.ceil(math.hypot(height, width)) + 2
    extremes: list[tuple[Float32Array, Float32Array]] = []
    for angle in angles:
        turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1.0)
        turn[:, 2] += ((side - width) / 2, (side - height) / 2)
        turned = cv2.warpAffine(contrast, turn, (side, side), borderMode=cv2.BORDER_REPLICATE)
        for index, kernel in enumerate(kernels):
            size = (_kernel_size(kernel.along), _kernel_size(kernel.across))
            rows = cv2.GaussianBlur(turned, size, kernel.along, sigmaY=kernel.across)
            back = cv2.warpAffine(
                rows, turn, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            )
            if angle == angles[0]:
                extremes.append((back, back.copy()))
            else:
                np.maximum(extremes[index][0], back, out=extremes[index][0])
                np.minimum(extremes[index][1], back, out=extremes[index][1])
    return extremes


def _kernel_size(sigma: float) -> int:
    """Kernel size for three sigmas on each side. OpenCV's default of four sigmas takes a third
    longer and adds 0.3 % of the weight."""
    return 2 * math.ceil(3 * sigma) + 1


def choose_angles(degrees: float, reach: float) -> tuple[int, ...]:
    """The members of ANGLES within `reach` degrees of a direction."""
    return tuple(a for a in ANGLES if abs((a - degrees + 90) % 180 - 90) <= reach)


def grow_mask(mask: Mask, radius: float) -> Mask:
    """Widens the mask by a radius in pixels. The time does not depend on the radius."""
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(away <= radius)
