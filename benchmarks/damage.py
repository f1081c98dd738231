"""Damages video files and counts the wrong pictures that the reader delivers as good.

python -m benchmarks.damage [--seeds N] [--codec NAME ...]
"""

import argparse
import contextlib
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from loguru import logger

from inspector.core.arrays import Image
from inspector.core.errors import SourceEndedEarly, SourceError
from inspector.core.types import Frame
from inspector.sources.video_file import VideoFileSource

HW = (240, 320)
FRAMES = 100
GOP = 12
RATE = 25
COUNTS = ("pictures", "wrong", "missed", "false")

X265 = {"preset": "ultrafast", "x265-params": "log-level=0:pools=1"}
CLIPS = {
    "H.264, TS": ("libx264", "yuv420p", "ts", {"preset": "veryfast"}),
    "H.264, MKV": ("libx264", "yuv420p", "mkv", {"preset": "veryfast"}),
    "HEVC, TS": ("libx265", "yuv420p", "ts", X265),
    "HEVC, MKV": ("libx265", "yuv420p", "mkv", X265),
    "VP9, MKV": ("libvpx-vp9", "yuv420p", "mkv", {"deadline": "realtime", "cpu-used": "8"}),
    "AV1, MKV": ("libsvtav1", "yuv420p", "mkv", {"preset": "11", "svtav1-params": "lp=1"}),
    "MPEG-2, TS": ("mpeg2video", "yuv420p", "ts", {}),
    "MJPEG, AVI": ("mjpeg", "yuvj422p", "avi", {}),
    "ProRes, MKV": ("prores_ks", "yuv422p10le", "mkv", {}),
}
"""Encoder, pixel format, container, options of the encoder."""


def write_clip(path: Path, codec: str) -> None:
    """Writes a texture that moves by 3 px per picture."""
    encoder, pix_fmt, _, options = CLIPS[codec]
    height, width = HW
    noise = np.random.default_rng(0).integers(0, 256, (height, width + 3 * FRAMES, 3), np.uint8)
    texture = cv2.GaussianBlur(noise, (0, 0), 2.0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=RATE, options=options)
        stream.height, stream.width, stream.pix_fmt = height, width, pix_fmt
        stream.gop_size, stream.bit_rate = GOP, 1_500_000
        for index in range(FRAMES):
            image = np.ascontiguousarray(texture[:, 3 * index : 3 * index + width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode(None))


def media_range(path: Path) -> tuple[int, int]:
    """The bytes from the second packet to the last: the header and the index are left out."""
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        places = sorted(p.pos for p in packets if p.pos is not None and p.pos > 0)
        return places[1], places[-1]


def flip_bits(path: Path, rng: np.random.Generator) -> None:
    low, high = media_range(path)
    data = bytearray(path.read_bytes())
    for at in rng.integers(low, high, 8):
        data[at] ^= 1 << int(rng.integers(8))
    path.write_bytes(data)


def overwrite_runs(path: Path, rng: np.random.Generator) -> None:
    low, high = media_range(path)
    data = bytearray(path.read_bytes())
    for at in rng.integers(low, high - 200, 4):
        size = int(rng.integers(8, 200))
        data[at : at + size] = bytes(size) if rng.random() < 0.5 else rng.bytes(size)
    path.write_bytes(data)


def remove_bytes(path: Path, rng: np.random.Generator) -> None:
    low, high = media_range(path)
    data = bytearray(path.read_bytes())
    for at in sorted(rng.integers(low, high - 200, 2), reverse=True):
        del data[at : at + int(rng.integers(8, 200))]
    path.write_bytes(data)


def lose_packets(path: Path, rng: np.random.Generator) -> None:
    """Drops packets of 188 bytes from a transport stream, or pictures from other containers."""
    if path.suffix == ".ts":
        data = path.read_bytes()
        packets = [data[at : at + 188] for at in range(0, len(data), 188)]
        lost = set(rng.integers(20, len(packets) - 1, 4).tolist())
        path.write_bytes(b"".join(p for i, p in enumerate(packets) if i not in lost))
        return
    lost = set(rng.integers(2, FRAMES - 2, 4).tolist())
    copy = path.with_name("lost" + path.suffix)
    with av.open(str(path)) as source, av.open(str(copy), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0], opaque=True)
        for index, packet in enumerate(p for p in source.demux(video=0) if p.size):
            if index not in lost:
                packet.stream = stream
                target.mux(packet)
    copy.replace(path)


DAMAGE: dict[str, Callable[[Path, np.random.Generator], None]] = {
    "bit flips": flip_bits,
    "overwritten": overwrite_runs,
    "cuts": remove_bytes,
    "lost packets": lose_packets,
}


def digest(image: Image) -> bytes:
    return hashlib.sha256(image.tobytes()).digest()


def read(path: Path) -> Iterator[tuple[Image | None, bool]]:
    """(picture, judged as good) of every frame."""
    ends = contextlib.suppress(SourceEndedEarly)
    with contextlib.closing(VideoFileSource(path)) as source, ends:
        while (frame := source.read()) is not None:
            yield frame.image, isinstance(frame, Frame)


def compare(clean: dict[bytes, int], path: Path) -> dict[str, int]:
    """Counts pictures. wrong: equal to no clean picture, or not to a later one than the last.
    missed: wrong, but delivered as good. false: equal to a clean picture, but ERROR."""
    counts = dict.fromkeys(COUNTS, 0)
    last = -1
    try:
        frames = list(read(path))
    except SourceError:
        return counts
    for image, good in frames:
        number = -1 if image is None else clean.get(digest(image), -1)
        wrong = number <= last
        last = max(last, number)
        counts["pictures"] += 1
        counts["wrong"] += wrong
        counts["missed"] += wrong and good
        counts["false"] += not (wrong or good)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--codec", nargs="*", choices=CLIPS, default=list(CLIPS))
    options = parser.parse_args()
    logger.remove()
    rows = []
    print(f"{'codec':<12} {'damage':<13} {'pictures':>8} {'wrong':>6} {'missed':>7} {'false':>6}")
    with tempfile.TemporaryDirectory() as folder:
        for codec in options.codec:
            original = Path(folder) / f"clean.{CLIPS[codec][2]}"
            write_clip(original, codec)
            clean = {
                digest(image): index
                for index, (image, _) in enumerate(read(original))
                if image is not None
            }
            assert len(clean) == FRAMES
            for damage, apply in DAMAGE.items():
                total = dict.fromkeys(COUNTS, 0)
                for seed in range(options.seeds):
                    path = original.with_stem("damaged")
                    path.write_bytes(original.read_bytes())
                    apply(path, np.random.default_rng(seed))
                    for name, count in compare(clean, path).items():
                        total[name] += count
                rows.append({"codec": codec, "damage": damage} | total)
                print(
                    f"{codec:<12} {damage:<13} {total['pictures']:>8} {total['wrong']:>6} "
                    f"{total['missed']:>7} {total['false']:>6}",
                    flush=True,
                )
    print(json.dumps({"damage": rows}))


if __name__ == "__main__":
    main()
