"""Shows the live view in an SDL window. Main thread only; needs the extra `window`."""

import contextlib
import io
from types import ModuleType
from typing import Final

import cv2
import numpy as np

from inspector.core.arrays import Image
from inspector.core.errors import ConfigError, SinkError

QUIT: Final = "quit"
PAUSE: Final = "pause"
CLOSE: Final = "close"

_UNSEEN: Final = frozenset({"dummy", "offscreen"})
"""SDL drivers without a screen. SDL uses "offscreen" silently if there is no display."""
_SHARE_OF_DESKTOP: Final = 0.9
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX


class Window:
    """Shows pictures in a window that can be resized. It opens with the first picture.

    Create it before capture starts. allow_unseen: also accept SDL drivers without a screen. Raises
    ConfigError if pygame-ce is missing or there is no display.
    """

    def __init__(self, title: str, *, allow_unseen: bool = False) -> None:
        self._title = title
        self._paused = False
        self._bgr: Image | None = None
        self._open = False
        self._closed = False
        self._pygame = _import_pygame()
        problem = self._start(allow_unseen)
        if problem is not None:
            self._pygame.display.quit()
            raise ConfigError(problem)

    @property
    def paused(self) -> bool:
        """The key p switches it. The window shows it; the caller must pause the run."""
        return self._paused

    def show(self, bgr: Image) -> None:
        """bgr: (H, W, 3) uint8, shown until the next picture. Does nothing after close()."""
        if self._closed:
            return
        self._bgr = bgr
        self._draw()

    def poll(self) -> set[str]:
        """Returns the requests since the last call: QUIT (q), PAUSE (p), CLOSE (Esc, or the close
        button). Redraws the window if needed. Raises SinkError if the display is gone."""
        requests: set[str] = set()
        if self._closed:
            return requests
        keys = {
            self._pygame.K_q: QUIT,
            self._pygame.K_p: PAUSE,
            self._pygame.K_ESCAPE: CLOSE,
        }
        redraw = False
        try:
            events = self._pygame.event.get()
        except self._pygame.error as exc:
            raise SinkError(f"the events of the window cannot be read: {exc}") from exc
        for event in events:
            if event.type == self._pygame.QUIT:
                requests.add(CLOSE)
            elif event.type == self._pygame.KEYDOWN and event.key in keys:
                requests.add(keys[event.key])
                if event.key == self._pygame.K_p:
                    self._paused = not self._paused
                    redraw = True
            elif event.type in (self._pygame.VIDEORESIZE, self._pygame.VIDEOEXPOSE):
                redraw = True
        if redraw:
            self._draw()
        return requests

    def close(self) -> None:
        """May be called twice."""
        if not self._closed:
            self._closed = True
            self._bgr = None
            self._pygame.display.quit()

    def _start(self, allow_unseen: bool) -> str | None:
        """Starts SDL. Returns a sentence if no window can be shown."""
        try:
            self._pygame.display.init()
            driver = self._pygame.display.get_driver()
        except self._pygame.error as exc:
            return f"there is no display to show a window on: {exc}; run without --show"
        if driver in _UNSEEN and not allow_unseen:
            return (
                f"there is no display to show a window on (SDL offers only {driver!r}); "
                "run without --show"
            )
        return None

    def _draw(self) -> None:
        if self._bgr is None or self._closed:
            return
        pygame = self._pygame
        try:
            if not self._open:
                pygame.display.set_mode(self._first_size(self._bgr), pygame.RESIZABLE)
                self._open = True
            pygame.display.set_caption(self._title + (" - paused" if self._paused else ""))
            surface = pygame.display.get_surface()
            picture, corner = fit_into(self._bgr, surface.get_size())
            if self._paused:
                _write(picture, "paused - p resumes, q quits, Esc closes the window")
            size = (picture.shape[1], picture.shape[0])
            surface.fill((0, 0, 0))
            surface.blit(pygame.image.frombuffer(picture.tobytes(), size, "BGR"), corner)
            pygame.display.flip()
        except pygame.error as exc:
            raise SinkError(f"the window cannot be drawn: {exc}") from exc

    def _first_size(self, bgr: Image) -> tuple[int, int]:
        """(width, height) of the picture, smaller if the desktop is smaller."""
        width, height = self._pygame.display.get_desktop_sizes()[0]
        room = (int(width * _SHARE_OF_DESKTOP), int(height * _SHARE_OF_DESKTOP))
        scale = min(room[0] / bgr.shape[1], room[1] / bgr.shape[0], 1.0)
        return max(1, round(bgr.shape[1] * scale)), max(1, round(bgr.shape[0] * scale))


def fit_into(bgr: Image, room: tuple[int, int]) -> tuple[Image, tuple[int, int]]:
    """Copies and scales a picture to fit into room (width, height). Returns it and its corner."""
    scale = min(room[0] / bgr.shape[1], room[1] / bgr.shape[0])
    width, height = max(1, round(bgr.shape[1] * scale)), max(1, round(bgr.shape[0] * scale))
    corner = ((room[0] - width) // 2, (room[1] - height) // 2)
    if (height, width) == bgr.shape[:2]:
        return bgr.copy(), corner
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(bgr, (width, height), interpolation=method), np.uint8), corner


def _write(picture: Image, text: str) -> None:
    """Writes text in a dark box at the lower left."""
    height = picture.shape[0]
    scale = max(height / 700, 0.5)
    (wide, high), below = cv2.getTextSize(text, _FONT, scale, 1)
    top = height - high - below - 20
    cv2.rectangle(picture, (10, top), (wide + 30, height - 8), (40, 40, 40), cv2.FILLED)
    cv2.putText(
        picture, text, (20, height - below - 12), _FONT, scale, (255, 255, 255), 1, cv2.LINE_AA
    )


def _import_pygame() -> ModuleType:
    """Hides the greeting that pygame prints when it is imported."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            import pygame
    except ImportError as exc:
        raise ConfigError(
            "showing a window needs pygame-ce: install the extra `window`, or run without --show"
        ) from exc
    return pygame
