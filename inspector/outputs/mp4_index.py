"""Keeps the times and places of the samples of an MP4 file on the disk, for its index."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from inspector.outputs.mp4_boxes import Sample, SampleTable, Track

MOST_SAMPLES: Final = 4_000_000
"""A file with more samples gets no index, which would need too much memory: 44 h at 25 per s."""

_ROW: Final = np.dtype(
    [("track", "u1"), ("key", "?"), ("time", "<i8"), ("size", "<i8"), ("offset", "<i8")]
)


class SampleRows:
    """The samples of a file, in a file without a name, so that memory does not grow. Raises
    OSError. count: number of samples."""

    def __init__(self, folder: Path) -> None:
        self.count = 0
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115

    def add(self, runs: Sequence[tuple[Track, Sequence[Sample]]], at: int) -> None:
        """at: place of the first sample in the MP4 file; the others follow it."""
        rows = []
        for track, samples in runs:
            for sample in samples:
                rows.append((track.number, sample.key, sample.time, len(sample.data), at))
                at += len(sample.data)
        self.count += len(rows)
        if self.count <= MOST_SAMPLES:
            self._file.write(np.array(rows, _ROW).tobytes())

    def tables(
        self, tracks: Sequence[Track], last: Sequence[int], end: int | None
    ) -> tuple[list[Track], list[SampleTable]]:
        """The tracks that have samples, with their tables. last: duration of the last sample of
        each track. end: time at which the last picture ends; None: by its duration."""
        self._file.seek(0)
        rows = np.frombuffer(self._file.read(), _ROW)
        # Sound that begins after the last picture has no samples.
        tracks = [track for track in tracks if (rows["track"] == track.number).any()]
        return tracks, [_table(rows, track, last[track.number - 1], end) for track in tracks]

    def close(self) -> None:
        self._file.close()


def _table(rows: npt.NDArray[np.void], track: Track, last: int, end: int | None) -> SampleTable:
    rows = rows[rows["track"] == track.number]
    if track.hw and end is not None:
        last = end - int(rows["time"][-1])
    return SampleTable(
        times=rows["time"],
        durations=np.append(np.diff(rows["time"]), [last]).astype(np.int64),
        sizes=rows["size"],
        keys=rows["key"],
        offsets=rows["offset"],
    )
