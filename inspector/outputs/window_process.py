"""The process of the live view: reads pictures from stdin, writes requests to stdout."""

import sys
import threading
from typing import Final

import numpy as np

from inspector.core.arrays import Image
from inspector.core.channel import END, Channel
from inspector.core.errors import ConfigError, SinkError
from inspector.outputs.live_view import HEAD, READY
from inspector.outputs.window import PAUSE, Window

_PERIOD_S: Final = 0.03


def main() -> None:
    """Shows pictures until stdin ends or the display fails."""
    try:
        window = Window(sys.argv[1])
    except ConfigError as exc:
        _say(str(exc))
        return
    _say(READY)
    pictures: Channel[Image] = Channel(1)
    threading.Thread(target=_read, args=(pictures,), daemon=True).start()
    try:
        _show(window, pictures)
    except (SinkError, OSError) as exc:
        sys.stderr.write(f"the live view ends: {exc}\n")
    finally:
        window.close()


def _show(window: Window, pictures: Channel[Image]) -> None:
    paused = False
    while True:
        requests = window.poll()
        # Two key presses at the same time change nothing.
        if window.paused is paused:
            requests.discard(PAUSE)
        paused = window.paused
        for request in sorted(requests):
            _say(request)
        bgr = pictures.get(_PERIOD_S)
        if bgr is END:
            return
        if isinstance(bgr, np.ndarray) and not paused:
            window.show(bgr)


def _read(pictures: Channel[Image]) -> None:
    stream = sys.stdin.buffer
    while len(head := stream.read(HEAD.size)) == HEAD.size:
        height, width = HEAD.unpack(head)
        data = stream.read(height * width * 3)
        if len(data) < height * width * 3:
            break
        picture = np.frombuffer(data, np.uint8).reshape(height, width, 3)
        pictures.put(picture, drop_oldest=True)
    pictures.close()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
