"""Makes a half-precision copy of an engine file, and checks it against the original."""

import contextlib
import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from onnx import ModelProto

from engines import golden
from engines.backends.onnx import OnnxEngine
from engines.golden import Golden
from engines.opening import Scores
from engines.parity import TOLERANCES, ParityResult, Ruler, compare_golden, require_parity
from engines.spec import CONVERTED_FROM, EngineSpec
from engines.spec_file import graph_hash, read_engine, write_engine
from inspector.core.arrays import Image, Map
from inspector.core.clock import utc_now
from inspector.core.errors import EngineError, ParityError
from learning import checking
from learning.half_precision import halve_graph

HALF: Final = "float16"
TURNS: Final = 7
"""Times that each engine runs. The engines take turns, so that other work slows both of them."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """findings: on the golden pictures, against the float64 reference. parity: on altered pictures,
    against the original engine. ms: least time of one picture on the CPU, of the original and the
    copy."""

    spec: EngineSpec
    findings: ParityResult
    parity: checking.Parity
    ms: tuple[float, float]


def convert_to_half(path: Path, out: Path, ruler: Ruler, *, threads: int) -> Conversion:
    """Writes `out`. Raises EngineError for an engine that cannot be converted, ParityError, leaving
    no file, if float16 is not precise enough."""
    spec, model, golden_pictures = read_original(path)
    try:
        graph = halve_graph(model)
    except EngineError as exc:
        raise EngineError(f"{path}: {exc}") from exc
    after = _describe_copy(spec, graph_hash(graph))
    with checking.open_unchecked(out, graph, after, threads=threads) as engine:
        findings = compare_golden(engine, ruler=ruler)
        assert findings is not None, "the engine has golden pictures, as checked above"
        require_parity(findings)
        with contextlib.closing(OnnxEngine(path, threads=threads)) as first:
            parity = _compare_engines(first, engine, golden_pictures.pixels)
            ms = time_engines(first, engine, golden_pictures.pixels[:1])
    after = dataclasses.replace(after, parity=dataclasses.asdict(parity))
    write_engine(out, graph, after)
    return Conversion(after, findings, parity, ms)


def read_original(path: Path) -> tuple[EngineSpec, ModelProto, Golden]:
    """The engine that a copy is made of. Raises EngineError if it is a copy itself, or if it has no
    golden pictures."""
    spec, model = read_engine(path)
    if CONVERTED_FROM in spec.parameters:
        raise EngineError(f"{path} is converted already")
    golden_pictures = golden.unpack(spec)
    if golden_pictures is None:
        raise EngineError(f"{path} has no golden pictures, so its copy cannot be checked")
    return spec, model, golden_pictures


def _describe_copy(spec: EngineSpec, digest: str) -> EngineSpec:
    stored = {"precision": HALF} if "precision" in spec.parameters else {}
    return dataclasses.replace(
        spec,
        precision=HALF,
        graph_hash=digest,
        parameters=spec.parameters | stored | {CONVERTED_FROM: spec.graph_hash},
        created_utc=utc_now(),
    )


def _compare_engines(first: OnnxEngine, second: OnnxEngine, pixels: Image) -> checking.Parity:
    """Raises ParityError if map or score differ by more than the golden pictures may."""
    spec, allowed = first.spec, TOLERANCES[HALF]
    altered = checking.alter_pictures(pixels, checking.PICTURES, spec.seed + 1)
    parity = checking.measure_differences(
        checking.run_engine(second, altered),
        lambda part: _outputs(first, altered[part]),
        limit=spec.image_threshold,
        tolerance=allowed["map"],
    )
    score_allowed = parity.tolerance * allowed["score"] / allowed["map"]
    if not (parity.map_max_abs <= parity.tolerance and parity.score_max_abs <= score_allowed):
        raise ParityError(
            f"in {HALF} the engine differs from the original by "
            f"{parity.map_max_abs:.3g} on the map and {parity.score_max_abs:.3g} on the score, "
            f"more than {parity.tolerance:.3g} and {score_allowed:.3g}"
        )
    return parity


def _outputs(engine: OnnxEngine, pixels: Image) -> tuple[Map, Scores]:
    """Outputs of single pictures. The batches of the other engine are compared with them."""
    maps, scores = zip(*(engine.infer(picture[None]) for picture in pixels), strict=True)
    return np.concatenate(maps), np.concatenate(scores)


def time_engines(first: OnnxEngine, second: OnnxEngine, picture: Image) -> tuple[float, float]:
    """Least time of each in ms. picture: (1, H, W, 3) uint8 RGB."""
    least = [float("inf"), float("inf")]
    for _ in range(TURNS):
        for index, engine in enumerate((first, second)):
            start = time.perf_counter()
            engine.infer(picture)
            least[index] = min(least[index], (time.perf_counter() - start) * 1e3)
    return least[0], least[1]
