"""Tests of the live view in a window of a virtual X server, read from its frame buffer."""

import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from inspector.core.arrays import Image
from inspector.core.errors import ConfigError
from inspector.outputs.window import CLOSE, PAUSE, QUIT, Window, fit_into

pytest.importorskip("pygame", reason="the extra `window` is not installed")

ROOT = Path(__file__).parents[3]
PATIENCE_S = 5.0


@dataclass
class Screen:
    """A virtual X server and the file that contains its picture."""

    display: str
    file: Path

    def shot(self) -> Image:
        """(H, W, 3) BGR; the file is in XWD format, version 7, true colour."""
        data = self.file.read_bytes()
        head = struct.unpack(">25I", data[:100])
        width, height, bits, line, colours = head[4], head[5], head[11], head[12], head[19]
        assert (head[1], bits) == (7, 32)
        pixels = np.frombuffer(data, np.uint8, height * line, head[0] + 12 * colours)
        return pixels.reshape(height, line // 4, 4)[:, :width, :3]

    def press(self, key: str) -> None:
        self._xdotool("key", key)

    def point(self, x: int, y: int) -> None:
        self._xdotool("mousemove", str(x), str(y))

    def _xdotool(self, *arguments: str) -> None:
        environment = {**os.environ, "DISPLAY": self.display}
        subprocess.run(["xdotool", *arguments], env=environment, check=True, timeout=10)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    for tool in ("Xvfb", "xdotool"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    folder = tmp_path_factory.mktemp("screen")
    reader, writer = os.pipe()
    # Without -noreset it restarts after each closed window and may refuse the next window.
    process = subprocess.Popen(
        [
            *("Xvfb", "-displayfd", str(writer), "-noreset", "-screen", "0", "800x600x24"),
            *("-fbdir", str(folder), "-nolisten", "tcp"),
        ],
        pass_fds=(writer,),
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    with os.fdopen(reader) as number:
        display = ":" + number.readline().strip()
    yield Screen(display, folder / "Xvfb_screen0")
    process.terminate()
    process.wait(10)


@pytest.fixture
def screen(server: Screen, monkeypatch: pytest.MonkeyPatch) -> Screen:
    monkeypatch.setenv("DISPLAY", server.display)
    monkeypatch.delenv("SDL_VIDEODRIVER", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    return server


@pytest.fixture
def window(screen: Screen) -> Iterator[Window]:
    window = Window("inspector")
    yield window
    window.close()


def until(condition: Callable[[], bool]) -> bool:
    """Waits until the condition is true. False after a time limit."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def picture(hw: tuple[int, int] = (200, 400)) -> Image:
    """Four colours, one in each quarter."""
    image = np.zeros((*hw, 3), np.uint8)
    half = (hw[0] // 2, hw[1] // 2)
    image[: half[0], : half[1]] = (10, 20, 230)
    image[: half[0], half[1] :] = (20, 220, 30)
    image[half[0] :, : half[1]] = (240, 40, 50)
    image[half[0] :, half[1] :] = (200, 210, 190)
    return image


def place(shot: Image) -> tuple[slice, slice]:
    """The rows and columns in which the screen is not black."""
    rows, columns = np.nonzero(shot.max(axis=2))
    return slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)


def lit(screen: Screen) -> bool:
    return bool(screen.shot().any())


def gets_request(window: Window, expected: str) -> bool:
    return until(lambda: expected in window.poll())


def test_the_window_shows_the_picture_pixel_by_pixel(screen: Screen, window: Window) -> None:
    window.show(picture())
    assert until(lambda: lit(screen))

    def is_shown() -> bool:
        window.poll()
        shot = screen.shot()
        return lit(screen) and np.array_equal(shot[place(shot)], picture())

    assert until(is_shown)


def test_the_keys_request_quit_pause_and_close(screen: Screen, window: Window) -> None:
    window.show(picture())
    assert until(lambda: lit(screen))
    rows, columns = place(screen.shot())
    # Without a window manager, keys go to the window under the pointer.
    screen.point((columns.start + columns.stop) // 2, (rows.start + rows.stop) // 2)
    window.poll()
    screen.press("q")
    assert gets_request(window, QUIT)
    screen.press("p")
    assert gets_request(window, PAUSE)
    assert window.paused
    screen.press("p")
    assert gets_request(window, PAUSE)
    assert not window.paused
    screen.press("Escape")
    assert gets_request(window, CLOSE)
    screen.press("x")
    assert window.poll() == set()
    window.close()
    assert until(lambda: not lit(screen))


def test_a_paused_picture_shows_a_text(screen: Screen, window: Window) -> None:
    window.show(picture())
    assert until(lambda: lit(screen))
    rows, columns = place(screen.shot())
    screen.point(columns.start + 20, rows.start + 20)
    window.poll()
    screen.press("p")
    assert gets_request(window, PAUSE)

    def is_written() -> bool:
        shot = screen.shot()[rows, columns]
        return np.array_equal(shot[:100], picture()[:100]) and not np.array_equal(shot, picture())

    assert until(is_written)


def test_a_picture_larger_than_the_screen_is_shrunk_with_its_aspect(
    screen: Screen, window: Window
) -> None:
    window.show(picture((600, 2400)))

    def fits() -> bool:
        window.poll()
        rows, columns = place(screen.shot()) if lit(screen) else (slice(0, 1), slice(0, 1))
        return (rows.stop - rows.start, columns.stop - columns.start) == (180, 720)

    assert until(fits)


def test_a_closed_window_ignores_pictures(screen: Screen, window: Window) -> None:
    window.show(picture())
    window.close()
    window.close()
    window.show(picture())
    assert window.poll() == set()
    assert until(lambda: not lit(screen))


def test_no_display_is_a_config_error_although_sdl_can_draw_without_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="no display"):
        Window("inspector")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    with pytest.raises(ConfigError, match="no display"):
        Window("inspector")


def test_allow_unseen_accepts_a_window_without_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    window = Window("inspector", allow_unseen=True)
    window.show(picture())
    assert window.poll() == set()
    window.close()


def test_a_missing_pygame_gives_a_one_sentence_error() -> None:
    code = (
        "import sys; sys.modules['pygame'] = None\n"
        "from inspector.core.errors import ConfigError\n"
        "from inspector.outputs.window import Window\n"
        "try: Window('x')\n"
        "except ConfigError as exc: sys.stdout.write(str(exc))\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert process.stdout == (
        "showing a window needs pygame-ce: install the extra `window`, or run without --show"
    )


@pytest.mark.parametrize(
    ("room", "hw", "corner"),
    [
        ((400, 200), (200, 400), (0, 0)),
        ((400, 400), (200, 400), (0, 100)),
        ((100, 400), (50, 100), (0, 175)),
        ((1000, 300), (300, 600), (200, 0)),
    ],
)
def test_a_picture_is_scaled_to_fit_any_room(
    room: tuple[int, int], hw: tuple[int, int], corner: tuple[int, int]
) -> None:
    image, at = fit_into(picture(), room)
    assert (image.shape[:2], at) == (hw, corner)
