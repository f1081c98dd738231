"""Config to a pipeline: the only file that knows every kind of source, engine and sink."""

import contextlib
import dataclasses
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loguru import logger

from calibration.plane import Calibration
from calibration.store import load_calibration
from engines.backends.fake import FakeEngine
from engines.roi import mask
from engines.spec import EngineSpec
from engines.spec_file import file_hash, read_spec
from inspector import gate
from inspector.config import Config
from inspector.core.clock import utc_now
from inspector.core.errors import ConfigError
from inspector.core.protocols import Sink, Source
from inspector.core.types import RunInfo
from inspector.measure.analyzer import DefectSizeAnalyzer
from inspector.measure.summary import DefectSummary
from inspector.outputs import SINKS
from inspector.outputs.folder import CSV, LOG, SNAPSHOTS, VIDEO, ResultFolder, check_folder
from inspector.outputs.options import OutputOptions
from inspector.pipeline.runner import Observer, Pipeline
from inspector.pipeline.stages import Output, Stages
from inspector.processing.postprocess import Judge
from inspector.processing.preprocess import Preprocess
from inspector.render.side_by_side import SideBySide
from inspector.run import Run
from inspector.sources import SOURCES
from inspector.sources.options import SourceOptions
from inspector.sources.uri import kind_of


def build(config: Config, observers: Sequence[Observer] = ()) -> Run:
    """Checks everything that can be checked, opens the source, and wires the stages.

    Nothing runs yet, and the output folder is not touched before engine and source are open. Raises
    ConfigError, SpecError, CalibrationError or SourceError.
    """
    _check(config)
    spec = _spec(config)
    gate.check_fallback(config.engine, spec)
    calibration = None
    if config.calibration.path is not None:
        calibration = load_calibration(Path(config.calibration.path))
    source = open_source(config.source)
    with contextlib.ExitStack() as stack:
        stack.callback(source.close)
        if calibration is not None and source.info.frame_hw is not None:
            calibration.check(source.info.frame_hw)
        engines = (config.engine.path, config.engine.fallback_path)
        given = (config.source.uri, *engines, config.calibration.path)
        inputs = [Path(name) for name in given if name is not None]
        folder = Path(config.output.dir)
        check_folder(folder, overwrite=config.output.overwrite, inputs=inputs)
        run = _wire(config, spec, calibration, source, observers)
        stack.pop_all()
    return run


def open_source(options: SourceOptions) -> Source:
    """Opens the source that options.uri means. Raises SourceError."""
    if options.uri is None:
        raise ConfigError("source.uri: no source is named; use --source")
    source: Source = _resolve(SOURCES[kind_of(options.uri)])(options.uri, options)
    return source


def _spec(config: Config) -> EngineSpec:
    path = Path(config.engine.path or "")
    return FakeEngine(path).spec if config.engine.backend == "fake" else read_spec(path)


def _resolve(entry: str) -> Any:
    module, _, name = entry.partition(":")
    return getattr(importlib.import_module(module), name)


def _check(config: Config) -> None:
    """What the dataclasses cannot say, because it concerns two keys."""
    if config.source.uri is None:
        raise ConfigError("source.uri: no source is named; use --source")
    if config.engine.path is None and config.engine.backend != "fake":
        raise ConfigError("engine.path: no engine given; use --engine (tools.fit makes one)")
    if config.calibration.path is None:
        needing = (
            ("verdict.min_length_mm", config.verdict.min_length_mm),
            ("verdict.min_area_mm2", config.verdict.min_area_mm2),
            ("measure.min_area_mm2", config.measure.min_area_mm2),
            ("measure.severity.length_mm", config.measure.severity.length_mm),
            ("measure.severity.area_mm2", config.measure.severity.area_mm2),
        )
        for key, value in needing:
            if value is not None:
                raise ConfigError(f"{key}: millimetres need a calibration; use --calibration")


