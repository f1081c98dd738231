"""Changes the values of a picture: light, colours, sharpness, noise, compression and dirt.

Each shift has a function that draws its parameters, and one that changes the picture. Pictures are
(H, W, 3) float32 BGR from 0 to 1. Lengths in px apply to a picture whose shorter side has 256 px.
They grow with the picture.
"""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from studies.shift.drawing import Draw, Parameters

Pixels = npt.NDArray[np.float32]

SIDE: Final = 256
"""Shorter side of the pictures for which lengths in px are stated."""

GAMMA: Final = 2.2
"""Light = value ** GAMMA, roughly as for sRGB."""

SMUDGES: Final = 4
"""On a dirty lens."""

PARTS: Final = 8
"""Parts of a pixel along each side, to find which share of it a disc covers."""


def draw_factor(draw: Draw, amount: float) -> Parameters:
    return {"factor": 1 + draw.signed(amount)}


def brightness(pixels: Pixels, parameters: Parameters) -> Pixels:
    return pixels * np.float32(parameters["factor"])


def contrast(pixels: Pixels, parameters: Parameters) -> Pixels:
    """Differences to the mean grey value of the picture are multiplied."""
    mean = np.float32(_grey(pixels).mean())
    return mean + (pixels - mean) * np.float32(parameters["factor"])


def saturation(pixels: Pixels, parameters: Parameters) -> Pixels:
    """Differences to the grey value of the pixel are multiplied."""
    grey = _grey(pixels)[:, :, None]
    return grey + (pixels - grey) * np.float32(parameters["factor"])


def draw_blur(draw: Draw, amount: float) -> Parameters:
    return {"kernel_px": draw.up_to(amount, lowest=3.0)}


def blur(pixels: Pixels, parameters: Parameters) -> Pixels:
    """Gaussian blur. A kernel of 3 px has a sigma of 0.8 px, one of 5 px has 1.1 px, as in
    OpenCV."""
    kernel = parameters["kernel_px"]
    sigma = 0.15 * kernel + 0.35 if kernel >= 3 else 0.8 * kernel / 3
    return _gaussian(pixels, sigma * _enlargement(pixels))


def draw_noise(draw: Draw, amount: float) -> Parameters:
    return {"sigma": draw.up_to(amount, lowest=0.01), "seed": draw.seed()}


def noise(pixels: Pixels, parameters: Parameters) -> Pixels:
    generator = np.random.default_rng(int(parameters["seed"]))
    values = generator.standard_normal(pixels.shape, np.float32)
    return pixels + np.float32(parameters["sigma"]) * values


def draw_vignetting(draw: Draw, amount: float) -> Parameters:
    return {
        "darker": draw.up_to(amount),
        "x": draw.between(-0.1, 0.1),
        "y": draw.between(-0.1, 0.1),
    }


def vignetting(pixels: Pixels, parameters: Parameters) -> Pixels:
    """Darker with the square of the distance from a centre. darker: share of the light that the
    corners lose."""
    down, across = _grid(pixels)
    distance = (down - parameters["y"]) ** 2 + (across - parameters["x"]) ** 2
    light = 1 - parameters["darker"] * np.minimum(distance / 2, 1)
    return (pixels * light[:, :, None]).astype(np.float32)


def draw_exposure(draw: Draw, amount: float) -> Parameters:
    return {"stops": draw.signed(amount)}


def exposure(pixels: Pixels, parameters: Parameters) -> Pixels:
    """The light is multiplied by 2 ** stops. Values above the range of the camera are cut."""
    return pixels * np.float32(2 ** (parameters["stops"] / GAMMA))


def draw_white_balance(draw: Draw, amount: float) -> Parameters:
    return {"red": draw.signed(amount)}


def white_balance(pixels: Pixels, parameters: Parameters) -> Pixels:
    """Red is multiplied by 1 + red, and blue by 1 - red."""
    red = parameters["red"]
    return pixels * np.array([1 - red, 1, 1 + red], np.float32)


def draw_defocus(draw: Draw, amount: float) -> Parameters:
    return {"radius_px": draw.up_to(amount)}


