"""Gives the frames of a recorded run again: from its source, or from its originals."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from evaluation.replay.recorded import Record, RecordedRun
from inspector.core.arrays import Image, freeze
from inspector.core.errors import SourceEndedEarly
from inspector.core.protocols import HasFiles, Source
from inspector.core.types import BadFrame, Cause, Frame, SourceInfo
from inspector.outputs.folder import original_name

FORMATS: Final = ("png", "bmp")

WITHOUT_PICTURE: Final = (Cause.DECODE, Cause.STALE)
"""Causes of frames that a source gives without a picture that can be judged."""


class LimitedSource:
    """A source that ends after the frame last_frame_id, or where its file ends early."""

    def __init__(self, source: Source, last_frame_id: int) -> None:
        self._source = source
        self._last_frame_id = last_frame_id
        self._ended = False

    @property
    def info(self) -> SourceInfo:
        return self._source.info

    @property
    def files(self) -> Sequence[Path]:
        return self._source.files if isinstance(self._source, HasFiles) else ()

    def read(self) -> Frame | BadFrame | None:
        item = None
        if not self._ended:
            # The recorded run ended here too; its summary has the reason.
            with contextlib.suppress(SourceEndedEarly):
                item = self._source.read()
        self._ended = item is None or item.frame_id >= self._last_frame_id
        return item

    def close(self) -> None:
        self._source.close()


class ContinuedSource:
    """A source from the frame on with which a run of a line began. There the numbers begin at 0.

    first: the first inspection of the run.
    """

    def __init__(self, source: Source, first: Record) -> None:
        self._source = source
        self._first = first
        self._first_id: int | None = None

    @property
    def info(self) -> SourceInfo:
        """As the run had it."""
        return replace(self._source.info, frame_count=None, duration_s=None, path=None)

    @property
    def files(self) -> Sequence[Path]:
        return self._source.files if isinstance(self._source, HasFiles) else ()

    def read(self) -> Frame | BadFrame | None:
        while (item := self._source.read()) is not None:
            if self._first_id is None and item.pts_s == self._first["pts_s"]:
                self._first_id = item.frame_id - self._first["frame_id"]
            if self._first_id is not None:
                return replace(item, frame_id=item.frame_id - self._first_id)
        return None

    def close(self) -> None:
        self._source.close()


class OriginalsSource:
    """The originals of a run, with the numbers and times of its log.

    A frame that had no picture is a BadFrame with the recorded error. A frame whose original is
    gone is skipped and counted in skipped. The source says that it is live if the run was, so that
    times are read in the same way, but its frames wait until they are read.
    """

    buffered = True
    dropped = 0

    def __init__(self, run: RecordedRun) -> None:
        self.skipped: list[int] = []
        self._folder = run.originals
        self._records: Iterator[Record] = run.inspections()
        info = run.source_info
        hw, time_base = info["frame_hw"], info["time_base"]
        self._info = SourceInfo(
            source_id=info["source_id"],
            live=info["live"],
            frame_hw=None if hw is None else (hw[0], hw[1]),
            fps=info["fps"],
            frame_count=info["frame_count"],
            duration_s=info["duration_s"],
            time_base=None if time_base is None else Fraction(time_base),
        )
        self._closed = False

    @property
    def info(self) -> SourceInfo:
        return self._info

    def read(self) -> Frame | BadFrame | None:
        while not self._closed and (record := next(self._records, None)) is not None:
            frame = self._make_frame(record)
            if frame is not None:
                return frame
            self.skipped.append(record["frame_id"])
        return None

    def close(self) -> None:
        self._closed = True

    def _make_frame(self, record: Record) -> Frame | BadFrame | None:
        image = self._read_image(record["frame_id"])
        shared = {
            "frame_id": record["frame_id"],
            "source_id": self._info.source_id,
            "captured_ns": record["captured_ns"],
            "pts_s": record["pts_s"],
            "wall_time_utc": record["wall_time_utc"],
            "name": record["name"],
        }
        if image is not None:
            return Frame(image=image, **shared)
        if record["error"] is not None and record["cause"] in WITHOUT_PICTURE:
            return BadFrame(error=record["error"], cause=Cause(record["cause"]), **shared)
        return None

    def _read_image(self, frame_id: int) -> Image | None:
        for suffix in FORMATS:
            try:
                content = (self._folder / original_name(frame_id, suffix)).read_bytes()
            except OSError:
                continue
            image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
            if image is not None:
                return freeze(np.asarray(image, np.uint8))
        return None
