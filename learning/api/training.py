"""Contains `learning.train`."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from learning.api.arguments import ignore, read_roi

if TYPE_CHECKING:
    from learning.job import Progress
    from learning.normals import Size
    from learning.thresholds.rules import Rule
    from learning.training import Trainer, TrainingResult, Watch
    from learning.training_data import TrainingData


def train(
    data: "str | Path | TrainingData",
    method: "str | Trainer | None" = None,
    out: str | Path = "trained",
    *,
    layout: str | None = None,
    size: "Size | None" = None,
    max_pictures: int = 1000,
    keep_similar: bool = False,
    bit_depth: int | None = None,
    hold_out: float | None = None,
    paper_protocol: bool = False,
    name: str | None = None,
    backbone: str | Path | None = None,
    sigma: float = 4.0,
    rule: "Rule | None" = None,
    roi: "str | Path | None" = None,
    foreground: "str | Path | None" = None,
    suspects: str = "ask",
    watch: "Watch | None" = None,
    progress: "Progress | None" = None,
    **options: Any,
) -> "TrainingResult":
    """Trains an engine from pictures of good product; needs torch. Call it again to resume.

    Parameters
    ----------
    data: folder of one class (train/good is enough), or TrainingData.
    method: one of learning.methods.registry.trained_methods(), or a Trainer; None is the first.
    out: folder for the engine, the checkpoints and the log.
    layout: of the data set; None detects it.
    size: (height, width) of the engine's input, or its short side. None is the default of the
        method.
    hold_out: share of the good pictures that checkpoints and thresholds are chosen on.
    paper_protocol: choose the checkpoint on the test pictures, as papers do.
    watch: functions to call while it runs; None writes log and TensorBoard files.
    options: of the training, such as epochs=20; text is read as on the command line.
    See `fit` for the others.

    Returns a TrainingResult: path, spec, thresholds, suspects, summary. Raises EngineError if torch
    is missing, ConfigError for a folder that holds another training, and what `fit` raises.
    """
    from engines.spec_file import file_hash
    from inspector.core.errors import ConfigError, DataError
    from inspector.core.reading import Reading
    from learning.foreground.finding import find_foreground
    from learning.job import MakeOptions
    from learning.methods.registry import trained_methods, trainer_class
    from learning.options import parse_options
    from learning.thresholds.rules import default_rule
    from learning.training import Trainer, train_engine
    from learning.training_data import TrainingData, data_of_class

    trainer = method
    if isinstance(trainer, Trainer):
        if options:
            raise ConfigError(f"a Trainer has its options already: leave out {', '.join(options)}")
    else:
        cls = trainer_class(trainer or trained_methods()[0])
        trainer = cls.from_options(parse_options(cls, options))
    trainer.require()
    reading = Reading(bit_depth)
    if not isinstance(data, TrainingData):
        data = data_of_class(
            Path(data),
            layout,
            input_hw=trainer.default_size if size is None else size,
            max_pictures=max_pictures,
            keep_similar=keep_similar,
            hold_out=hold_out,
            seed=trainer.seed,
            paper_protocol=paper_protocol,
            reading=reading,
        )
    folder, scorer = Path(out), trainer.scorer
    region, learned = read_roi(roi, data.normals.frame_hw), None
    if foreground is not None:
        learned, shown = find_foreground(
            data.normals, foreground, region, seed=trainer.seed, reading=reading
        )
        if len(shown.names) < len(data.normals.names):
            raise DataError("remove the pictures without product, then train again")
        region = learned.roi
    engine_options = MakeOptions(
        name=name or folder.resolve().name,
        method=scorer,
        backbone=scorer.find_backbone(None if backbone is None else str(backbone)),
        sigma=sigma,
        rule=rule or default_rule(suspects),
        roi=region,
        foreground=learned,
        seed=trainer.seed,
        threads=trainer.threads,
        suspects=suspects,
        device="cuda" if trainer.device.startswith("cuda") else "cpu",
    )
    with contextlib.ExitStack() as stack:
        return train_engine(
            trainer,
            data,
            engine_options,
            folder,
            watch=watch or _folder_watch(folder, data, stack),
            progress=progress or ignore,
            request={
                "roi": None if roi is None else file_hash(Path(roi)),
                "foreground of the engine": None if foreground is None else str(foreground),
            },
        )


def _folder_watch(folder: Path, data: "TrainingData", stack: contextlib.ExitStack) -> "Watch":
    from learning.training import Watch
    from learning.training_folder import FolderWatch

    writer = FolderWatch(folder, data.checkpoints_by)
    stack.callback(writer.close)
    return Watch(writer.begin, writer.scalars, writer.pictures)