def defocus(pixels: Pixels, parameters: Parameters) -> Pixels:
    """Every point becomes a disc, as behind a lens that is out of focus."""
    radius = parameters["radius_px"] * _enlargement(pixels)
    if radius == 0:
        return pixels
    reach = int(np.ceil(radius))
    parts = (np.arange((2 * reach + 1) * PARTS) + 0.5) / PARTS - reach - 0.5
    inside = np.hypot(parts[:, None], parts[None, :]) <= radius + 0.5
    shares = inside.reshape(2 * reach + 1, PARTS, 2 * reach + 1, PARTS).mean(axis=(1, 3))
    return _convolve(pixels, shares)


def draw_motion_blur(draw: Draw, amount: float) -> Parameters:
    return {"length_px": draw.up_to(amount), "degrees": draw.between(0, 180)}


def motion_blur(pixels: Pixels, parameters: Parameters) -> Pixels:
    """Every point becomes a line, as with a long exposure of a moving part."""
    length = parameters["length_px"] * _enlargement(pixels)
    angle = np.radians(parameters["degrees"])
    reach = int(np.ceil(length / 2)) + 1
    kernel = np.zeros((2 * reach + 1,) * 2)
    for step in np.linspace(-length / 2, length / 2, 8 * reach + 1):
        x, y = reach + step * np.cos(angle), reach + step * np.sin(angle)
        left, top = int(x), int(y)
        part = np.outer((top + 1 - y, y - top), (left + 1 - x, x - left))
        kernel[top : top + 2, left : left + 2] += part
    return _convolve(pixels, kernel)


def draw_jpeg(draw: Draw, amount: float) -> Parameters:
    return {"quality": float(round(100 - draw.up_to(amount)))}


def jpeg(pixels: Pixels, parameters: Parameters) -> Pixels:
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(parameters["quality"])]
    _, encoded = cv2.imencode(".jpg", to_bytes(pixels), quality)
    return from_bytes(np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8))


def draw_dirty_lens(draw: Draw, amount: float) -> Parameters:
    smudges: Parameters = {"opacity": draw.up_to(amount)}
    for number in range(SMUDGES):
        smudges[f"x{number}"] = draw.between(-1, 1)
        smudges[f"y{number}"] = draw.between(-1, 1)
        smudges[f"radius{number}"] = draw.between(0.1, 0.4)
    return smudges


def dirty_lens(pixels: Pixels, parameters: Parameters) -> Pixels:
    """Soft smudges mix the picture with its light from far around. x, y: from -1 to 1 over the
    picture. radius: in halves of the sides."""
    down, across = _grid(pixels)
    clear = np.ones(pixels.shape[:2])
    for number in range(SMUDGES):
        distance = (down - parameters[f"y{number}"]) ** 2 + (across - parameters[f"x{number}"]) ** 2
        clear *= 1 - np.exp(-distance / (2 * parameters[f"radius{number}"] ** 2))
    covered = (parameters["opacity"] * (1 - clear))[:, :, None]
    haze = _gaussian(pixels, 0.15 * min(pixels.shape[:2]))
    return (pixels * (1 - covered) + haze * covered).astype(np.float32)


def to_bytes(pixels: Pixels) -> npt.NDArray[np.uint8]:
    return np.asarray(np.clip(np.rint(pixels * 255), 0, 255), np.uint8)


def from_bytes(image: npt.NDArray[np.uint8]) -> Pixels:
    return image.astype(np.float32) / np.float32(255)


def _grey(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.float32)


def _grid(pixels: Pixels) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """y (H, 1) and x (1, W), from -1 to 1."""
    height, width = pixels.shape[:2]
    return np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]


def _enlargement(pixels: Pixels) -> float:
    return min(pixels.shape[:2]) / SIDE


def _gaussian(pixels: Pixels, sigma: float) -> Pixels:
    if sigma <= 0:
        return pixels
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.float32)


def _convolve(pixels: Pixels, kernel: npt.NDArray[np.float64]) -> Pixels:
    border = cv2.BORDER_REFLECT_101
    return np.asarray(
        cv2.filter2D(pixels, -1, kernel / kernel.sum(), borderType=border), np.float32
    )
