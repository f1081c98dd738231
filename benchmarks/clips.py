"""Makes the clips and engines that the benchmarks share, once, in artifacts/bench."""

import contextlib
import io
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from inspector.core.arrays import Image
from inspector.core.errors import ConfigError
from inspector.synthetic.rendered_defects import random_defect, render
from inspector.synthetic.web import MovingWeb
from tools.fit import main as fit

FOLDER = Path("artifacts/bench")
FPS = 30
MM_PER_PX = 0.1
NORMALS = 100
SPEED = 2048 / 100
"""px per frame. 100 frames show the texture and its mirror image completely. A positional bank of
100 pictures therefore knows every place of the web, and a clip without defects passes."""


def texture() -> Image:
    """Gravel (CC0, from scikit-image) in a warm tint, (1024, 1024, 3) BGR. Raises ConfigError."""
    try:
        from skimage import data
    except ImportError as exc:
        raise ConfigError("this benchmark needs scikit-image: pip install '.[demo]'") from exc
    grey = cv2.resize(data.gravel(), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    tint = np.array((0.86, 0.95, 1.0), np.float32)
    return np.clip(grey[..., np.newaxis] * tint, 0, 255).astype(np.uint8)


def frames(frame_hw: tuple[int, int], count: int, share: float, seed: int) -> Iterator[Image]:
    """Frames of a moving web. A share of them, evenly spread, shows a defect.

    share: above 1 it is the number of defects in each frame.
    """
    web = MovingWeb(
        texture(), frame_hw=frame_hw, mm_per_px=MM_PER_PX, speed_px_per_frame=SPEED, seed=seed
    )
    rng = np.random.default_rng(seed)
    every, defects = (max(1, round(1 / share)) if share else 0), max(1, round(share))
    for i in range(count):
        image, _ = web.frame(i)
        for _ in range(defects if every and i % every == every - 1 else 0):
            kind = ("hole", "scratch", "stain")[int(rng.integers(3))]
            centre = (frame_hw[1] * rng.uniform(0.2, 0.8), frame_hw[0] * rng.uniform(0.2, 0.8))
            image = render(image, random_defect(kind, rng, centre_px=centre, mm_per_px=MM_PER_PX))
        yield image


def clip(
    frame_hw: tuple[int, int],
    count: int,
    share: float,
    seed: int = 3,
    *,
    resized_from: tuple[int, int] | None = None,
) -> Path:
    """An H.264 file, which is made if it is missing.

    resized_from: size in which the frames are drawn, so that all sizes show the same; None is
    frame_hw.
    """
    drawn = "" if resized_from is None else f"_from_{resized_from[0]}p"
    path = FOLDER / f"web_{frame_hw[0]}p_{count}_{round(share * 100)}{drawn}.mp4"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.mp4")
    with av.open(str(part), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "fast", "crf": "20"})
        stream.height, stream.width = frame_hw
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, FPS)
        for image in frames(resized_from or frame_hw, count, share, seed):
            if resized_from is not None:
                image = cv2.resize(image, frame_hw[::-1], interpolation=cv2.INTER_AREA)
            i420 = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(i420, format="yuv420p")))
        container.mux(stream.encode())
    part.rename(path)
    return path


def normal(frame_hw: tuple[int, int] = (720, 1280)) -> Path:
    """A folder with 100 good frames of the same web in other light and noise.

    It is made if it is missing.
    """
    folder = FOLDER / f"normal_{frame_hw[0]}p"
    if len(list(folder.glob("*.png"))) == NORMALS:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(frames(frame_hw, NORMALS, 0.0, seed=91)):
        cv2.imwrite(str(folder / f"{i:04d}.png"), image, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return folder


def engine(
    size: str | None,
    frame_hw: tuple[int, int] = (720, 1280),
    *,
    method: str = "rad",
    coreset: int | None = None,
) -> Path:
    """An engine fitted on normal(), which is made if it is missing.

    size: WxH, None for the aspect of the frames. coreset: as the option of the method; None leaves
    it out.
    """
    thinned = "" if coreset is None else f"_{coreset}"
    path = FOLDER / f"{method}_{size or 'aspect'}_{frame_hw[0]}p{thinned}.onnx"
    if path.exists():
        return path
    arguments = ["--method", method, "--normal", str(normal(frame_hw)), "--out", str(path)]
    if size is not None:
        arguments += ["--size", size]
    if coreset is not None:
        arguments += ["--coreset", str(coreset)]
    with contextlib.redirect_stdout(io.StringIO()):
        code = fit(arguments)
    if code != 0:
        raise SystemExit(code)
    return path


def int8_engine(path: Path) -> Path | None:
    """The int8 form of an engine that engine() made. None if it could not be made; the command
    convert has printed the reason.

    It is made again in each call, because a file of an older version would be measured otherwise.
    """
    out = path.with_name(f"{path.stem}_int8.onnx")
    command = ["-m", "tools.convert", str(path), "--precision", "int8", "--overwrite"]
    command += ["--normal", str(normal()), "--out", str(out)]
    done = subprocess.run([sys.executable, *command], stdout=subprocess.DEVNULL)
    return out if done.returncode == 0 else None
