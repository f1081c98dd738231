"""The options of opening an engine, which are parameters of open_engine."""

from dataclasses import dataclass, fields
from typing import Annotated, Any

from engines.backends.choosing import AUTO
from engines.opening import BACKENDS, DEVICES, HINTS
from inspector.core.schema import OneOf, Threads


@dataclass(frozen=True, slots=True)
class RuntimeOptions:
    """Each field is a parameter of `engines.opening.open_engine`, which explains it."""

    backend: Annotated[str, OneOf(AUTO, *BACKENDS)] = "onnx"
    device: Annotated[str, OneOf(AUTO, *DEVICES)] = "cpu"
    threads: Threads = 1
    fall_back: bool = False
    hint: Annotated[str, OneOf(*HINTS)] = "latency"
    plan_dir: str | None = None

    def for_open_engine(self) -> dict[str, Any]:
        """The keyword arguments of open_engine."""
        return {f.name: getattr(self, f.name) for f in fields(RuntimeOptions)}
