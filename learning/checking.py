"""Checks that an engine file computes what its method says, on pictures it was not fitted on."""

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
import onnx

from engines.backends.onnx import OnnxEngine
from engines.opening import Engine
from engines.spec import EngineSpec
from engines.spec_file import write_engine
from inspector.core.arrays import Image
from inspector.core.errors import ParityError

PICTURES: Final = 32

BATCHES: Final = (1, 2, 3)
"""Sizes of the batches that the engine gets one after the other. Its graph must not depend on them.
They are small, because onnxruntime keeps the memory of the largest one."""

PART: Final = 8
PART_PIXELS: Final = 1 << 21
"""The reference is computed for 8 pictures at a time, or for as many as have this many map pixels
together. Fewer parts are faster, because some references repeat most of their work in each part.
All pictures at once would need too much memory: features take up to 50 bytes a pixel."""

Float = npt.NDArray[np.float64]
Wide = npt.NDArray[np.floating]

Outputs = tuple[Wide, Wide]
"""(n, h, w) maps and (n,) scores."""

Reference = Callable[[slice], Outputs]
"""The correct outputs of a part of the pictures."""


@dataclass(frozen=True, slots=True)
class Parity:
    """Largest absolute differences between engine and reference.

    decision_flips: pictures with another verdict by the engine than by the reference, at the image
    threshold. They are only counted, because their scores differ from it by score_max_abs at most.
    spots: pictures that had a dark spot painted on them. spots_found: those of them that reach the
    image threshold.
    """

    pictures: int
    spots: int
    spots_found: int
    map_max_abs: float
    score_max_abs: float
    decision_flips: int
    tolerance: float


@contextlib.contextmanager
def unchecked_file(out: Path, graph: onnx.ModelProto, spec: EngineSpec) -> Iterator[Path]:
    """Writes the engine to a temporary file beside `out`, which is always deleted. The name of the
    file holds the process number: two processes may make the same engine."""
    path = out.with_name(f"{out.name}.{os.getpid()}.unchecked")
    write_engine(path, graph, spec, sync=False)
    del graph  # it may be freed while the file is used
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def open_unchecked(
    out: Path, graph: onnx.ModelProto, spec: EngineSpec, *, threads: int
) -> Iterator[OnnxEngine]:
    """Opens the engine from an `unchecked_file`."""
    with (
        unchecked_file(out, graph, spec) as path,
        contextlib.closing(OnnxEngine(path, threads=threads)) as engine,
    ):
        yield engine


def alter_pictures(normals: Image, count: int, seed: int) -> Image:
    """Altered copies of normal pictures, (count, H, W, 3): shifted, brighter or darker, every
    third one mirrored, every second one with a dark spot, so that high scores are checked too."""
    random = np.random.default_rng(seed)
    copies = []
    for index in range(count):
        picture = normals[random.integers(len(normals))]
        picture = np.roll(picture, tuple(random.integers(3, 24, 2)), axis=(0, 1))
        if index % 3 == 2:
            picture = picture[:, ::-1]
        picture = np.clip(picture * random.uniform(0.85, 1.15), 0, 255).astype(np.uint8)
        copies.append(_add_spot(picture, random) if index % 2 else picture)
    return np.ascontiguousarray(np.stack(copies))


def _add_spot(picture: Image, random: np.random.Generator) -> Image:
    height, width = picture.shape[:2]
    centre = int(random.integers(width)), int(random.integers(height))
    spotted = np.ascontiguousarray(picture)
    cv2.circle(spotted, centre, max(2, min(height, width) // 16), (20, 16, 24), -1)
    return spotted


def run_engine(engine: Engine, pixels: Image) -> Outputs:
    """Outputs of an engine that gets the pictures in BATCHES."""
    runs, start = [], 0
    for size in itertools.cycle(BATCHES):
        runs.append(engine.infer(pixels[start : start + size]))
        if (start := start + size) >= len(pixels):
            break
    maps, scores = zip(*runs, strict=True)
    return np.concatenate(maps), np.concatenate(scores)


def check_engine(
    outputs: Outputs,
    reference: Callable[[slice], tuple[Float, Float]],
    *,
    limit: float,
    tolerance: float,
) -> tuple[Parity, Float, Float]:
    """The figures, and the reference's maps and scores of the first part of the pictures, at least
    PART. See compare_outputs for the parameters and the error."""
    first = reference(_parts(outputs)[0])
    parity = compare_outputs(
        outputs,
        lambda part: reference(part) if part.start else first,
        limit=limit,
        tolerance=tolerance,
    )
    return parity, *first


def compare_outputs(
    outputs: Outputs, reference: Reference, *, limit: float, tolerance: float
) -> Parity:
    """Compares the engine's outputs of `alter_pictures` with the reference. limit: image threshold.
    tolerance: as a share of the largest value, or of 1 if that is larger. Raises ParityError for
    larger differences."""
    parity = measure_differences(outputs, reference, limit=limit, tolerance=tolerance, least=1.0)
    # The comparison is written so that a difference of NaN is refused as well.
    if not (parity.map_max_abs <= parity.tolerance and parity.score_max_abs <= parity.tolerance):
        raise ParityError(
            f"the exported engine differs from its method by {parity.map_max_abs:.3g} on the map "
            f"and {parity.score_max_abs:.3g} on the score, more than {parity.tolerance:.3g}"
        )
    return parity


def measure_differences(
    outputs: Outputs, reference: Reference, *, limit: float, tolerance: float, least: float = 0.0
) -> Parity:
    """The same figures as `compare_outputs`, without an error for large differences. tolerance: as
    a share of the largest value, or of `least` if that is larger."""
    maps, scores = outputs
    right_scores, differences, largest = [], [], least
    for part in _parts(outputs):
        right_map, right_score = reference(part)
        largest = max(largest, float(np.abs(right_map).max()), float(np.abs(right_score).max()))
        differences.append(np.abs(maps[part] - right_map).max())
        right_scores.append(right_score)
    expected = np.concatenate(right_scores)
    spotted = scores[1::2]
    return Parity(
        pictures=len(scores),
        spots=len(spotted),
        spots_found=int((spotted >= limit).sum()),
        # numpy's maximum of values with a NaN is NaN; Python's may not be.
        map_max_abs=float(np.max(differences)),
        score_max_abs=float(np.abs(scores - expected).max()),
        decision_flips=int(np.count_nonzero((scores >= limit) != (expected >= limit))),
        tolerance=tolerance * largest,
    )


def _parts(outputs: Outputs) -> list[slice]:
    maps, scores = outputs
    size = max(PART, PART_PIXELS // maps[0].size)
    return [slice(start, start + size) for start in range(0, len(scores), size)]