def _wire(
    config: Config,
    spec: EngineSpec,
    calibration: Calibration | None,
    source: Source,
    observers: Sequence[Observer],
) -> Run:
    engine_path = Path(config.engine.path or "")
    run = RunInfo(
        source=source.info,
        output_dir=Path(config.output.dir),
        started_utc=utc_now(),
        engine=_engine_summary(spec),
        config=config.plain(),
        config_hash=config.sha256(),
        engine_hash=file_hash(engine_path) if config.engine.path else "",
        calibration_hash=None if calibration is None else calibration.sha256(),
        image_threshold=_or(config.verdict.image_threshold, spec.image_threshold),
        pixel_threshold=_or(config.verdict.pixel_threshold, spec.pixel_threshold),
        unit=config.measure.unit,
    )
    preprocess = Preprocess(spec, None if calibration is None else calibration.check)
    summary = DefectSummary(calibrated=calibration is not None)
    judge = _judge(config, spec, calibration, run)
    measuring = gate.ruler(
        spec,
        calibration,
        config.measure,
        pixel_threshold=run.pixel_threshold,
        failed=judge.failed,
    )
    start_engine = gate.EngineGate(config.engine, spec, measuring, run)
    render = _render(config, spec, source.info.frame_hw)
    stages, outputs = Stages(preprocess, start_engine, judge, render), _outputs(config.output)
    pipeline = Pipeline(
        source,
        stages,
        outputs,
        run,
        observers=(lambda inspection, _: summary.add(inspection), *observers),
        batch=config.engine.batch,
        **dataclasses.asdict(config.pipeline),
    )
    return Run(
        pipeline=pipeline,
        source=source,
        stages=stages,
        outputs=outputs,
        info=run,
        defects=summary,
        warnings=(start_engine.warnings, preprocess.warnings, _ignored(config, source)),
        running_on=start_engine.running_on,
        calibration=None if calibration is None else dataclasses.asdict(calibration),
    )


def _ignored(config: Config, source: Source) -> list[str]:
    """What the configuration asks for and this source cannot have."""
    if config.engine.batch == 1 or not source.info.live:
        return []
    warning = (
        f"engine.batch is {config.engine.batch}, but {source.info.source_id} is live: its frames "
        "are inspected one at a time, for a batch would make each wait for the others"
    )
    logger.warning("{}", warning)
    return [warning]


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _judge(
    config: Config, spec: EngineSpec, calibration: Calibration | None, run: RunInfo
) -> Judge:
    inspected = None if spec.roi is None else mask(spec.roi, spec.map_hw, spec.resize.crop)
    analyzer = DefectSizeAnalyzer(calibration, config.measure, inspected=inspected)
    return Judge(
        analyzer.analyze,
        image_threshold=run.image_threshold,
        pixel_threshold=run.pixel_threshold,
        rule=config.verdict.rule,
        size_rule=config.verdict,
    )


def _render(config: Config, spec: EngineSpec, frame_hw: tuple[int, int] | None) -> SideBySide:
    return SideBySide(
        display_range=spec.display_range,
        unit=config.measure.unit,
        scale=config.output.video.scale,
        roi=None if spec.roi is None else (spec.roi.inspect, spec.roi.ignore, spec.roi.frame_hw),
        frame_hw=frame_hw,
    )


def _outputs(options: OutputOptions) -> list[Output]:
    """The logs come before video and snapshots: they are the record."""
    folder, snapshots = Path(options.dir), options.snapshots
    outputs = [
        Output(ResultFolder(folder, overwrite=options.overwrite)),
        Output(_sink("json_log", folder / LOG)),
        Output(_sink("csv_log", folder / CSV)),
    ]
    if options.video.enabled:
        outputs.append(Output(_sink("video_file", folder / VIDEO, options.video)))
    if snapshots.max_count > 0:
        fatal = snapshots.on_error == "fatal"
        outputs.append(Output(_sink("snapshots", folder / SNAPSHOTS, snapshots), fatal=fatal))
    return outputs


def _sink(name: str, path: Path, *options: Any) -> Sink:
    sink: Sink = _resolve(SINKS[name])(path, *options)
    return sink


def _engine_summary(spec: EngineSpec) -> dict[str, Any]:
    """The spec without its golden pictures, which belong in no log."""
    return {key: value for key, value in dataclasses.asdict(spec).items() if key != "golden"}
