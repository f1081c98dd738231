"""Fits an engine on each texture, and uses its maps instead of the rendered ones."""

import contextlib
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np

from benchmarks.atlas.scene import FRAME_HW, Scene, expose
from benchmarks.atlas.textures import draw_texture
from engines.opening import Engine, open_engine
from engines.resize import to_input
from inspector.core.arrays import Map
from inspector.core.geometry import Affine
from tools.fit import main as fit

FOLDER = Path("artifacts/atlas")
NORMALS = 60
_SEED = 77


class EngineMaps:
    """A map source (see trial.MapSource). Engines are fitted once and stay in FOLDER."""

    def __init__(self) -> None:
        self._engines: dict[str, Engine] = {}

    def __call__(self, scene: Scene) -> tuple[Map, Affine, float]:
        if scene.texture not in self._engines:
            self._engines[scene.texture] = open_engine(fit_on_texture(scene.texture))
        engine = self._engines[scene.texture]
        pixels, of_input = to_input(scene.image, engine.spec.resize)
        maps, _ = engine.infer(pixels[None])
        of_map = Affine.between(engine.spec.map_hw, (0, 0, pixels.shape[1], pixels.shape[0]))
        return maps[0], of_input.after(of_map), engine.spec.pixel_threshold


def fit_on_texture(name: str) -> Path:
    """The engine of a texture. It is fitted if it is missing."""
    path = FOLDER / f"{name}.onnx"
    if path.exists():
        return path
    rng = np.random.default_rng((_SEED, zlib.crc32(name.encode())))
    normal = path.with_suffix("")
    normal.mkdir(parents=True, exist_ok=True)
    for number in range(NORMALS):
        image = expose(draw_texture(name, rng, FRAME_HW), rng)
        cv2.imwrite(str(normal / f"{number:03d}.png"), image, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    # The texture is drawn anew for each frame, so no place is the same in two frames.
    return fit_rad(path, str(normal), "--radius", "all", "--coreset", "1500")


def fit_rad(path: Path, normal: str, *options: str) -> Path:
    """Fits RAD on a folder or a video of good frames. Its messages go to stderr."""
    arguments = ["--method", "rad", "--normal", normal, "--no-sheet", "--out", str(path)]
    with contextlib.redirect_stdout(sys.stderr):
        code = fit([*arguments, *options])
    if code != 0:
        raise SystemExit(f"fitting on {normal} failed")
    return path
