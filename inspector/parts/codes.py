"""Reads the code on a part, such as a Data Matrix with its serial number (extra `codes`)."""

from dataclasses import replace
from typing import Any

import cv2
from loguru import logger

from inspector.core.actions import ERROR, WARN
from inspector.core.arrays import Image
from inspector.core.errors import ConfigError
from inspector.core.trace import MOST_CHARACTERS
from inspector.parts.book import PartView
from inspector.parts.code_options import CodeOptions


class CodeReader:
    """Looks for the code of each part in its frames, until it has the code. It works on the thread
    that calls it; other threads run meanwhile.

    unread: number of parts without a code that can be read. Raises ConfigError without the library
    and for a format that it does not know.
    """

    def __init__(self, options: CodeOptions) -> None:
        self._options = options
        self._library = _load_library()
        try:
            self._formats = self._library.barcode_formats_from_str("|".join(options.formats))
        except ValueError as exc:
            raise ConfigError(f"codes.formats: {exc}") from exc
        self.unread = 0

    def see(self, view: PartView, image: Image) -> None:
        """Looks at one frame of the part. image: (H, W, 3) uint8 BGR."""
        if view.code is not None or view.code_tries == self._options.tries:
            return
        view.code_tries += 1
        view.code = self.read(image)
        if view.code is None:
            return
        name = self._options.fills
        known = getattr(view.trace, name)
        if known is None:
            view.trace = replace(view.trace, **{name: view.code})
        elif known != view.code:
            view.code_error = f"its code is {view.code}, but its {name} is {known}"

    def finish(self, view: PartView) -> None:
        """No further frame shows the part."""
        if view.code is not None or view.tally.frames == 0:
            return
        self.unread += 1
        if self._options.missing == ERROR:
            view.code_error = "it has no code that can be read"
        elif self._options.missing == WARN:
            logger.warning("part {}: it has no code that can be read", view.part_id)

    def read(self, image: Image) -> str | None:
        """The text of the code in the region; None if there is none, or if codes differ."""
        assert self._options.region is not None  # check_codes
        height, width = image.shape[:2]
        x0, y0, x1, y1 = self._options.region
        top, left = int(y0 * height), int(x0 * width)
        bottom, right = max(int(y1 * height), top + 1), max(int(x1 * width), left + 1)
        grey = cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_BGR2GRAY)
        codes = self._library.read_barcodes(
            grey, formats=self._formats, try_invert=self._options.inverted
        )
        texts = {code.text.strip() for code in codes}
        usable = [t for t in texts if t and t.isprintable() and len(t) <= MOST_CHARACTERS]
        return usable[0] if len(texts) == len(usable) == 1 else None


def _load_library() -> Any:
    try:
        import zxingcpp
    except ModuleNotFoundError as exc:
        raise ConfigError("codes.enabled needs zxing-cpp: pip install '.[codes]'") from exc
    return zxingcpp
