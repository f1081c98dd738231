"""Small generated data sets on disk, with the stray files that real ones have."""

from pathlib import Path

import cv2
import numpy as np

HW = (12, 16)


def picture(path: Path, hw: tuple[int, int] = HW) -> Path:
    return encoded(path, np.full((*hw, 3), 90, np.uint8))


def mask(path: Path, value: int = 255, hw: tuple[int, int] = HW) -> Path:
    values = np.zeros(hw, np.uint8)
    values[2:5, 3:7] = value
    return encoded(path, values)


def encoded(path: Path, image: np.ndarray) -> Path:
    """Writes the encoded bytes, because cv2.imwrite does not know upper-case suffixes on every
    system."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done, data = cv2.imencode(path.suffix.lower(), image)
    assert done
    path.write_bytes(data.tobytes())
    return path


def stray(folder: Path) -> None:
    """Writes files that Windows, macOS and people leave in folders."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("Thumbs.db", ".DS_Store", "._000.png", "readme.txt"):
        (folder / name).write_bytes(b"no picture")


def mvtec_class(folder: Path, *, train: int = 4, good: int = 2, defects: int = 3) -> Path:
    """train/good, test/good, test/crack and ground_truth/crack."""
    for index in range(train):
        picture(folder / "train" / "good" / f"{index:03}.png")
    for index in range(good):
        picture(folder / "test" / "good" / f"{index:03}.png")
    for index in range(defects):
        picture(folder / "test" / "crack" / f"{index:03}.png")
        mask(folder / "ground_truth" / "crack" / f"{index:03}_mask.png")
    for part in ("train/good", "test/crack", "ground_truth/crack"):
        stray(folder / part)
    return folder
