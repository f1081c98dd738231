"""Writes small videos of a moving texture with PyAV, reads them back and compares pictures."""

import io
import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from inspector.core.types import BadFrame, Frame
from inspector.sources.options import VideoFileOptions
from inspector.sources.video_file import VideoFileSource

HW = (96, 128)
TICK = Fraction(1, 30)


def moving(count: int, hw: tuple[int, int] = HW) -> list[np.ndarray]:
    """Texture that moves by 2 px per picture; each (H, W, 3) uint8 BGR."""
    height, width = hw
    noise = np.random.default_rng(7).integers(0, 256, (height, width + 2 * count, 3), np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0)
    return [np.ascontiguousarray(smooth[:, 2 * i : 2 * i + width]) for i in range(count)]


def write_clip(
    target: Path | io.BytesIO,
    pictures: Sequence[np.ndarray],
    *,
    pts: Sequence[int] | None = None,
    time_base: Fraction = TICK,
    gop: int = 10,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    form: str | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    **context: Any,
) -> None:
    """options: for the encoder. container_options: for the muxer. context: attributes of the
    codec context, such as colorspace."""
    opened = str(target) if isinstance(target, Path) else target
    with av.open(opened, "w", format=form, options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=round(1 / time_base))
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pix_fmt
        stream.time_base = time_base
        stream.codec_context.time_base = time_base
        stream.gop_size = gop
        default = {"preset": "ultrafast"} if codec == "libx264" else {}
        stream.options = default | (options or {})
        for name, value in context.items():
            setattr(stream.codec_context, name, value)
        for index, image in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts = index if pts is None else pts[index]
            frame.time_base = time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def transport_stream(count: int, *, gop: int = 5, hw: tuple[int, int] = (48, 64)) -> bytes:
    """MPEG-TS of `count` small pictures."""
    buffer = io.BytesIO()
    write_clip(buffer, moving(count, hw), gop=gop, form="mpegts", options={"bf": "0"})
    return buffer.getvalue()


def set_display_matrix(path: Path, abcd: tuple[int, int, int, int]) -> None:
    """Overwrites the matrix in the track header of an MP4."""
    data = bytearray(path.read_bytes())
    # Version 0: 40 bytes from the box's version field to the matrix.
    at = data.index(b"tkhd") + 4 + 40
    a, b, c, d = (entry << 16 for entry in abcd)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


def flip_bytes(path: Path, count: int, seed: int, span: tuple[float, float] = (0.1, 0.9)) -> None:
    """Changes `count` bytes within the given part of the media data of an MP4."""
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 8
    size = data.index(b"moov") - start
    rng = np.random.default_rng(seed)
    low, high = (start + int(size * share) for share in span)
    for at in rng.integers(low, high, count):
        data[at] ^= int(rng.integers(1, 256))
    path.write_bytes(data)


def write_sound(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac" if path.suffix == ".mp4" else "mp3", rate=44100)
        samples = np.zeros((1, 44100), np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = 44100
        frame.pts = 0
        resampler = av.AudioResampler(
            format=stream.format, layout="stereo", rate=44100, frame_size=1024
        )
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))


CODED = 8.0
"""Largest difference between the texture and its x264 encoding (preset ultrafast)."""


def read_all(path: Path, *, threads: int = 1) -> list[Frame | BadFrame]:
    source = VideoFileSource(path, VideoFileOptions(decode_threads=threads))
    frames = []
    while (frame := source.read()) is not None:
        frames.append(frame)
    source.close()
    return frames


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(int) - b).mean())


def rewrite_packets(path: Path, target: Path, changes: dict[int, Callable[[bytes], bytes]]) -> None:
    """Copies a video and changes the data of some packets. An empty result leaves a packet out."""
    with av.open(str(path)) as source, av.open(str(target), "w") as output:
        template = source.streams.video[0]
        # PyAV looks for an encoder of the same name; AV1 has a decoder libdav1d only.
        stream = output.add_stream_from_template(template, opaque=template.name == "libdav1d")
        stream.codec_context.codec_tag = template.codec_context.codec_tag
        for index, packet in enumerate(p for p in source.demux(video=0) if p.size):
            data = changes.get(index, bytes)(bytes(packet))
            if not data:
                continue
            copy = av.Packet(data)
            copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
            copy.is_keyframe, copy.stream = packet.is_keyframe, stream
            output.mux(copy)
