"""Reads saved pictures, and nothing else, from the folders of runs."""

from pathlib import Path
from typing import Final

PICTURES: Final = {".jpg": "image/jpeg", ".png": "image/png", ".bmp": "image/bmp"}
LARGEST_PICTURE: Final = 256 * 2**20
"""Bytes of a picture that is sent."""


def read_picture(folder: Path, name: Path) -> bytes | None:
    """None if the file is gone, too large, of another kind, or not really in the folder."""
    path = (folder / name).resolve()
    if path.suffix not in PICTURES or not path.is_relative_to(folder.resolve()):
        return None
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_PICTURE + 1)
    except OSError:
        return None
    return data if len(data) <= LARGEST_PICTURE else None
