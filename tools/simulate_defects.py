"""Puts defects of known size on good pictures, with masks and a JSON of the true sizes."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from engines.pictures import decode_picture
from inspector.core.arrays import Image
from inspector.core.errors import ConfigError, DataError
from inspector.core.files import write_whole
from inspector.core.picture_files import pictures_in
from inspector.synthetic.defect_shapes import KINDS, SIZES_MM
from inspector.synthetic.rendered_defects import RenderedDefect, mask, random_defect, render
from tools._argument_types import out_folder
from tools._cli import guarded, program
from tools._media import readable_pictures, write_picture

TRUTH_FORMAT = 1

_WIDTH_WITHOUT_SCALE = 128.0
"""Millimetres that the longer side of a picture stands for where no scale is given; then only the
sizes in pixels are written."""

_TRIES = 200
"""Places tried for a defect that should touch neither the border nor another defect."""


@guarded
def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    if args.per_picture < 1 or args.seed < 0:
        raise ConfigError("--per-picture must be at least 1 and --seed at least 0")
    if args.mm_per_px is not None and not 1e-6 <= args.mm_per_px <= 1e4:
        raise ConfigError(f"--mm-per-px must lie between 1e-6 and 1e4, not {args.mm_per_px}")
    if args.out.resolve() == args.normal.resolve():
        raise ConfigError("--out must be another folder than --normal")
    if not args.normal.is_dir():
        raise DataError(f"{args.normal} is not a folder")
    files = pictures_in(args.normal)
    if not files:
        raise DataError(f"{args.normal} holds no pictures")
    truth = args.out / "truth.json"
    if truth.exists() and not args.overwrite:
        raise ConfigError(f"{truth} is there already; give --overwrite or another --out")
    good, _ = readable_pictures(files, print)
    entries = []
    for number, path in enumerate(good):
        image = decode_picture(path)
        for kind in args.kinds:
            rng = np.random.default_rng((args.seed, number, KINDS.index(kind)))
            defects = place(image.shape[:2], kind, args.per_picture, args.mm_per_px, rng)
            entries.append(_write(args.out, path, kind, image, defects, args.mm_per_px))
    _write_truth(truth, args, entries)
    print(f"{args.out}: {len(entries)} pictures, {len(good)} of each of {', '.join(args.kinds)}")
    print(f"{truth}: the true sizes")
    return 0


def place(
    hw: tuple[int, int],
    kind: str,
    count: int,
    mm_per_px: float | None,
    rng: np.random.Generator,
) -> list[RenderedDefect]:
    """`count` defects wholly inside a picture, none touching another. Raises DataError.

    mm_per_px: None draws sizes as if the longer side were 128 mm. No defect is longer than 0.7 of
    the shorter side.
    """
    scale = _WIDTH_WITHOUT_SCALE / max(hw) if mm_per_px is None else mm_per_px
    longest = 0.7 * min(hw) * scale
    most = min(SIZES_MM[kind][0][1], longest)
    least = min(SIZES_MM[kind][0][0], 0.5 * most)
    found: list[RenderedDefect] = []
    for _ in range(_TRIES):
        length = float(rng.uniform(least, most))
        defect = random_defect(kind, rng, centre_px=(0.0, 0.0), mm_per_px=scale, length_mm=length)
        x0, y0, x1, y1 = defect.touched_box()
        if x1 - x0 >= hw[1] or y1 - y0 >= hw[0]:
            continue
        defect = defect.shifted(rng.uniform(-x0, hw[1] - x1), rng.uniform(-y0, hw[0] - y1))
        if not any(_touch(defect, other) for other in found):
            found.append(defect)
        if len(found) == count:
            return found
    raise DataError(
        f"{count} defects of kind {kind} do not fit into a picture of {hw[1]}x{hw[0]} pixels"
    )


def _touch(one: RenderedDefect, other: RenderedDefect) -> bool:
    a, b = one.touched_box(), other.touched_box()
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
        "defects": [true_sizes(defect, mm_per_px is not None) for defect in defects],
    }


def true_sizes(defect: RenderedDefect, has_scale: bool) -> dict[str, Any]:
    """The plain values of a defect; millimetres are None without a scale."""
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


def _write_truth(path: Path, args: argparse.Namespace, entries: list[dict[str, Any]]) -> None:
    content = {
        "format": TRUTH_FORMAT,
        "mm_per_px": args.mm_per_px,
        "seed": args.seed,
        "pictures": entries,
    }
    write_whole(path, json.dumps(content).encode())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program("simulate-defects"), description=__doc__)
    parser.add_argument("--normal", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=out_folder, required=True, metavar="DIR")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND")
    parser.add_argument("--per-picture", type=int, default=1, metavar="N")
    parser.add_argument("--mm-per-px", type=float, metavar="X", help="none: sizes in px only")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--overwrite", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
