"""Reads single pictures of a video."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import av
import numpy as np

from inspector.core.arrays import Image

_STEP: Final = 40
"""Pictures up to which decoding is faster than a jump to the next key frame."""


def read_video_frames(path: Path, indices: Sequence[int]) -> Iterator[tuple[int, Image]]:
    """Yields (index, BGR picture) for rising indices; 0 is the first picture of the video.

    Ends at the first picture that cannot be read: a killed run leaves a video without its last
    second.
    """
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            times = sorted(p.pts for p in container.demux(stream) if p.pts is not None)
            numbers = {pts: index for index, pts in enumerate(times)}
            wanted_indices = [index for index in indices if index < len(times)]
            yield from _read(container, stream, times, numbers, wanted_indices)
    except (av.FFmpegError, IndexError):
        return


def read_video_times(path: Path) -> list[float]:
    """The times of the pictures in s, from the first one on. Empty for a file without pictures."""
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            ticks = sorted(p.pts for p in container.demux(stream) if p.pts is not None)
            return [float((pts - ticks[0]) * (stream.time_base or 0)) for pts in ticks]
    except (av.FFmpegError, IndexError):
        return []


def _read(
    container: "av.container.InputContainer",
    stream: "av.VideoStream",
    times: Sequence[int],
    numbers: dict[int, int],
    indices: Sequence[int],
) -> Iterator[tuple[int, Image]]:
    place = len(times)
    pictures: Iterator[av.VideoFrame] = iter(())
    for index in indices:
        if not 0 <= index - place <= _STEP:
            container.seek(times[index], stream=stream)
            pictures = iter(container.decode(stream))
        for picture in pictures:
            place = numbers.get(picture.pts or 0, -1) + 1
            if place == index + 1:
                yield index, np.asarray(picture.to_ndarray(format="bgr24"), np.uint8)
            if place > index:
                break
