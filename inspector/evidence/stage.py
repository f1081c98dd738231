"""Emits checkpoints: the states of the files of a run, at fixed numbers of frames."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inspector.core.events import Checkpoint, Event
from inspector.core.file_hash import FileState, plain_states
from inspector.core.protocols import HashedSink
from inspector.core.types import Inspection


class EvidenceStage:
    """An event stage that emits a checkpoint after every `frames` frames.

    Frames are counted, not seconds, so that two runs of the same file have the same lines. sinks:
    those that hash their files. folder: of the run; names are relative to it. key_id: of the key
    that signs; None without a key.
    """

    name = "evidence"

    def __init__(
        self, sinks: Sequence[HashedSink], folder: Path, frames: int, key_id: str | None
    ) -> None:
        self._sinks = sinks
        self._folder = folder
        self._frames = frames
        self._key_id = key_id
        self._seen = 0

    def see(self, inspection: Inspection) -> tuple[Inspection, Sequence[Event]]:
        self._seen += 1
        if self._seen % self._frames:
            return inspection, ()
        frame = inspection.frame
        checkpoint = Checkpoint(
            wall_time_utc=frame.wall_time_utc,
            frame_id=frame.frame_id,
            captured_ns=frame.captured_ns,
            files=self._take_states(),
            key_id=self._key_id,
        )
        return inspection, [checkpoint]

    def flush(self) -> Sequence[Event]:
        """No event: summary.json is the last checkpoint."""
        return ()

    def summary(self, end: tuple[int, str]) -> dict[str, Any]:
        """The key `evidence` of summary.json. Call it after all sinks are closed.

        end: number of lines in the log, and chain value of the last one.
        """
        lines, chain = end
        return {
            "lines": lines,
            "chain": chain,
            "files": plain_states(self._take_states()),
            "key_id": self._key_id,
        }

    def _take_states(self) -> dict[str, FileState | None]:
        return {
            path.relative_to(self._folder).as_posix(): state
            for sink in self._sinks
            for path, state in sink.take_states().items()
        }
