"""Makes a test video from folders of pictures, with a JSON of what each frame shows."""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engines.pictures import decode_picture
from inspector.core.arrays import Image
from inspector.core.errors import ConfigError, DataError
from inspector.core.files import write_whole
from inspector.core.picture_files import pictures_in
from tools._cli import guarded, program
from tools._media import H264Writer, readable_pictures

SIDECAR_FORMAT = 1

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A picture of a data set; label: its folder under test/, None in a plain folder."""

    path: Path
    label: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """Where a picture lies in a frame: (x0, y0, x1, y1) in frame pixels, cut at the border."""

    picture: Labelled
    box_px: Box


@guarded
def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    if not 0.001 <= args.fps <= 1000 or args.hold < 1 or args.crf not in range(52):
        raise ConfigError(
            "--fps must lie between 0.001 and 1000, --hold at least 1 and --crf from 0 to 51"
        )
    found = labelled_pictures(args.dataset, args.defect)
    good, bad = readable_pictures([item.path for item in found], print)
    pictures = [item for item in found if item.path in set(good)]
    output = args.output or _default_output(args.dataset, args.defect)
    sidecar = output.with_suffix(".json")
    for path in (output, sidecar):
        if path.exists() and not args.overwrite:
            raise ConfigError(f"{path} is there already; give --overwrite or another --output")
    hw = _even(decode_picture(pictures[0].path))
    steps = _scrolled(pictures, hw, args.speed) if args.scroll else _held(pictures, hw, args.hold)
    frames: list[dict[str, Any]] = []
    with H264Writer(output, hw, args.fps, crf=args.crf) as video:
        for image, shown in steps:
            video.write(image)
            frames.append({"frame": len(frames), "pictures": [_entry(one) for one in shown]})
    _write_sidecar(sidecar, output, args.fps, hw, frames)
    skipped = f", {len(bad)} skipped" if bad else ""
    print(
        f"{output}: {len(frames)} frames of {hw[1]}x{hw[0]} from {len(pictures)} pictures{skipped}"
    )
    print(f"{sidecar}: which frame shows which picture")
    return 0


def labelled_pictures(dataset: Path, defect: str | None) -> list[Labelled]:
    """Pictures of DATASET/test/<kind>, of DATASET/<kind>, or right in DATASET; sorted by kind and
    name. defect: only this kind. Raises DataError."""
    if not dataset.is_dir():
        raise DataError(f"data set {dataset} is not a folder")
    root = dataset / "test" if (dataset / "test").is_dir() else dataset
    kinds = [p for p in sorted(root.iterdir()) if p.is_dir() and pictures_in(p)]
    if defect is not None:
        chosen = [p for p in kinds if p.name == defect]
        if not chosen:
            known = ", ".join(p.name for p in kinds) or "none, it is a plain folder"
            raise DataError(f"{root} has no pictures of kind {defect!r}; kinds: {known}")
        return [Labelled(path, defect) for path in pictures_in(chosen[0])]
    plain = [Labelled(path, None) for path in pictures_in(root)]
    found = plain or [Labelled(path, p.name) for p in kinds for path in pictures_in(p)]
    if not found:
        raise DataError(f"{root} holds no pictures, neither itself nor one folder deeper")
    return found


def _held(
    pictures: list[Labelled], hw: tuple[int, int], hold: int
) -> Iterator[tuple[Image, list[Shown]]]:
    """Every picture for `hold` frames."""
    for item in pictures:
        image, box = _fitted(decode_picture(item.path), hw)
        for _ in range(hold):
            yield image, [Shown(item, box)]


def _scrolled(
    pictures: list[Labelled], hw: tuple[int, int], speed: float | None
) -> Iterator[tuple[Image, list[Shown]]]:
    """The pictures side by side, passing from right to left; from the first wholly in view to
    the last wholly in view. speed: px per frame, None for a 24th of the width."""
    width = hw[1]
    step = width / 24 if speed is None else speed
    if not 0 < step <= width:
        raise ConfigError(f"--speed must lie above 0 and up to the width of {width}, not {step:g}")
    near: dict[int, tuple[Image, Box]] = {}
    end = (len(pictures) - 1) * width
    for position in (*np.arange(0, end, step), float(end)):
        left, offset = divmod(round(position), width)
        numbers = range(left, min(left + 2, len(pictures)))
        near = {n: near.get(n) or _fitted(decode_picture(pictures[n].path), hw) for n in numbers}
        row = np.concatenate([near[n][0] for n in numbers], axis=1)
        shown = []
        for number in numbers:
            box = _moved(near[number][1], (number - left) * width - offset, width)
            if box is not None:
                shown.append(Shown(pictures[number], box))
        yield np.ascontiguousarray(row[:, offset : offset + width]), shown


def _moved(box: Box, shift: float, width: int) -> Box | None:
    x0, x1 = max(box[0] + shift, 0.0), min(box[2] + shift, float(width))
    return (x0, box[1], x1, box[3]) if x0 < x1 else None


def _fitted(image: Image, hw: tuple[int, int]) -> tuple[Image, Box]:
    """The picture in a frame of the size hw, whole, aspect kept, black around it; and its box.
    A picture that is larger by one row or column only loses that instead of being resampled."""
    height, width = image.shape[:2]
    if height - hw[0] in (0, 1) and width - hw[1] in (0, 1):
        return image[: hw[0], : hw[1]], (0.0, 0.0, float(hw[1]), float(hw[0]))
    scale = min(hw[0] / height, hw[1] / width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    top, left = (hw[0] - size[0]) // 2, (hw[1] - size[1]) // 2
    out = np.zeros((*hw, 3), np.uint8)
    out[top : top + size[0], left : left + size[1]] = cv2.resize(
        image, (size[1], size[0]), interpolation=method
    )
    return out, (float(left), float(top), float(left + size[1]), float(top + size[0]))


def _even(image: Image) -> tuple[int, int]:
    height, width = image.shape[:2]
    if min(height, width) < 2:
        raise DataError(
            f"the first picture has {width}x{height} pixels; a video needs at least 2x2"
        )
    return height - height % 2, width - width % 2


def _entry(shown: Shown) -> dict[str, Any]:
    return {
        "file": str(shown.picture.path),
        "label": shown.picture.label,
        "box_px": list(shown.box_px),
    }


def _write_sidecar(
    path: Path, video: Path, fps: float, hw: tuple[int, int], frames: list[dict[str, Any]]
) -> None:
    content = {
        "format": SIDECAR_FORMAT,
        "video": video.name,
        "fps": fps,
        "frame_hw": list(hw),
        "frames": frames,
    }
    write_whole(path, json.dumps(content).encode())


def _default_output(dataset: Path, defect: str | None) -> Path:
    name = dataset.resolve().name
    return Path("artifacts") / (f"{name}.mp4" if defect is None else f"{name}_{defect}.mp4")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program("make-video"), description=__doc__)
    parser.add_argument("dataset", type=Path, metavar="DATASET_DIR")
    parser.add_argument("--defect", metavar="KIND", help="only this folder under test/")
    parser.add_argument("--output", type=Path, metavar="X.mp4", help="artifacts/<data set>.mp4")
    parser.add_argument("--fps", type=float, default=10.0)
    parser.add_argument("--hold", type=int, default=1, help="frames per picture (1)")
    parser.add_argument("--scroll", action="store_true", help="pictures pass by, side by side")
    parser.add_argument("--speed", type=float, help="with --scroll: px per frame (width / 24)")
    parser.add_argument("--crf", type=int, default=14, help="0 no loss ... 51 (14)")
    parser.add_argument("--overwrite", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
