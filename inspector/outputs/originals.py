"""Saves frames as they were inspected, without loss, so that they can be judged again."""

from collections import deque
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Final

import cv2

from inspector.core.arrays import Image
from inspector.core.errors import SinkError
from inspector.core.file_hash import FileState, state_of
from inspector.core.files import write_whole
from inspector.core.protocols import Picture
from inspector.core.types import Frame, Inspection, RunInfo, Verdict
from inspector.outputs.files import make_folder
from inspector.outputs.folder import original_name
from inspector.outputs.options import OriginalsOptions

FAST_PNG: Final = [cv2.IMWRITE_PNG_COMPRESSION, 1]


class OriginalsSink:
    """Saves one file per frame, named by its id.

    A frame that could not be decoded has no file. With `when: failures`, PASS frame number k
    (counted from 1) has a file if k * pass_share reaches the next whole number: with 0.1 every
    tenth. The files of this run take at most options.max_mb MB; each further file replaces the
    oldest PASS frame, or if there is none the oldest failure.
    """

    name = "originals"

    def __init__(self, folder: Path, options: OriginalsOptions) -> None:
        self._folder = folder
        self._suffix = options.format
        self._max_bytes = options.max_mb * 1e6
        self._share = Fraction(1 if options.when == "all" else str(options.pass_share))
        self._passed = 0
        self._bytes = 0
        self._states: dict[Path, FileState | None] = {}
        self._passes: deque[tuple[Path, int]] = deque()
        self._failures: deque[tuple[Path, int]] = deque()

    def open(self, run: RunInfo) -> None:
        make_folder(self._folder)

    def write(self, inspection: Inspection, picture: Picture) -> None:
        frame = inspection.frame
        if not isinstance(frame, Frame) or not self._is_due(inspection.verdict):
            return
        path = self._folder / original_name(frame.frame_id, self._suffix)
        data = self._encode(frame.image, path)
        # A folder that replaced the results belongs to somebody else.
        if not self._folder.is_dir():
            raise SinkError(f"the original {path} cannot be written: its folder is gone")
        self._make_room(len(data))
        # A sync for each frame would slow the run.
        write_whole(path, data, "the original ", sync=False)
        passed = inspection.verdict is Verdict.PASS
        (self._passes if passed else self._failures).append((path, len(data)))
        self._states[path] = state_of(data)
        self._bytes += len(data)

    def take_states(self) -> Mapping[Path, FileState | None]:
        states, self._states = self._states, {}
        return states

    def close(self) -> None:
        """Does nothing, because write() closes each file."""

    def _is_due(self, verdict: Verdict) -> bool:
        if verdict is not Verdict.PASS:
            return True
        before, self._passed = self._passed, self._passed + 1
        # Fractions, because a sum of floats would miss a frame after some million.
        return self._passed * self._share // 1 > before * self._share // 1

    def _make_room(self, size: int) -> None:
        while (oldest := self._passes or self._failures) and self._bytes + size > self._max_bytes:
            path, old_size = oldest.popleft()
            try:
                path.unlink(missing_ok=True)
            except OSError as exc:
                raise SinkError(f"the original {path} cannot be removed: {exc.strerror}") from exc
            self._bytes -= old_size
            self._states[path] = None

    def _encode(self, bgr: Image, path: Path) -> bytes:
        options = FAST_PNG if self._suffix == "png" else []
        try:
            encoded, data = cv2.imencode(path.suffix, bgr, options)
        except cv2.error as exc:
            raise SinkError(f"the original {path} cannot be encoded: {exc.err}") from exc
        if not encoded:
            raise SinkError(f"the original {path} cannot be encoded")
        return bytes(data.tobytes())
