"""Measures what a picture looks like at the engine's input, to compare it with good pictures."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from engines import png
from engines.spec import EngineSpec
from inspector.core.arrays import Image, Mask

FIGURES: Final = (
    *("brightness", "contrast", "sharpness", "red_green", "blue_green"),
    *("darkest_cell", "brightest_cell", "flattest_cell", "clipped"),
)
"""Figures of every picture, in grey levels of 0 to 255; clipped in %."""

MATCHES: Final = ("match", "cell_match")
"""Figures of a picture that is compared with a reference view, from -1 to 1."""

CELLS: Final = 4
"""Cells of a picture along each side."""

CLIPPED: Final = 254
"""Grey level from which a pixel is overexposed."""

VIEW_SIDE: Final = 128
"""Longest side of a reference view, px."""

FINE_SIGMA: Final = 1.0
COARSE_SIGMA: Final = 8.0
"""Views are compared between these two scales, px: without noise and without light."""

REACH: Final = 5
"""A view is looked for at shifts of up to this part of each side."""

CELL_FLOOR: Final = 0.25
"""Share of the mean energy of the view that is added to the energy of each cell. Without it, noise
would decide in a cell without structure."""

Plane = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class View:
    """A grey picture of at most VIEW_SIDE px, band-passed. planes: (h, w) float32."""

    plane: Plane

    def match(self, other: Plane) -> tuple[float, float]:
        """Normalised correlation with another view: of the whole picture, and the smallest of all
        cells. 1 is equal, 0 is unrelated."""
        product, energy, here = self.plane * other, other * other, self.plane * self.plane
        whole = product.sum() / np.sqrt(float(here.sum()) * float(energy.sum()) + 1e-6)
        floor = CELL_FLOOR * float(here.mean()) + 1e-6
        cells = (_cell_means(product) + floor) / (
            np.sqrt(_cell_means(here) * _cell_means(energy)) + floor
        )
        return float(whole), float(cells.min())

    def match_moved(self, other: Plane) -> tuple[int, int, float]:
        """(x, y) by which the other view is shifted, in px of the view, and the match of the parts
        that both show. The middle of this view is looked for in the other one, by normalised
        correlation."""
        height, width = self.plane.shape
        down, right = height // REACH, width // REACH
        middle = self.plane[down : height - down, right : width - right]
        place = cv2.minMaxLoc(cv2.matchTemplate(other, middle, cv2.TM_CCORR_NORMED))[3]
        x, y = place[0] - right, place[1] - down
        here = self.plane[max(0, -y) : height - max(0, y), max(0, -x) : width - max(0, x)]
        there = other[max(0, y) : height + min(0, y), max(0, x) : width + min(0, x)]
        return x, y, View(here).match(there)[0]


class Look:
    """A picture in the forms that the checks need; each is computed once.

    pixels: (H, W, 3) uint8 RGB. grey: (H, W) uint8. view: (h, w) uint8, see shrink(). plane: (h, w)
    float32, see PictureMeter.band_pass().
    """

    def __init__(self, pixels: Image, band_pass: Callable[[Image], Plane]) -> None:
        self.pixels = pixels
        self.grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
        self._band_pass = band_pass

    @cached_property
    def view(self) -> Image:
        return shrink(self.grey)

    @cached_property
    def plane(self) -> Plane:
        return self._band_pass(self.view)


class PictureMeter:
    """Measures pictures of one size, (H, W, 3) uint8 RGB, as the engine takes them.

    inside: (H, W), the inspected pixels; None is all. reference: grey picture (h, w) uint8 of
    view_hw, the mean of the good pictures; None if the product is not always in the same place.
    """

    def __init__(self, inside: Mask | None = None, reference: Image | None = None) -> None:
        self._inside = None if inside is None else inside.astype(np.uint8)
        self._weights: Plane | None = None
        self.reference = None if reference is None else View(self.band_pass(reference))

    def look(self, pixels: Image) -> Look:
        """pixels: (H, W, 3) uint8 RGB."""
        return Look(pixels, self.band_pass)

    def measure(self, pixels: Image) -> dict[str, float]:
        """See measure_look()."""
        return self.measure_look(self.look(pixels))

    def measure_look(self, look: Look) -> dict[str, float]:
        """Every figure of FIGURES, and those of MATCHES if there is a reference.

        Grey is ITU-R BT.601 luma. brightness: its mean. contrast: its standard deviation.
        sharpness: standard deviation of its Laplacian over 4 neighbours (Pech-Pacheco et al.,
        "Diatom autofocusing in brightfield microscopy", ICPR 2000, uses its square). red_green,
        blue_green: mean red and mean blue minus mean green. darkest_cell, brightest_cell: smallest
        and largest mean of CELLS x CELLS cells. flattest_cell: smallest mean of the absolute
        Laplacian of a cell. clipped: share of the pixels from level CLIPPED on, in %.
        """
        grey = look.grey
        laplacian = cv2.Laplacian(grey, cv2.CV_16S, ksize=1)
        red, green, blue, _ = cv2.mean(look.pixels, self._inside)
        (brightness,), (contrast,) = _mean_and_sd(grey, self._inside)
        _, (sharpness,) = _mean_and_sd(laplacian, self._inside)
        levels = self._cells(grey)
        edges = self._cells(cv2.convertScaleAbs(laplacian))
        _, clipped = cv2.threshold(grey, CLIPPED - 1, 100, cv2.THRESH_BINARY)
        values = (
            *(brightness, contrast, sharpness, red - green, blue - green),
            *(min(levels), max(levels), min(edges), cv2.mean(clipped, self._inside)[0]),
        )
        figures = dict(zip(FIGURES, map(float, values), strict=True))
        if self.reference is not None:
            matches = self.reference.match(look.plane)
            figures |= dict(zip(MATCHES, matches, strict=True))
        return figures

    def match_moved(self, look: Look) -> tuple[float, float, float]:
        """(x, y) by which the picture is shifted against the reference, in px of the picture, and
        the match of the parts that both show."""
        assert self.reference is not None
        x, y, match = self.reference.match_moved(look.plane)
        scale = max(look.grey.shape) / max(self.reference.plane.shape)
        return x * scale, y * scale, match

    def _cells(self, plane: npt.NDArray[Any]) -> list[float]:
        """Means of the cells; with a region, of the inspected pixels of cells with enough."""
        if self._inside is None:
            return [cv2.mean(cell)[0] for cell in _split(plane)]
        counts = [cv2.countNonZero(cell) for cell in _split(self._inside)]
        least = max(counts) / CELLS
        cells = zip(_split(plane), _split(self._inside), counts, strict=True)
        return [cv2.mean(cell, inside)[0] for cell, inside, count in cells if count >= least]

    def band_pass(self, view: Image) -> Plane:
        """(h, w) uint8, a result of shrink() -> (h, w) float32, 0 outside the region."""
        plane = view.astype(np.float32)
        fine, coarse = (cv2.GaussianBlur(plane, (0, 0), s) for s in (FINE_SIGMA, COARSE_SIGMA))
        band = fine - coarse
        if self._inside is not None:
            if self._weights is None:
                self._weights = cv2.resize(self._inside.astype(np.float32), view.shape[::-1])
            band *= self._weights
        return np.asarray(band, np.float32)


def meter_of(spec: EngineSpec, inside: Mask | None) -> PictureMeter:
    """The meter for the frames of an engine. inside: as in PictureMeter. Raises SpecError if the
    reference view of the spec is not a picture."""
    view = spec.reference_view
    aligned = view is not None and bool(view.aligned)
    return PictureMeter(inside, reference_of(spec) if aligned else None)


def reference_of(spec: EngineSpec) -> Image | None:
    """The mean of the good pictures, (h, w) uint8 as shrink() gives it; None if the engine file has
    none. Raises SpecError if it is not a picture."""
    view = spec.reference_view
    return None if view is None else png.decode(view.picture, view.hw, 1, "the reference view")


def shrink(grey: Image) -> Image:
    """(H, W) uint8 -> (h, w) uint8 with the longest side VIEW_SIDE."""
    height, width = grey.shape
    scale = VIEW_SIDE / max(height, width)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _mean_and_sd(plane: npt.NDArray[Any], inside: Image | None) -> tuple[Any, Any]:
    mean, sd = cv2.meanStdDev(plane, mask=inside)
    return mean[0], sd[0]


def _split(plane: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """CELLS x CELLS views of a plane (H, W)."""
    rows, columns = (np.linspace(0, side, CELLS + 1).astype(int) for side in plane.shape)
    return [
        plane[top:bottom, left:right]
        for top, bottom in itertools.pairwise(rows)
        for left, right in itertools.pairwise(columns)
    ]


def _cell_means(plane: Plane) -> Plane:
    means = cv2.resize(plane, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    return np.asarray(means, np.float32)
