"""Trains an engine: what a method with trained networks must implement, and how its file is made.

The steps are the same for every method: open the features, train in a folder, take the best
networks, finish the engine file as for a fitted model.
"""

import contextlib
import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from inspector.core.arrays import Image, Mask
from inspector.core.errors import EngineError
from inspector.core.files import sole_writer
from inspector.core.names import names_hash
from learning.finishing import make_engine
from learning.job import EngineResult, MakeOptions, Progress, inspected_pixels
from learning.methods.base import Scorer
from learning.methods.feature_source import FeatureSource
from learning.options import check_option_names
from learning.thresholds.choosing import check_supported
from learning.training_data import TrainingData
from learning.training_folder import claim, refuse_other

CHECKPOINTS: Final = "checkpoints"
ENGINE: Final = "engine.onnx"
"""Names in the folder of a training."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Functions that are called while a training runs.

    begin: before the first file is written, when nothing can be refused any more. scalars: epoch
    and figures by name. pictures: epoch and pictures that the networks learn from, (n, H, W, 3)
    uint8 RGB. progress: epoch, steps done in it, and steps of an epoch.
    """

    begin: Callable[[], None] = lambda: None
    scalars: Callable[[int, dict[str, float]], None] = lambda epoch, values: None
    pictures: Callable[[int, Image], None] = lambda epoch, pixels: None
    progress: Callable[[int, int, int], None] = lambda epoch, done, steps: None


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """What a Trainer needs. inside: (H, W) of the engine's input, the region that is inspected;
    None is all of it. checkpoints: folder to write checkpoints to, and to resume from."""

    data: TrainingData
    source: FeatureSource
    inside: Mask | None
    checkpoints: Path
    watch: Watch


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """model: as the Scorer of the method takes it. summary: lines for people, by their heading."""

    model: Any
    summary: Mapping[str, str]


class PreparedTraining(ABC):
    """A training that has everything it needs and has not written a file."""

    @abstractmethod
    def begin(self, folder: Path) -> None:
        """Writes what people should see before the training, such as a sheet of pictures."""

    @abstractmethod
    def run(self) -> TrainedModel:
        """Trains to the last epoch, from the latest checkpoint if there is one. After a stop at any
        time, the next run must end with the same networks."""


class Trainer(ABC):
    """Trains the networks of a method. A subclass is a frozen dataclass whose fields are its
    options, each with `option(...)` as its metadata: they become options of the command line.

    It must be importable without torch. epochs, seed, device and threads are options that every
    training has; epochs is only used to show progress. default_size: short side of the engine's
    input, px.
    """

    name: ClassVar[str]
    default_size: ClassVar[int] = 288
    epochs: int
    seed: int
    device: str
    threads: int

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """Raises ConfigError for an option that this training does not have or cannot use."""
        check_option_names(cls, options, f"the training of {cls.name}")
        return cls(**options)

    @property
    @abstractmethod
    def scorer(self) -> Scorer[Any]:
        """Computes maps and scores with the trained networks."""

    @abstractmethod
    def require(self) -> None:
        """Raises EngineError if a package that the training needs is not installed."""

    @abstractmethod
    def request(self, source: FeatureSource) -> dict[str, Any]:
        """The options that the networks depend on, as plain values. A training that is resumed must
        have the same."""

    @abstractmethod
    def prepare(self, job: TrainingJob) -> PreparedTraining:
        """Makes all checks that can fail, before the first file is written."""


@dataclass(frozen=True, slots=True)
class TrainingResult(EngineResult):
    """summary: lines for people, by their heading."""

    summary: Mapping[str, str]


def train_engine(
    trainer: Trainer,
    data: TrainingData,
    options: MakeOptions,
    folder: Path,
    *,
    watch: Watch,
    progress: Progress,
    request: Mapping[str, Any] | None = None,
) -> TrainingResult:
    """Trains in folder/CHECKPOINTS, resuming a training that is there, and writes folder/ENGINE.

    request: further plain values that a resumed training must share. Raises ConfigError for a
    folder that holds another training and for one that another run writes to, and what `prepare`,
    `run` and make_engine raise.
    """
    normals = data.normals
    held_out = normals.take(data.held_out)
    check_supported(options.rule, len(held_out.names))
    with contextlib.ExitStack() as until_written:
        with options.open_source(normals.rule.input_hw) as source:
            shared = trainer.request(source) | _request(data, source) | dict(request or {})
            refuse_other(folder, shared)
            inside = inspected_pixels(options.roi, normals.rule)
            job = TrainingJob(data, source, inside, folder / CHECKPOINTS, watch)
            training = trainer.prepare(job)
            until_written.enter_context(sole_writer(folder))
            watch.begin()
            claim(folder, shared)
            training.begin(folder)
            trained = training.run()
        engine = make_engine(
            trained.model,
            held_out,
            options,
            folder / ENGINE,
            progress,
            fitted=normals.take(~data.held_out),
            note=_note(data),
        )
    return TrainingResult(
        engine.path, engine.spec, engine.file_bytes, engine.seconds, trained.summary
    )


def import_with_torch(module: str) -> Any:
    """Imports a module of this program that needs torch. Raises EngineError if torch is missing."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as exc:
        if exc.name != "torch":
            raise
        raise EngineError("training needs torch: pip install '.[train]'") from exc


def _request(data: TrainingData, source: FeatureSource) -> dict[str, Any]:
    """What the networks depend on besides the options of the trainer."""
    normals = data.normals
    held_out = [name for name, is_held in zip(normals.names, data.held_out, strict=True) if is_held]
    return {
        "data": normals.name,
        "pictures": _digest(*normals.names),
        "held out": _digest(*held_out),
        "size": list(normals.rule.input_hw),
        **source.files,
        "layers": source.layers,
        "paper protocol": data.tests is not None,
    }


def _digest(*names: str) -> str:
    return f"{len(names)}, sha256 {names_hash(names)[:16]}"


def _note(data: TrainingData) -> str:
    ordered, tests = data.normals.ordered, data.tests is not None
    how = "the end of one stream" if ordered else "drawn at random or named as such"
    chosen_on = "the test set" if tests else "these pictures and simulated defects on them"
    return f"held out: {how}; the checkpoint was chosen on {chosen_on}"
