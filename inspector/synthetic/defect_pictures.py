"""Draws defects of known size on good pictures, and writes masks and a JSON of the true sizes."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engines.pictures import decode_picture
from inspector.core.arrays import Image
from inspector.core.errors import DataError
from inspector.core.files import write_whole
from inspector.synthetic.defect_shapes import KINDS, SIZES_MM
from inspector.synthetic.media import write_picture
from inspector.synthetic.rendered_defects import RenderedDefect, mask, random_defect, render

TRUTH = "truth.json"
TRUTH_FORMAT = 1

_WIDTH_WITHOUT_SCALE = 128.0
"""Length in mm of the longer side of a picture if no scale is known. Then only the sizes in pixels
are written."""

_TRIES = 200
"""Places to try for a defect that must touch neither the border nor another defect."""


def write_defect_pictures(
    pictures: Sequence[Path],
    out: Path,
    *,
    kinds: Sequence[str],
    per_picture: int,
    mm_per_px: float | None,
    seed: int,
) -> int:
    """Writes each picture once for each kind of defect, with a mask, and out/truth.json.

    mm_per_px: None if the scale is unknown. Returns the number of pictures written. Raises
    DataError for a picture that cannot be decoded or is too small, SinkError if writing fails.
    """
    entries = []
    for number, path in enumerate(pictures):
        image = decode_picture(path)
        for kind in kinds:
            rng = np.random.default_rng((seed, number, KINDS.index(kind)))
            defects = place_defects(image.shape[:2], kind, per_picture, mm_per_px, rng)
            entries.append(_write(out, path, kind, image, defects, mm_per_px))
    truth = {"format": TRUTH_FORMAT, "mm_per_px": mm_per_px, "seed": seed, "pictures": entries}
    write_whole(out / TRUTH, json.dumps(truth).encode())
    return len(entries)


def place_defects(
    hw: tuple[int, int],
    kind: str,
    count: int,
    mm_per_px: float | None,
    rng: np.random.Generator,
) -> list[RenderedDefect]:
    """`count` defects that lie completely in a picture and do not touch. Raises DataError.

    mm_per_px: None draws sizes as if the longer side were 128 mm. No defect is longer than 0.7 of
    the shorter side.
    """
    scale = _WIDTH_WITHOUT_SCALE / max(hw) if mm_per_px is None else mm_per_px
    longest = 0.7 * min(hw) * scale
    most = min(SIZES_MM[kind][0][1], longest)
    least = min(SIZES_MM[kind][0][0], 0.5 * most)
    placed: list[RenderedDefect] = []
    for _ in range(_TRIES):
        length = float(rng.uniform(least, most))
        defect = random_defect(kind, rng, centre_px=(0.0, 0.0), mm_per_px=scale, length_mm=length)
        x0, y0, x1, y1 = defect.touched_box()
        if x1 - x0 >= hw[1] or y1 - y0 >= hw[0]:
            continue
        defect = defect.shifted(rng.uniform(-x0, hw[1] - x1), rng.uniform(-y0, hw[0] - y1))
        if not any(_touch(defect, other) for other in placed):
            placed.append(defect)
        if len(placed) == count:
            return placed
    raise DataError(
        f"{count} defects of kind {kind} do not fit into a picture of {hw[1]}x{hw[0]} pixels"
    )


def _touch(first: RenderedDefect, second: RenderedDefect) -> bool:
    a, b = first.touched_box(), second.touched_box()
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _write(
    out: Path,
    source: Path,
    kind: str,
    image: Image,
    defects: list[RenderedDefect],
    mm_per_px: float | None,
) -> dict[str, Any]:
    painted, union = image, np.zeros(image.shape[:2], np.uint8)
    for defect in defects:
        painted = render(painted, defect)
        union |= mask(defect, image.shape[:2])
    picture = Path("test") / kind / f"{source.stem}.png"
    truth = Path("ground_truth") / kind / f"{source.stem}_mask.png"
    write_picture(out / picture, painted)
    write_picture(out / truth, union)
    return {
        "file": picture.as_posix(),
        "mask": truth.as_posix(),
        "source": str(source),
        "defects": [_true_sizes(defect, mm_per_px is not None) for defect in defects],
    }


def _true_sizes(defect: RenderedDefect, has_scale: bool) -> dict[str, Any]:
    """The values of a defect for truth.json; millimetres are None without a scale."""
    return {
        "kind": defect.kind,
        "area_px": defect.area_px,
        "length_px": defect.length_px,
        "width_px": defect.width_px,
        "centroid_px": list(defect.centroid),
        "area_mm2": defect.area_mm2 if has_scale else None,
        "length_mm": defect.length_mm if has_scale else None,
        "width_mm": defect.width_mm if has_scale else None,
        "polygon_px": np.round(defect.polygon, 3).tolist(),
    }
