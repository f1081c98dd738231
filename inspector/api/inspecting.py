"""Runs the pipeline from Python: inspect() yields inspections, run_pipeline() writes results."""

import json
import weakref
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from loguru import logger

from inspector.core.channel import END, Channel
from inspector.core.errors import InspectorError
from inspector.core.protocols import Picture
from inspector.core.types import Inspection, RunInfo
from inspector.pipeline.runner import Pipeline
from inspector.pipeline.stages import Output

if TYPE_CHECKING:
    from inspector.config import Config
    from inspector.run import Run

CHECK_S: Final = 1.0
"""If no inspection comes for this many seconds, next() checks whether a stage is stuck."""

AnyPath = str | Path


def inspect(
    source: AnyPath | int | None = None,
    engine: AnyPath | None = None,
    *,
    calibration: AnyPath | None = None,
    config: AnyPath | None = None,
    settings: Mapping[str, Any] | None = None,
) -> "Inspections":
    """Starts the pipeline on a source and iterates over its inspections. No file is written.

    source: video file, folder or glob of pictures, URL, camera index, or "synthetic". engine: an
    engine file. calibration: a calibration file. config: a configuration file. settings:
    dotted keys of the configuration, such as {"engine.threads": 2}. Arguments replace settings,
    and settings replace values of the file. Keys of output, outputs, window and log have no
    effect.

    The pipeline waits while the caller works on an inspection, so no frame of a file is lost. A
    live source does not wait: the pipeline drops the oldest frame and counts it. Raises
    ConfigError, SpecError, EngineError, ParityError, CalibrationError or SourceError before the
    first frame. An error that ends the run later is raised by next(), after the frames before it.
    """
    # This loads onnx and more. The import of this package must not load them.
    from inspector.build import build_run

    loaded = _load(source, engine, None, calibration, config, settings)
    hand_over = _HandOver()
    return Inspections(build_run(loaded, outputs=[Output(hand_over)]), hand_over)


def run_pipeline(
    source: AnyPath | int | None = None,
    engine: AnyPath | None = None,
    output: AnyPath | None = None,
    *,
    calibration: AnyPath | None = None,
    config: AnyPath | None = None,
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Inspects a source to its end, writes all results to the folder `output`, and returns the
    content of summary.json. Arguments and errors are those of inspect().

    Ctrl-C stops it: everything captured is still inspected and saved, then KeyboardInterrupt is
    raised. A run that fails also writes its summary, then raises the error. The configuration may
    have a list of sources.
    """
    # This loads onnx and more. The import of this package must not load them.
    from inspector.early_signals import INTERRUPTED
    from inspector.outputs.folder import SUMMARY
    from inspector.session import Session
    from inspector.state_outputs import make_state_outputs

    loaded = _load(source, engine, output, calibration, config, settings)
    if Session(loaded, states=make_state_outputs(loaded)).run() == INTERRUPTED:
        raise KeyboardInterrupt
    summary: dict[str, Any] = json.loads((Path(loaded.output.dir) / SUMMARY).read_bytes())
    return summary


class Inspections:
    """Iterates over the inspections of a running pipeline. inspect() makes it.

    `with` closes it. Python also closes it when it deletes the object.
    """

    def __init__(self, run: "Run", hand_over: "_HandOver") -> None:
        self._run = run
        self._channel = hand_over.channel
        self._ended = False
        self._release = weakref.finalize(self, _abort, run.pipeline, hand_over.channel)
        run.pipeline.start()
        if not run.pipeline.reporting:
            self._finish()

    @property
    def info(self) -> RunInfo:
        """Source, engine, thresholds and unit of the run."""
        return self._run.info

    @property
    def counts(self) -> dict[str, Any]:
        """Numbers of frames so far: captured, inspected, dropped, errored and more. At the end,
        captured == inspected + dropped + errored."""
        return self._run.pipeline.stats.as_dict()

    def stop(self) -> None:
        """Ends the capture. The iterator still yields the inspections of all captured frames."""
        self._run.pipeline.stop()

    def close(self) -> None:
        """Ends the run and releases source, engine and threads. Frames that are not yet inspected
        count as dropped. A second call does nothing. Raises the error if the run failed."""
        if not self._ended:
            self._ended = True
            self._release()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Inspection:
        while not self._ended:
            item = self._channel.get(CHECK_S)
            if isinstance(item, Inspection):
                return item
            if item is END:
                self._finish()
            else:
                self._run.pipeline.wait(0)
        raise StopIteration

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except InspectorError as exc:
            if kind is None:
                raise
            # The exception of the caller must not be replaced.
            logger.error("the inspection failed as well: {}", exc)

    def _finish(self) -> None:
        self._ended = True
        self._release.detach()
        self._run.pipeline.finish()


class _HandOver:
    """The only sink of inspect(). It passes inspections to the thread of the caller."""

    name = "inspect"

    def __init__(self) -> None:
        self.channel: Channel[Inspection] = Channel(1)

    def open(self, run: RunInfo) -> None:
        """Nothing to open."""

    def write(self, inspection: Inspection, picture: Picture) -> None:
        """Waits for the caller. After close() the inspection is discarded."""
        self.channel.put(inspection)

    def close(self) -> None:
        self.channel.close()


def _load(
    source: AnyPath | int | None,
    engine: AnyPath | None,
    output: AnyPath | None,
    calibration: AnyPath | None,
    config: AnyPath | None,
    settings: Mapping[str, Any] | None,
) -> "Config":
    from inspector.config import load_config

    arguments = {
        "source.uri": source,
        "engine.path": engine,
        "output.dir": output,
        "calibration.path": calibration,
    }
    overrides = dict(settings or {})
    overrides |= {key: str(value) for key, value in arguments.items() if value is not None}
    return load_config(None if config is None else Path(config), overrides)


def _abort(pipeline: Pipeline, channel: Channel[Inspection]) -> None:
    channel.abort()
    pipeline.abort()
    pipeline.finish()
