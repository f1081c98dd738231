"""HLS playlists: complete ones, and live ones whose segments appear in time."""

import time
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from source_clips import moving, write_clip
from web_server import Page

FPS = 30
PER_SEGMENT = 15
SEGMENT_S = PER_SEGMENT / FPS


@cache
def segments(count: int, kind: str = "ts") -> dict[str, bytes]:
    """Files of a playlist `p.m3u8` with `count` segments. kind: ts, fmp4 or single (one file)."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        options = {"hls_time": str(SEGMENT_S), "hls_list_size": "0", "hls_playlist_type": "vod"}
        if kind == "fmp4":
            options["hls_segment_type"] = "fmp4"
        if kind == "single":
            options["hls_flags"] = "single_file"
        options["hls_segment_filename"] = str(folder / ("s" if kind == "single" else "s%03d"))
        pictures = moving(count * PER_SEGMENT, (48, 64))
        write_clip(
            folder / "p.m3u8",
            pictures,
            gop=PER_SEGMENT,
            form="hls",
            container_options=options,
            options={"bf": "0"},
        )
        return {f"/{path.name}": path.read_bytes() for path in folder.iterdir()}


def complete_playlist(count: int, kind: str = "ts") -> dict[str, Page]:
    return {path: Page(body) for path, body in segments(count, kind).items()}


def live_playlist(
    count: int,
    *,
    window: int = 4,
    at_start: int = 2,
    grows_to: int | None = None,
    ends: bool = True,
    event: bool = False,
    pace_s: float = SEGMENT_S,
) -> dict[str, Page]:
    """A new segment appears every `pace_s`. grows_to: number of the last segment; None: all. ends:
    the last playlist says that it is complete. event: no segment leaves the playlist."""
    pages = complete_playlist(count)
    last = count if grows_to is None else grows_to
    started: list[float] = []

    def body() -> bytes:
        started.append(time.monotonic())
        shown = min(last, at_start + int((started[-1] - started[0]) / pace_s))
        return _playlist(0 if event else max(0, shown - window), shown, ends and shown == last)

    pages["/p.m3u8"] = Page(body, type="application/vnd.apple.mpegurl")
    return pages


def _playlist(first: int, end: int, complete: bool) -> bytes:
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:1"]
    lines.append(f"#EXT-X-MEDIA-SEQUENCE:{first}")
    for number in range(first, end):
        lines += [f"#EXTINF:{SEGMENT_S},", f"s{number:03d}"]
    return "\n".join([*lines, "#EXT-X-ENDLIST" if complete else ""]).encode() + b"\n"
