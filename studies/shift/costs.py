"""What the engines of a study cost: time to fit, size and latency."""

import json
import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.result_files import METRICS
from studies.shift.models import RECORD


@dataclass(frozen=True, slots=True)
class MethodCost:
    """Medians over the engines of a method for a class. class_name: also the folder of the models
    for all classes. fit_s: pictures included. latency_ms: of a picture, preprocessing included;
    None if no evaluation has it."""

    class_name: str
    method: str
    engines: int
    fit_s: float
    engine_mb: float
    latency_ms: float | None


def read_costs(out: Path) -> tuple[MethodCost, ...]:
    """Reads the records of the engines and their evaluations."""
    costs = []
    for folder in sorted((out / "engines").glob("*/*")):
        records = sorted(folder.glob(f"*{RECORD}"))
        engines = [path.with_name(path.name.removesuffix(RECORD) + ".onnx") for path in records]
        engines = [path for path in engines if os.path.isfile(path)]
        if not engines:
            continue
        seconds = [float(_read(path)["seconds"]) for path in records]
        sizes = [path.stat().st_size / 1e6 for path in engines]
        place = out / "evaluations" / folder.parent.name / folder.name
        times = [t for path in sorted(place.rglob(METRICS)) for t in _latencies(_read(path))]
        costs.append(
            MethodCost(
                folder.parent.name,
                folder.name,
                len(engines),
                statistics.median(seconds),
                round(statistics.median(sizes), 3),
                _median(times),
            )
        )
    return tuple(costs)


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def _latencies(content: dict[str, Any]) -> list[float]:
    """Of the metrics.json of a class; the one of the data set beside it has no latency itself."""
    latency = content.get("latency")
    value = None if latency is None else latency["total_p50_ms"]
    return [] if value is None else [float(value)]


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
