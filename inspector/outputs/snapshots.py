"""Saves pictures of the newest failing frames."""

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from inspector.core.errors import ConfigError, SinkError
from inspector.core.file_hash import FileState, state_of
from inspector.core.protocols import Picture
from inspector.core.types import Inspection, RunInfo, Verdict
from inspector.outputs.files import make_folder
from inspector.outputs.folder import snapshot_name
from inspector.outputs.jpeg import encode_jpeg, write_picture
from inspector.outputs.options import SnapshotOptions

WHEN: Final[dict[str, frozenset[Verdict]]] = {
    "fail": frozenset({Verdict.FAIL}),
    "error": frozenset({Verdict.ERROR}),
    "both": frozenset({Verdict.FAIL, Verdict.ERROR}),
}


class SnapshotSink:
    """Saves a JPEG per failing frame, named by its id and verdict, such as frame_00001234_FAIL.jpg.

    At most options.max_count files of this run exist; each further file replaces the oldest. Files
    from before the run stay, unless a new file has the same name. Raises ConfigError for options
    out of range.
    """

    name = "snapshots"

    def __init__(self, folder: Path, options: SnapshotOptions) -> None:
        max_count, when, quality = options.max_count, options.when, options.quality
        if when not in WHEN:
            raise ConfigError(f"snapshots: when must be one of {', '.join(WHEN)}, not {when!r}")
        if max_count < 0:
            raise ConfigError(f"snapshots: max_count must be at least 0, not {max_count}")
        if not 1 <= quality <= 100:
            raise ConfigError(f"snapshots: quality must lie between 1 and 100, not {quality}")
        self._folder = folder
        self._max_count = max_count
        self._verdicts = WHEN[when]
        self._quality = quality
        self._written: deque[Path] = deque()
        self._states: dict[Path, FileState | None] = {}

    def open(self, run: RunInfo) -> None:
        make_folder(self._folder)

    def write(self, inspection: Inspection, picture: Picture) -> None:
        if inspection.verdict not in self._verdicts or self._max_count == 0:
            return
        path = self._folder / snapshot_name(inspection.frame_id, inspection.verdict.value)
        data = encode_jpeg(picture.bgr(), self._quality, path)
        try:
            while len(self._written) >= self._max_count:
                oldest = self._written.popleft()
                oldest.unlink(missing_ok=True)
                self._states[oldest] = None
        except OSError as exc:
            raise SinkError(f"the picture {path} cannot be written: {exc.strerror}") from exc
        write_picture(path, data)
        self._written.append(path)
        self._states[path] = state_of(data)

    def take_states(self) -> Mapping[Path, FileState | None]:
        states, self._states = self._states, {}
        return states

    def close(self) -> None:
        """Does nothing, because write() closes each file."""
