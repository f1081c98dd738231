"""What the engines of a study cost: time to fit, size and latency."""

import json
import os
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.spec_file import read_spec
from evaluation.result_files import METRICS
from studies.shift.method_names import folder_name
from studies.shift.models import RECORD


@dataclass(frozen=True, slots=True)
class MethodCost:
    """Medians over the engines of a method for a class. class_name: also the folder of the models
    for all classes. fit_s: pictures included. model_mb: what the method stores, such as its bank.
    bank_rows: None for a method without such a bank. latency_ms, latency_p99_ms: of a picture,
    preprocessing included; None if no evaluation has it."""

    class_name: str
    method: str
    engines: int
    fit_s: float
    engine_mb: float
    model_mb: float
    bank_rows: int | None
    latency_ms: float | None
    latency_p99_ms: float | None


def read_costs(out: Path, methods: Iterable[str]) -> tuple[MethodCost, ...]:
    """Reads the records of the engines of these methods, and their evaluations. Raises SpecError
    for a damaged engine."""
    names = {folder_name(method): method for method in methods}
    folders = sorted(path for path in (out / "engines").glob("*/*") if path.name in names)
    costs = (_read_cost(out, folder, names[folder.name]) for folder in folders)
    return tuple(cost for cost in costs if cost is not None)


def _read_cost(out: Path, folder: Path, method: str) -> MethodCost | None:
    """None without finished engines."""
    records = sorted(folder.glob(f"*{RECORD}"))
    engines = [path.with_name(path.name.removesuffix(RECORD) + ".onnx") for path in records]
    engines = [path for path in engines if os.path.isfile(path)]
    if not engines:
        return None
    stored = [read_spec(path).parameters for path in engines]
    rows = [parameters["bank_rows"] for parameters in stored if "bank_rows" in parameters]
    place = out / "evaluations" / folder.parent.name / folder.name
    times = [t for path in sorted(place.rglob(METRICS)) for t in _latencies(_read(path))]
    return MethodCost(
        folder.parent.name,
        method,
        len(engines),
        statistics.median(float(_read(path)["seconds"]) for path in records),
        round(statistics.median(path.stat().st_size / 1e6 for path in engines), 3),
        round(statistics.median(p["model_bytes"] / 1e6 for p in stored), 3),
        round(statistics.median(rows)) if rows else None,
        _median([p50 for p50, _ in times]),
        _median([p99 for _, p99 in times]),
    )


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def _latencies(content: dict[str, Any]) -> Iterator[tuple[float, float]]:
    """p50 and p99 of the metrics.json of a class; the one of the data set beside it has none."""
    latency = content.get("latency")
    if latency is not None and latency["total_p50_ms"] is not None:
        yield float(latency["total_p50_ms"]), float(latency["total_p99_ms"])


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
