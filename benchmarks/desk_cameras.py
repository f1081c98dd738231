"""Two cameras on loopback: a video that arrives as fast as it plays, and a stream that is cut."""

import contextlib
import io
import sys
import threading
from fractions import Fraction
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import av
import cv2

from benchmarks.clips import FOLDER
from inspector.core.arrays import Image
from inspector.sources.options import SyntheticOptions, WebOptions
from inspector.sources.synthetic import SyntheticSource
from tools.fit import main as fit

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from stream_servers import RtspServer
from web_server import Page, WebServer

FPS: Final = 10
SIZE: Final = "640x360"
DIFFERENT: Final = 200
"""Frames of the web; then they repeat."""

AWAY_S: Final = 2.0
"""How long the stream is away after a cut."""

_PIECE: Final = 1316
"""Bytes that a server sends at once."""


def web_frames(size: str, count: int, defect_rate: float) -> list[Image]:
    """Frames (H, W, 3) uint8 BGR of the synthetic web. size: WxH in px."""
    web = WebOptions(frames=count, defect_rate=defect_rate)
    source = SyntheticSource("synthetic", SyntheticOptions(frame_size=size, synthetic=web))
    return [frame.image for frame in islice(iter(source.read, None), count)]


def encode(frames: list[Image], form: str, count: int) -> bytes:
    """A video with `count` pictures: the frames are encoded once, and repeated. form: matroska or
    mpegts."""
    target = io.BytesIO()
    with av.open(target, "w", format=form) as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, FPS)
        stream.codec_context.gop_size = FPS
        stream.options = {"preset": "fast", "crf": "30", "bf": "0"}
        packets = [
            packet
            for image in [*frames, None]
            for packet in stream.encode(
                None if image is None else av.VideoFrame.from_ndarray(image, format="bgr24")
            )
        ]
        encoded = [(bytes(packet), packet.is_keyframe) for packet in packets]
        for number in range(count):
            data, is_key = encoded[number % len(encoded)]
            packet = av.Packet(data)
            packet.stream, packet.is_keyframe = stream, is_key
            packet.pts = packet.dts = number
            packet.time_base = Fraction(1, FPS)
            container.mux(packet)
    return target.getvalue()


def web_engine(size: str = SIZE) -> Path:
    """An engine fitted on the pictures of such a video without defects; made if it is missing."""
    path = FOLDER / f"rad_desk_{size}.onnx"
    if path.exists():
        return path
    normal = FOLDER / f"normal_desk_{size}"
    normal.mkdir(parents=True, exist_ok=True)
    video = encode(web_frames(size, DIFFERENT, defect_rate=0.0), "matroska", DIFFERENT)
    with av.open(io.BytesIO(video)) as container:
        for number, picture in enumerate(container.decode(video=0)):
            cv2.imwrite(str(normal / f"{number:04d}.png"), picture.to_ndarray(format="bgr24"))
    fit_engine(normal, path)
    return path


def fit_engine(normal: Path, path: Path) -> None:
    """normal: folder of the good pictures. path: of the engine."""
    arguments = ["--method", "rad", "--normal", str(normal), "--size", "256x256"]
    with contextlib.redirect_stdout(io.StringIO()):
        code = fit([*arguments, "--radius", "all", "--keep-similar", "--out", str(path)])
    if code != 0:
        raise SystemExit(code)


class Cameras:
    """Serves both cameras. The stream is cut every cut_s seconds and comes back after AWAY_S.

    seconds: length of the video. file_url, stream_url: addresses. frames: number of frames of the
    video. cuts: how often the stream was cut.
    """

    def __init__(self, seconds: float, cut_s: float, size: str = SIZE) -> None:
        shown = web_frames(size, DIFFERENT, defect_rate=0.02)
        self.frames = round(seconds * FPS)
        video = encode(shown, "matroska", self.frames)
        page = Page(video, "video/x-matroska", ranges=True, piece=_PIECE)
        page.pause_s = seconds * _PIECE / len(video)
        self._files = WebServer({"/web.mkv": page})
        self.file_url = self._files.url("/web.mkv")
        # The stream never begins again by itself, because its times would jump back.
        stream_s = 2 * cut_s + 60
        self._media = encode(shown, "mpegts", round(stream_s * FPS))
        self._pause_s = stream_s * _PIECE / len(self._media)
        self._cut_s = cut_s
        self._stream = self._serve(0)
        self.stream_url = self._stream.url
        self.cuts = 0
        self._ended = threading.Event()
        self._cutter = threading.Thread(target=self._cut, daemon=True)

    def __enter__(self) -> Self:
        self._cutter.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._cutter.join()
        self._stream.kill()
        self._files.__exit__(kind, value, trace)

    def _serve(self, port: int) -> RtspServer:
        return RtspServer(self._media, port=port, pause_s=self._pause_s)

    def _cut(self) -> None:
        while not self._ended.wait(self._cut_s):
            port = self._stream.port
            self._stream.kill()
            self.cuts += 1
            self._ended.wait(AWAY_S)
            self._stream = self._serve(port)
