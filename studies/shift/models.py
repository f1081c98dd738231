"""Fits the engines of a study and evaluates them. Both are done once and used by all cells."""

import dataclasses
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from engines.spec_file import file_hash
from evaluation.dataset import Job, evaluate_dataset
from evaluation.provenance import Settings
from evaluation.result_files import write_json
from evaluation.results import ClassResult
from inspector.core.errors import DataError
from learning.classes import no_progress
from learning.datasets.types import TEST, TRAIN, VALIDATION, ClassData, Sample
from learning.fitting import fit_engine
from learning.job import FitOptions
from learning.normals import MAX_PICTURES, Normals, Size, from_pictures, spread
from learning.thresholds.folds import Scheme
from learning.thresholds.rules import KEEP, Rule
from studies.shift.method_names import make_configured
from studies.shift.picture_sets import SIDE, hash_request

GLOBAL_HW: Final = (SIDE, SIDE)
"""Input of a model for all classes: their pictures can have different aspect ratios."""


RECORD: Final = ".study.json"
"""Suffix of the file beside an engine that says what it was made of."""


@dataclass(frozen=True, slots=True)
class StudyOptions:
    """methods: see studies.shift.method_names. resamples: of the pictures, for intervals.
    threads: of the runtime; 0: it chooses."""

    methods: tuple[str, ...] = ("patchcore", "padim", "rad")
    severities: tuple[str, ...] = ("moderate",)
    transforms: tuple[str, ...] = ()
    seed: int = 42
    resamples: int = 1000
    threads: int = 0

    def settings(self, *, mixed: bool = False) -> Settings:
        """mixed: the model is for classes of different aspect ratios."""
        return Settings(
            mask_values="any",
            threads=self.threads,
            resamples=self.resamples,
            seed=self.seed,
            allow_aspect=mixed,
        )


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The pictures that a model is fitted on: copies of one class, or of all for a global model.

    name: of the engine, such as cookie/padim/clean, below the folder of engines. sources: name of
    each copy, which stands for its content, such as "cookie clean" and a hash.
    """

    name: str
    method: str
    copies: tuple[ClassData, ...]
    sources: dict[str, str] = field(default_factory=dict)

    @property
    def mixed(self) -> bool:
        return len(self.copies) > 1


class Models:
    """Makes engines and results below a folder, each when it is first needed.

    Engines are reused if their pictures, method and seed are the same; results of evaluations if
    engine, pictures and settings are the same.
    """

    def __init__(self, out: Path, options: StudyOptions) -> None:
        self._out = out
        self._options = options
        self._results: dict[tuple[Path, str, str], ClassResult] = {}

    def engine(self, training: TrainingSet) -> Path:
        """The engine file of a training set."""
        path = self._out / "engines" / f"{training.name}.onnx"
        record = path.with_suffix(RECORD)
        request = self.request(training)
        if _is_made(path, record, request):
            return path
        started = time.monotonic()
        self._fit(training, path)
        values = {"request_sha256": request, "seconds": round(time.monotonic() - started, 2)}
        write_json(record, values)
        return path

    def request(self, training: TrainingSet) -> str:
        """Hash of what the engine depends on."""
        method = make_configured(training.method)
        backbone = method.find_backbone(None)
        return hash_request(
            {
                "method": training.method,
                "options": str(method),
                "backbone": None if backbone is None else file_hash(backbone),
                "seed": self._options.seed,
                "sources": training.sources,
            }
        )

    def evaluate(
        self, training: TrainingSet, data: ClassData, part: str, place: str
    ) -> ClassResult:
        """data: a copy of a class. part: TEST or VALIDATION. place: name of the copy. Raises
        DataError if no picture can be scored."""
        path = self.engine(training)
        key = (path, place, part)
        if key not in self._results:
            samples = tuple(
                dataclasses.replace(s, split=TEST) for s in data.samples if s.split == part
            )
            tests = dataclasses.replace(data, samples=samples)
            folder = self._out / "evaluations" / training.name / place / part
            settings = self._options.settings(mixed=training.mixed)
            if part == VALIDATION:
                settings = dataclasses.replace(settings, resamples=0)
            result = evaluate_dataset([Job(path, tests)], folder, settings)
            if result.failures:
                raise DataError(f"class {data.name}, {place}: {result.failures[0].reason}")
            (self._results[key],) = result.classes
        return self._results[key]

    def _fit(self, training: TrainingSet, path: Path) -> None:
        options = self._options
        method = make_configured(training.method)
        normals, scheme = _read_normals(training)
        path.parent.mkdir(parents=True, exist_ok=True)
        fit_options = FitOptions(
            name=training.name.replace("/", " "),
            method=method,
            backbone=method.find_backbone(None),
            rule=Rule("conformal"),
            scheme=scheme,
            seed=options.seed,
            threads=options.threads,
            suspects=KEEP,
            simulated=0,
        )
        fit_engine(normals, fit_options, path, no_progress)


def _read_normals(training: TrainingSet) -> tuple[Normals, Scheme]:
    """The good pictures for fitting and for validation, and the scheme that holds out the second.
    At most MAX_PICTURES of each class are fitted."""
    named: list[tuple[str, Path]] = []
    held_out: list[str] = []
    for data in training.copies:
        train = [s for s in data.of_split(TRAIN) if not s.defective]
        validation = [s for s in data.of_split(VALIDATION) if not s.defective]
        chosen = [train[index] for index in spread(len(train), MAX_PICTURES)]
        named += [(_name(data, s), s.path) for s in (*chosen, *validation)]
        held_out += [_name(data, s) for s in validation]
    size: Size | None = GLOBAL_HW if training.mixed else None
    name = training.copies[0].name if not training.mixed else "all classes"
    normals = from_pictures(name, named, input_hw=size, max_pictures=len(named))
    return normals, Scheme(held_out=tuple(held_out))


def _name(data: ClassData, sample: Sample) -> str:
    return f"{data.name}/{sample.name}"


def _is_made(path: Path, record: Path, request: str) -> bool:
    if not os.path.isfile(path):
        return False
    try:
        content: Any = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False  # the fit was interrupted: the engine is made again
    return isinstance(content, dict) and content.get("request_sha256") == request
