"""Keeps the good pictures of an engine beside it, as PNG files of the engine's input.

With them an engine can be fitted again without the original files. The folder NAME.pictures is
shared by NAME.onnx, its candidate and its former versions: each file is named by the sha256 of its
pixels, and the fit record of a version lists those that it was fitted from.
"""

import hashlib
from pathlib import Path
from typing import Final

from engines import png
from engines.engine_changes import engine_of
from inspector.core.arrays import Image
from inspector.core.errors import DataError, EngineError, SpecError
from inspector.core.files import write_whole

FOLDER: Final = ".pictures"


def pictures_folder(engine: Path) -> Path:
    """NAME.pictures beside NAME.onnx; for a candidate, that of its engine."""
    engine = engine_of(engine)
    return engine.with_name(engine.stem + FOLDER)


def hash_pixels(pixels: Image) -> str:
    """As FitPicture.sha256. pixels: (H, W, 3) uint8 RGB."""
    return hashlib.sha256(pixels.tobytes()).hexdigest()


def store_pictures(engine: Path, pixels: Image) -> None:
    """pixels: (n, H, W, 3) uint8 RGB. Raises EngineError if the disk fails."""
    folder = pictures_folder(engine)
    for picture in pixels:
        path = folder / f"{hash_pixels(picture)}.png"
        if not path.exists():
            write_whole(path, png.encode_file(picture), "good picture ", EngineError, sync=False)


def load_picture(engine: Path, sha256: str, input_hw: tuple[int, int]) -> Image | None:
    """(H, W, 3) uint8 RGB; None if it is not stored. Raises DataError for a damaged file."""
    path = pictures_folder(engine) / f"{sha256}.png"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise DataError(f"good picture {path} cannot be read: {exc.strerror}") from exc
    try:
        pixels = png.decode_file(content, input_hw, 3, f"good picture {path}")
    except SpecError as exc:
        raise DataError(f"{exc}: delete it and name its original with --normal") from exc
    if hash_pixels(pixels) != sha256:
        raise DataError(
            f"good picture {path} was changed: delete it and name its original with --normal"
        )
    return pixels
