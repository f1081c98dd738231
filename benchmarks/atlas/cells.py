"""The cells of the atlas: kind x size x contrast, and further factors around a middle cell."""

from dataclasses import dataclass, replace

from benchmarks.atlas.kinds import KINDS
from benchmarks.atlas.textures import TEXTURES

SIZES = ("small", "medium", "large")
CONTRASTS = (0.03, 0.06, 0.12, 0.25, 0.5)
MIDDLE_KINDS = ("compact", "square", "scratch")
BLURS_PX = (0.4, 1.2, 2.0, 3.0, 5.0)
TILTS_DEG = (15.0, 30.0)
COMPRESSIONS = ("jpeg 90", "jpeg 70", "jpeg 40", "h264 20", "h264 28", "h264 35")

FRAMES = 8
PER_FRAME = 5
"""A cell has FRAMES x PER_FRAME examples. Each texture is drawn once for it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """blur_px: standard deviation of the optics. texture: None for all, one per frame.
    compression: "none", "jpeg QUALITY" or "h264 CRF"."""

    kind: str
    size: str
    contrast: float
    blur_px: float = 0.7
    tilt_deg: float = 0.0
    texture: str | None = None
    compression: str = "none"

    @property
    def factor(self) -> str:
        """The factor that differs from the middle cell, "" for a main cell."""
        if self.blur_px != 0.7:
            return f"blur {self.blur_px:g} px"
        if self.tilt_deg:
            return f"tilt {self.tilt_deg:g} deg"
        if self.texture is not None:
            return f"texture {self.texture}"
        return "" if self.compression == "none" else self.compression

    @property
    def name(self) -> str:
        name = f"{self.kind}/{self.size}/{self.contrast:.0%}"
        return f"{name}/{self.factor}" if self.factor else name

    @property
    def size_mm(self) -> float:
        return KINDS[self.kind].sizes[SIZES.index(self.size)]

    def texture_of(self, frame: int) -> str:
        return self.texture or list(TEXTURES)[frame % len(TEXTURES)]


def list_cells() -> list[Cell]:
    """Main cells first, kind by kind."""
    main = [
        Cell(kind, size, contrast) for kind in KINDS for size in SIZES for contrast in CONTRASTS
    ]
    return main + [cell for kind in MIDDLE_KINDS for cell in _vary(Cell(kind, "medium", 0.25))]


def list_quick_cells() -> list[Cell]:
    """The medium size of each kind at a low and a middle contrast."""
    return [Cell(kind, "medium", contrast) for kind in KINDS for contrast in (0.06, 0.25)]


def _vary(middle: Cell) -> list[Cell]:
    return [
        *(replace(middle, blur_px=blur) for blur in BLURS_PX),
        *(replace(middle, tilt_deg=tilt) for tilt in TILTS_DEG),
        *(replace(middle, texture=texture) for texture in TEXTURES),
        *(replace(middle, compression=compression) for compression in COMPRESSIONS),
    ]
