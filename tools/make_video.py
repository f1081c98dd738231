"""Makes a test video from folders of pictures, and a JSON file that says what each frame shows."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from inspector.command_line import CommandParser
from inspector.core.errors import ConfigError
from inspector.core.files import write_whole
from inspector.synthetic.media import H264Writer, split_readable
from inspector.synthetic.picture_video import (
    PlacedPicture,
    list_labelled_pictures,
    scroll_past,
    show_each,
    video_hw,
)
from tools._cli import guarded, program

SIDECAR_FORMAT = 1


@guarded
def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    if not 0.001 <= args.fps <= 1000 or args.hold < 1 or args.crf not in range(52):
        raise ConfigError(
            "--fps must lie between 0.001 and 1000, --hold at least 1 and --crf from 0 to 51"
        )
    listed = list_labelled_pictures(args.dataset, args.defect)
    readable, unreadable = split_readable([item.path for item in listed], print)
    pictures = [item for item in listed if item.path in set(readable)]
    output = args.output or _default_output(args.dataset, args.defect)
    sidecar = output.with_suffix(".json")
    for path in (output, sidecar):
        if path.exists() and not args.overwrite:
            raise ConfigError(f"{path} exists already; give --overwrite or another --output")
    hw = video_hw(pictures[0].path)
    if args.scroll:
        images = scroll_past(pictures, hw, args.speed)
    else:
        images = show_each(pictures, hw, args.hold)
    frames: list[dict[str, Any]] = []
    with H264Writer(output, hw, args.fps, crf=args.crf) as video:
        for image, placed in images:
            video.write(image)
            frames.append({"frame": len(frames), "pictures": [_entry(each) for each in placed]})
    _write_sidecar(sidecar, output, args.fps, hw, frames)
    skipped = f", {len(unreadable)} skipped" if unreadable else ""
    print(
        f"{output}: {len(frames)} frames of {hw[1]}x{hw[0]} from {len(pictures)} pictures{skipped}"
    )
    print(f"{sidecar}: which frame shows which picture")
    return 0


def _entry(placed: PlacedPicture) -> dict[str, Any]:
    return {
        "file": str(placed.picture.path),
        "label": placed.picture.label,
        "box_px": list(placed.box_px),
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
    parser = CommandParser(prog=program("make-video"), description=__doc__)
    parser.add_argument("dataset", type=Path, metavar="DATASET_DIR")
    parser.add_argument("--defect", metavar="KIND", help="only this folder under test/")
    parser.add_argument(
        "--output", type=Path, metavar="X.mp4", help="default: artifacts/<data set>.mp4"
    )
    parser.add_argument("--fps", type=float, default=10.0, help="(default: %(default)s)")
    parser.add_argument(
        "--hold", type=int, default=1, help="frames per picture (default: %(default)s)"
    )
    parser.add_argument("--scroll", action="store_true", help="pictures pass by, side by side")
    parser.add_argument(
        "--speed", type=float, help="with --scroll: px per frame (default: width / 24)"
    )
    parser.add_argument(
        "--crf", type=int, default=14, help="0 (no loss) to 51 (default: %(default)s)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    return parser


if __name__ == "__main__":
    sys.exit(main())
