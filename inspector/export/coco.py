"""Writes pictures and outlines as a COCO data set (https://cocodataset.org/#format-data)."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

import numpy as np

from inspector.core.files import write_whole
from inspector.core.geometry import Points
from inspector.core.types import Severity
from inspector.export.masks import draw_mask, outlines
from inspector.export.pictures import ExportedPicture, select_pictures
from inspector.store.database import Store
from inspector.store.filters import HistoryFilter

IMAGES: Final = "images"
ANNOTATIONS: Final = "annotations.json"
DEFECT: Final = "defect"
CATEGORIES: Final = (DEFECT, "severity", "kind")
"""What the category of a defect is: the same for all, its severity, or its explained kind."""


def write_coco(
    store: Store, filter: HistoryFilter, folder: Path, *, category: str, link: bool
) -> tuple[int, int, Counter[str]]:
    """Writes images/ and annotations.json. category: one of CATEGORIES.

    Returns the numbers of pictures and of defects, and why inspections were left out. Raises
    ConfigError for the filter and SinkError for the disk.
    """
    skipped: Counter[str] = Counter()
    names = [s.value for s in Severity] if category == "severity" else [DEFECT]
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for picture in select_pictures(store, filter, skipped):
        picture.write(folder / IMAGES, link=link)
        images.append(_image(picture, len(images) + 1))
        for defect in picture.defects:
            name = DEFECT if category == DEFECT else defect[category] or DEFECT
            if name not in names:
                names.append(name)
            annotation = {
                "id": len(annotations) + 1,
                "image_id": len(images),
                "category_id": names.index(name) + 1,
            }
            annotations.append(annotation | _annotation(defect, picture.hw))
    content = {
        "info": {"description": "inspections and their measured defects", "version": "1.0"},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": [
            {"id": number, "name": name, "supercategory": DEFECT}
            for number, name in enumerate(names, 1)
        ],
    }
    write_whole(folder / ANNOTATIONS, json.dumps(content, allow_nan=False).encode())
    return len(images), len(annotations), skipped


def _image(picture: ExportedPicture, number: int) -> dict[str, Any]:
    row = picture.row
    return {
        "id": number,
        "file_name": picture.name,
        "height": picture.hw[0],
        "width": picture.hw[1],
        "date_captured": row.wall_time_utc,
        "run_id": row.run_id,
        "source": row.source,
        "frame_id": row.frame_id,
        "verdict": row.verdict,
        "score": row.score,
        "feedback": row.feedback,
    }


def _annotation(defect: dict[str, Any], hw: tuple[int, int]) -> dict[str, Any]:
    """segmentation: polygons, or run lengths if the defect has holes, which polygons cannot show in
    COCO."""
    polygons = outlines(defect)
    x0, y0, x1, y1 = defect["box_px"]
    values = {
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "iscrowd": 0,
        "severity": defect["severity"],
        "peak_score": defect["peak_score"],
        "length_mm": defect["length_mm"],
        "length_u_mm": defect["length_u_mm"],
    }
    if defect["holes"]:
        mask = draw_mask(polygons, hw)
        runs = {"size": list(hw), "counts": _run_lengths(mask)}
        return values | {"segmentation": runs, "area": float(np.count_nonzero(mask))}
    return values | {
        "segmentation": [_flat(polygon) for polygon in polygons],
        "area": defect["area_px"],
    }


def _flat(polygon: Points) -> list[float]:
    """x, y, x, y ... COCO needs three points; of a shorter outline the last point is repeated."""
    points = polygon.tolist()
    points += points[-1:] * (3 - len(points))
    return [value for point in points for value in point]


def _run_lengths(mask: np.ndarray[Any, np.dtype[np.uint8]]) -> list[int]:
    """Lengths of runs of 0 and 1 in turn, column by column, beginning with 0."""
    pixels = np.concatenate(([0], mask.flatten(order="F"), [2]))
    ends = np.flatnonzero(np.diff(pixels))
    return [int(n) for n in np.diff(np.concatenate(([0], ends)))]
