"""Writes pictures in the folders of MVTec AD: train/good, test/good, test/defect, ground_truth."""

from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from inspector.core.errors import SinkError
from inspector.core.files import write_whole
from inspector.export.masks import draw_mask, outlines
from inspector.export.pictures import ExportedPicture, select_pictures
from inspector.store.database import Store
from inspector.store.filters import HistoryFilter

NOT_CONFIRMED: Final = "are PASS, but no person has confirmed it (--good pass takes them)"
NOT_OUTLINED_FAIL: Final = "are FAIL without an outline"
GOOD: Final = ("confirmed", "pass")
"""Which pictures are good: those with the answer "fine", or also all others that are PASS."""


def write_mvtec(
    store: Store, filter: HistoryFilter, folder: Path, *, good: str, test_share: float, link: bool
) -> tuple[int, int, Counter[str]]:
    """Writes the folders of one class. good: one of GOOD. test_share: share of the good pictures in
    test/good, evenly spaced; the others are in train/good.

    Returns the numbers of good and of defective pictures, and why inspections were left out. Raises
    ConfigError for the filter and SinkError for the disk.
    """
    skipped: Counter[str] = Counter()
    share = Fraction(str(test_share))
    goods = defective = 0
    for picture in select_pictures(store, filter, skipped):
        if picture.is_fine or (picture.row.verdict == "PASS" and good == "pass"):
            in_test = (goods + 1) * share // 1 > goods * share // 1
            picture.write(folder / ("test" if in_test else "train") / "good", link=link)
            goods += 1
        elif picture.row.verdict == "PASS":
            skipped[NOT_CONFIRMED] += 1
        elif not picture.defects:
            skipped[NOT_OUTLINED_FAIL] += 1
        else:
            picture.write(folder / "test" / "defect", link=link)
            _write_mask(picture, folder / "ground_truth" / "defect")
            defective += 1
    return goods, defective, skipped


def _write_mask(picture: ExportedPicture, folder: Path) -> None:
    """255 in defects, else 0, of the size of the picture."""
    layers = [draw_mask(outlines(defect), picture.hw) for defect in picture.defects]
    mask = np.maximum.reduce(layers)
    path = folder / f"{Path(picture.name).stem}_mask.png"
    encoded, data = cv2.imencode(".png", mask * 255)
    if not encoded:
        raise SinkError(f"{path} cannot be encoded")
    write_whole(path, bytes(data.tobytes()), sync=False)
