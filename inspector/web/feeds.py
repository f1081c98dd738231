"""Live pictures: drawn and encoded once per camera for all its viewers, at a bounded rate."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Final

from anyio import to_thread
from loguru import logger

from inspector.outputs.jpeg import encode_jpeg
from inspector.render.side_by_side import RenderedPicture, SideBySide
from inspector.service.line_state import LineView, Watch
from inspector.web.options import WebViewOptions

QUALITY: Final = 80
"""JPEG quality of a live picture."""

BOUNDARY: Final = "picture"
_HEAD: Final = f"--{BOUNDARY}\r\ncontent-type: image/jpeg\r\n\r\n".encode()


class LiveFeeds:
    """The live pictures of all cameras. All methods belong to the event loop of the web view."""

    def __init__(self, line: LineView, options: WebViewOptions) -> None:
        self._line = line
        self._options = options
        self._feeds: dict[str, _Feed] = {}
        self._viewers = 0

    @property
    def is_full(self) -> bool:
        """Whether the largest number of viewers is reached."""
        return self._viewers >= self._options.max_viewers

    async def watch(self, source: str) -> AsyncIterator[bytes]:
        """The parts of a multipart/x-mixed-replace body: each new picture as JPEG.

        A viewer that reads slowly misses pictures. The first viewer of a camera starts the drawing,
        the last one ends it.
        """
        self._viewers += 1
        feed = self._feeds.get(source)
        if feed is None or feed.has_ended:
            feed = self._feeds[source] = _Feed(self._line, source, self._options)
        feed.viewers += 1
        try:
            yield _HEAD
            number = 0
            while (number := await feed.wait_for_next(number)) > 0:
                # A browser shows a picture when the head of the next one has arrived.
                yield feed.jpeg + b"\r\n" + _HEAD
        finally:
            self._viewers -= 1
            feed.viewers -= 1

    def close(self) -> None:
        """Ends the pictures of all viewers."""
        for feed in self._feeds.values():
            feed.end()


class _Feed:
    """The newest picture of one camera as JPEG. number: of the picture, from 1; 0: none yet."""

    def __init__(self, line: LineView, source: str, options: WebViewOptions) -> None:
        self._line = line
        self._source = source
        self._options = options
        self._small: tuple[SideBySide, SideBySide] | None = None
        """The renderer of the run, and the one for the live picture."""
        self._changed = asyncio.Condition()
        self.jpeg = b""
        self.number = 0
        self.viewers = 0
        self.has_ended = False
        self._task = asyncio.create_task(self._work())
        self._task.add_done_callback(self._log_failure)

    def end(self) -> None:
        self._task.cancel()

    async def wait_for_next(self, number: int) -> int:
        """Waits for a picture after this one. Returns its number, or 0 if no more picture comes."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.number != number or self.has_ended)
        return 0 if self.has_ended else self.number

    def _log_failure(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.opt(exception=error).error("web: no live picture of {}", self._source)

    async def _work(self) -> None:
        try:
            with self._line.watch(self._source) as watch:
                await self._follow(watch)
        finally:
            self.has_ended = True
            async with self._changed:
                self._changed.notify_all()

    async def _follow(self, watch: Watch) -> None:
        last = None
        while True:
            latest = watch.latest()
            if latest is not None and latest[0] != last:
                last = latest[0]
                self.jpeg = await to_thread.run_sync(partial(self._draw, latest[1]))
                self.number += 1
                async with self._changed:
                    self._changed.notify_all()
            await asyncio.sleep(1 / self._options.rate_hz)
            if self.viewers == 0:
                return

    def _draw(self, picture: RenderedPicture) -> bytes:
        """Draws with another renderer than the outputs of the run, which must not wait."""
        if self._small is None or self._small[0] is not picture.renderer:
            self._small = picture.renderer, picture.renderer.for_width(self._options.picture_width)
        bgr = self._small[1](picture.inspection).bgr()
        return encode_jpeg(bgr, QUALITY, Path(self._source))
