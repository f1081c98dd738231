"""An engine on trial: written and opened, and gone again whatever comes of it."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import onnx

from engines.backends.onnx import OnnxEngine
from engines.spec import EngineSpec
from engines.spec_file import write_engine


@contextlib.contextmanager
def on_trial(
    out: Path, graph: onnx.ModelProto, spec: EngineSpec, *, threads: int
) -> Iterator[OnnxEngine]:
    """The engine in a file beside `out`, under a name of this process: two may make one file."""
    path = out.with_name(f"{out.name}.{os.getpid()}.unchecked")
    write_engine(path, graph, spec)
    try:
        engine = OnnxEngine(path, threads=threads)
        try:
            yield engine
        finally:
            engine.close()
    finally:
        path.unlink(missing_ok=True)
