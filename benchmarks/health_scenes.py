"""Draws good frames of several products, and makes a camera sick."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from inspector.core.arrays import Image
from inspector.synthetic.demo_scene import TEXTURES, load_photograph
from inspector.synthetic.web import MovingWeb

HW: Final = (128, 192)
"""Size of the frames, px: those at the engine's input."""

WALK_SD: Final = 2.0
WALK_FRAMES: Final = 50
"""The brightness of the product changes with this standard deviation, in %, over some frames."""

Draw = Callable[[int], Image]
"""Number of a frame -> (H, W, 3) uint8 RGB. The same number gives the same frame."""

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class HealthScene:
    """draw: a good frame. moving: whether the product moves through the picture. still: frames of
    the same product that stands still, with a defect."""

    name: str
    draw: Draw
    still: Draw
    moving: bool = True


def make_scenes(seeds: int) -> list[HealthScene]:
    """Webs of photographs, and products that are drawn, each with several seeds."""
    scenes = []
    for seed in range(seeds):
        scenes += [_photographed_web(texture, seed) for texture in TEXTURES]
        scenes += [_paper(seed), _film(seed), _lane(seed), _board(seed)]
    return scenes


def _photographed_web(texture: str, seed: int) -> HealthScene:
    photograph = cv2.resize(load_photograph(texture), None, fx=0.6, fy=0.6)
    if seed % 2:
        photograph = cv2.rotate(photograph, cv2.ROTATE_90_CLOCKWISE)
    web = MovingWeb(
        np.asarray(photograph, np.uint8),
        frame_hw=HW,
        mm_per_px=0.1,
        speed_px_per_frame=17.3 + 6 * seed,
        seed=seed,
    )
    return _scene(texture, seed, lambda number: web.frame(number)[0])


def _paper(seed: int) -> HealthScene:
    fine = _noise((512, HW[1]), 1.5, seed)

    def draw(number: int) -> Image:
        start = number * 37 % 384
        return _grey(150 + 12 * fine[start : start + HW[0]], 2.0, (seed, number))

    return _scene("paper", seed, draw)


def _film(seed: int) -> HealthScene:
    """A product without texture: only the noise of the camera changes."""
    y, x = np.mgrid[0 : HW[0], 0 : HW[1]] / np.array(HW)[:, None, None]
    light = (170 - 60 * ((x - 0.5) ** 2 + (y - 0.5) ** 2)).astype(np.float32)
    return _scene("film", seed, lambda number: _grey(light, 3.0, (seed, number)))


def _lane(seed: int) -> HealthScene:
    """Round parts on a belt between fixed rails, with gaps."""
    background = 90 + 6 * _noise(HW, 3.0, seed)
    background[:14], background[-14:] = 190, 40
    background[:, ::24] += 25

    def draw(number: int) -> Image:
        rng = np.random.default_rng((seed, 3, number))
        picture = background.copy()
        for middle in range(-40 + number * 23 % 90, HW[1] + 40, 90):
            if rng.random() < 0.8:
                place = (middle + int(rng.integers(-6, 7)), HW[0] // 2 + int(rng.integers(-4, 5)))
                cv2.circle(picture, place, 30, float(rng.normal(170, 6)), -1)
        return _grey(picture, 2.0, (seed, number))

    return _scene("lane", seed, draw)


def _board(seed: int) -> HealthScene:
    """A board that is always at the same place, within 1 px, with parts that differ a little."""
    rng = np.random.default_rng((seed, 9))
    boxes = [tuple(map(int, row)) for row in rng.integers((8, 8, 40), (160, 100, 220), (24, 3))]

    def draw(number: int) -> Image:
        rng = np.random.default_rng((seed, 5, number))
        picture = np.full(HW, 95, np.float32) + 3 * _noise(HW, 2.0, (seed * 7919 + number) % 64)
        for x, y, level in boxes:
            shade = float(level + rng.normal(0, 5))
            cv2.rectangle(picture, (x, y), (x + 20, y + 14), shade, -1)
        x, y = rng.uniform(-1, 1, 2)
        moved = cv2.warpAffine(
            picture,
            np.array([[1, 0, x], [0, 1, y]], np.float32),
            HW[::-1],
            borderMode=cv2.BORDER_REPLICATE,
        )
        return _grey(moved, 2.0, (seed, number))

    return _scene("board", seed, draw, moving=False)


def _scene(name: str, seed: int, draw: Draw, *, moving: bool = True) -> HealthScene:
    walk = _walk(seed)

    def lit(number: int) -> Image:
        return _scale(draw(number), 1 + walk[number % len(walk)])

    standing = lit(11)
    cv2.circle(standing, (80, 60), 6, (20, 20, 20), -1)

    def still(number: int) -> Image:
        noise = 2 * np.random.default_rng((seed, 8, number)).standard_normal(HW, np.float32)
        return np.clip(standing + noise[..., None], 0, 255).astype(np.uint8)

    return HealthScene(f"{name} {seed}", lit, still, moving)


def _walk(seed: int) -> Floats:
    rng = np.random.default_rng((seed, 2))
    steps = rng.standard_normal(20_000).astype(np.float32)
    slow = cv2.GaussianBlur(steps[None], (0, 0), WALK_FRAMES)[0]
    return np.asarray(slow / slow.std() * WALK_SD / 100, np.float32)


def _noise(hw: tuple[int, int], sigma: float, seed: int) -> Floats:
    """Smooth noise of standard deviation 1."""
    noise = np.random.default_rng((seed, 1)).standard_normal(hw, np.float32)
    noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), sigma), np.float32)
    return np.asarray(noise / noise.std(), np.float32)


