"""Makes small clips and inspections for the tests of the sinks."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from inspector.core.arrays import Image, freeze
from inspector.core.geometry import Affine
from inspector.core.types import (
    BadFrame,
    Defect,
    Frame,
    Inspection,
    RunInfo,
    Severity,
    SourceInfo,
    Verdict,
)

UTC = "2026-01-31T12:00:00.123Z"
RATE = 48_000


class FlatPicture:
    """A grey picture, which the sinks get instead of a rendered picture."""

    def __init__(self, grey: int = 100, hw: tuple[int, int] = (48, 64)) -> None:
        self._i420 = np.full((hw[0] * 3 // 2, hw[1]), grey, np.uint8)
        self._bgr = np.full((*hw, 3), grey, np.uint8)

    def i420(self) -> Image:
        return self._i420

    def bgr(self) -> Image:
        return self._bgr


def run_info(
    *,
    time_base: Fraction | None = None,
    path: Path | None = None,
    frame_hw: tuple[int, int] | None = (24, 32),
) -> RunInfo:
    source = SourceInfo("line", False, frame_hw=frame_hw, time_base=time_base, path=path)
    return RunInfo(
        source=source,
        output_dir=Path("out"),
        started_utc=UTC,
        engine={"name": "e", "map_hw": (8, 8)},
        config={"source": {"uri": "rtsp://***@cam"}},
        config_hash="c0",
        engine_hash="e0",
        calibration_hash=None,
        image_threshold=1.5,
        pixel_threshold=2.0,
    )


def defect(defect_id: int = 0, *, calibrated: bool = True) -> Defect:
    square = np.array(((1.0, 2.0), (5.123456, 2.0), (5.0, 6.0), (1.0, 6.0)))
    millimetres = {}
    if calibrated:
        millimetres = {
            "centroid_mm": (0.3, 0.4),
            "area_mm2": 0.16,
            "length_mm": 0.566,
            "width_mm": 0.4,
            "equivalent_diameter_mm": 0.45,
            "length_u_mm": 0.01,
        }
    return Defect(
        defect_id,
        (square,),
        0,
        (1.0, 2.0, 5.0, 6.0),
        (3.0, 4.0),
        16.0,
        5.66,
        4.0,
        45.0,
        3.25,
        2.5,
        Severity.HIGH,
        "refined",
        False,
        20.0,
        6.0,
        5.0,
        **millimetres,
    )


def inspection(
    frame_id: int = 0,
    *,
    verdict: Verdict = Verdict.PASS,
    pts_s: float | None = None,
    captured_ns: int = 0,
    defects: tuple[Defect, ...] = (),
    score: float = 1.0,
    name: str | None = None,
) -> Inspection:
    image = freeze(np.full((24, 32, 3), 90, np.uint8))
    if verdict is Verdict.ERROR:
        bad = BadFrame(frame_id, "line", "torn", captured_ns, pts_s, UTC, name)
        return Inspection(bad, verdict, 1.5, 2.0, error="torn", cause=bad.cause)
    frame = Frame(frame_id, "line", image, captured_ns, pts_s, UTC, name)
    return Inspection(
        frame,
        verdict,
        1.5,
        2.0,
        score=score,
        anomaly_map=np.ones((8, 8), np.float32),
        to_frame=Affine(4, 3),
        defects=defects,
        timings_ms={"infer": 11.98765, "latency": 60.0},
    )


def uneven_ticks(count: int, *, first: int = 0, step: int = 3600, seed: int = 1) -> list[int]:
    """Rising ticks of 1/90000 s with gaps of half to twice the step."""
    gaps = np.random.default_rng(seed).integers(step // 2, 2 * step, count - 1)
    return [first, *(first + np.cumsum(gaps)).tolist()]


def make_clip(path: Path, ticks: list[int], *, sound: str | None = "aac") -> None:
    """Writes 64x48 H.264 on 1/90000 s, with a tone that starts at 0."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.time_base = video.codec_context.time_base = Fraction(1, 90_000)
        streams = [video]
        if sound is not None:
            streams.append(out.add_stream(sound, rate=RATE, layout="mono"))
        sent = 0
        for number, pts in enumerate(ticks):
            while sound is not None and sent / RATE < pts / 90_000:
                out.mux(streams[1].encode(_tone(sent, sound)))
                sent += 1024
            frame = av.VideoFrame.from_ndarray(_make_picture(number), "yuv420p")
            frame.pts, frame.time_base = pts, Fraction(1, 90_000)
            out.mux(video.encode(frame))
        for stream in streams:
            out.mux(stream.encode(None))


def turn(path: Path) -> None:
    """Writes a quarter turn into the track header of the first track, as phones do."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    fixed, unit = 1 << 16, 1 << 30
    matrix = (0, fixed, 0, -fixed, 0, 0, 48 * fixed, 0, unit)
    data[at : at + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(bytes(data))


def packets(path: Path, kind: str) -> list[tuple[Fraction, Fraction, bytes]]:
    """Presentation time, decoding time and content of each packet of the best stream."""
    with av.open(str(path)) as container:
        stream = container.streams.best(kind)
        return [
            (p.pts * p.time_base, p.dts * p.time_base, bytes(p))
            for p in container.demux(stream)
            if p.dts is not None
        ]


def times(path: Path) -> list[Fraction]:
    """Times of all pictures, decoded to the end."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [frame.pts * stream.time_base for frame in container.decode(stream)]


def _make_picture(number: int) -> Image:
    """A picture that is dark on the left and bright on the right, and differs for each number."""
    i420 = np.full((72, 64), 128, np.uint8)
    i420[:48, :32] = 40 + number % 20
    i420[:48, 32:] = 200
    return i420


def _tone(start: int, codec: str) -> av.AudioFrame:
    wave = np.sin(np.arange(start, start + 1024) * 2 * np.pi * 440 / RATE)[None] / 4
    if codec == "aac":
        frame = av.AudioFrame.from_ndarray(wave.astype(np.float32), "fltp", "mono")
    else:
        frame = av.AudioFrame.from_ndarray((wave * 127 + 128).astype(np.uint8), "u8", "mono")
    frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
    return frame
