"""Network sources with short times, and what they read."""

from typing import Any

from inspector.core.errors import SourceEndedEarly
from inspector.core.types import BadFrame, Frame
from inspector.sources.network import open_network
from inspector.sources.options import NetworkOptions
from inspector.sources.reconnect import Backoff

JPEG_STREAM = "multipart/x-mixed-replace; boundary=b"


def open_url(url: str, *, give_up_s: float | None = None, wait: bool = False, **more: Any) -> Any:
    backoff = Backoff(first_s=0.02, max_s=0.05, give_up_s=give_up_s, wait_for_source=wait)
    options = {"open_timeout_s": 2.0, "read_timeout_s": 0.5, "reconnect": backoff, **more}
    return open_network(url, NetworkOptions(**options))


def read_to_end(source: Any, *, early: bool = False) -> list[Frame | BadFrame]:
    """early: the source must say that its data is incomplete."""
    frames: list[Frame | BadFrame] = []
    try:
        while (frame := source.read()) is not None:
            frames.append(frame)
        assert not early, "the end of the data was not reported"
    except SourceEndedEarly as exc:
        assert early, str(exc)
        assert exc.exit_code == 7
    source.close()
    return frames


def good(frames: list[Frame | BadFrame]) -> int:
    return sum(isinstance(frame, Frame) for frame in frames)


def jpeg_part(jpeg: bytes, *, length: bool) -> bytes:
    """A picture of an MJPEG stream. length: the part says how long it is."""
    size = b"Content-Length: %d\r\n" % len(jpeg) if length else b""
    return b"--b\r\nContent-Type: image/jpeg\r\n" + size + b"\r\n" + jpeg + b"\r\n"