def _grey(picture: Floats, noise: float, seed: tuple[int, int]) -> Image:
    """With the noise of the camera, as RGB."""
    rng = np.random.default_rng((4, *seed))
    grey = np.clip(np.rint(picture + noise * rng.standard_normal(HW, np.float32)), 0, 255)
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)


def _scale(pixels: Image, factor: float) -> Image:
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=factor), np.uint8)


Sicken = Callable[[Image, float, int], Image]
"""(good frame, strength, number of frames since the beginning) -> sick frame."""


def _blur(pixels: Image, strength: float, _: int) -> Image:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), strength), np.uint8)


def _move(pixels: Image, strength: float, _: int) -> Image:
    matrix = np.array([[1, 0, strength / 100 * HW[1]], [0, 1, 0]], np.float32)
    moved = cv2.warpAffine(pixels, matrix, HW[::-1], borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved, np.uint8)


def _tint(pixels: Image, strength: float, _: int) -> Image:
    return np.asarray(cv2.multiply(pixels, (1 + strength / 100, 1, 1, 0)), np.uint8)


def _add_noise(pixels: Image, strength: float, number: int) -> Image:
    noise = np.random.default_rng((6, number)).standard_normal(HW, np.float32)
    return np.clip(pixels + strength * noise[..., None], 0, 255).astype(np.uint8)


def _cover(pixels: Image, strength: float, _: int) -> Image:
    covered = pixels.copy()
    side = (strength / 100) ** 0.5
    covered[: round(side * HW[0]), : round(side * HW[1])] //= 8
    return covered


def _soil(pixels: Image, strength: float, _: int) -> Image:
    """A soft dark spot, 5 % of the width."""
    spot = np.zeros(HW, np.float32)
    cv2.circle(spot, (130, 45), round(0.025 * HW[1]), 1.0, -1)
    spot = np.asarray(cv2.GaussianBlur(spot, (0, 0), 1.5), np.float32)
    return np.rint(pixels * (1 - strength / 100 * spot)[..., None]).astype(np.uint8)


SICKNESSES: Final[Mapping[str, tuple[str, tuple[float, ...], Sicken]]] = {
    "black": ("light, %", (80, 60, 30, 0), lambda p, s, _: _scale(p, s / 100)),
    "saturated": ("light, %", (120, 150, 200, 400), lambda p, s, _: _scale(p, s / 100)),
    "blurred": ("sigma, px", (0.5, 1, 2, 4), _blur),
    "moved": ("of the width, %", (1, 2, 5, 10), _move),
    "colour": ("red light, %", (5, 10, 20, 40), _tint),
    "noise": ("sd, grey levels", (5, 10, 20, 40), _add_noise),
    "covered": ("of the picture, %", (2, 5, 10, 25), _cover),
    "light_drift": (
        "light after 1000 frames, %",
        (95, 92, 90, 80),
        lambda p, s, n: _scale(p, 1 - (1 - s / 100) * min(n / 1000, 1)),
    ),
    "dirt": ("darker by, %", (10, 20, 40, 80), _soil),
}
"""Condition -> unit of the strength, strengths, and how a frame becomes sick."""
