"""Builds the run of one source. No other module knows all sources, engines and outputs."""

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from calibration.plane import Calibration
from calibration.store import load_calibration
from engines import foreground
from engines.backends.fake import FakeEngine
from engines.spec import EngineSpec
from engines.spec_file import read_spec
from inspector.build_events import make_event_stages
from inspector.build_info import make_info
from inspector.build_judge import make_judge
from inspector.build_outputs import choose_video_encoder, largest_side, make_files, make_vlm
from inspector.config import Config
from inspector.config.checks import check_keys
from inspector.core.actions import IGNORE
from inspector.core.protocols import CompletingSink, Picture, Source
from inspector.core.records import new_run_id
from inspector.core.secrets import insert_secrets
from inspector.core.types import SINGLE, Inspection, RunInfo
from inspector.empty_failures import EmptyFailures
from inspector.engine_check import EngineCheck, check_fallback, make_ruler
from inspector.event_stages import EventStages
from inspector.health.check import HealthCheck
from inspector.health.options import HealthOptions
from inspector.health.stage import HealthStage, StallStage
from inspector.machine.kinds import STATE_OUTPUTS
from inspector.machine.link import BoardLink
from inspector.measure.defect_summary import DefectSummary
from inspector.outputs.encoder_file import EncoderFileSink
from inspector.outputs.folder import check_folder
from inspector.outputs.kinds import make_outputs
from inspector.outputs.run_folder import remove_empty, reserve_folder
from inspector.parts.joiner import PartJoiner
from inspector.pipeline.reporter import Observer
from inspector.pipeline.runner import Pipeline
from inspector.pipeline.stages import Output, Stages
from inspector.processing.preprocess import Preprocess
from inspector.render.side_by_side import SideBySide
from inspector.run import Run
from inspector.run_evidence import RunEvidence
from inspector.run_link import FIRST, ChangeStage, OpenSource, RunLink
from inspector.service.disk_guard import DiskGuard
from inspector.source_check import add_depth, allows_aspect, check_frames, find_ignored_keys
from inspector.sources.opening import open_source
from inspector.sources.options import SourceOptions
from inspector.sources.uri import strip_file_scheme
from inspector.state_outputs import NO_STATES, StateOutputs

Follow = Callable[[Inspection], Inspection]


def build_run(
    config: Config,
    observers: Sequence[Observer] = (),
    *,
    name: str | None = None,
    run_id: str | None = None,
    folder: Path | None = None,
    outputs: Sequence[Output] | None = None,
    recorded: Callable[[SourceOptions], Source] | None = None,
    joiner: PartJoiner | None = None,
    opener: OpenSource | None = None,
    link: RunLink = FIRST,
    states: StateOutputs = NO_STATES,
) -> Run:
    """Checks the configuration, opens the source, and connects the stages.

    Nothing runs yet. The output folder does not change before engine and source are open. name:
    name of the source in the list of sources; None without such a list. run_id: None for a new id.
    folder: of the results; None: config.output.dir. outputs: they replace the files of
    config.output; its folder is not used then. recorded: opens the frames of an earlier run, with
    config.source; no limit of time applies then. joiner: of the parts of several sources. opener:
    opens the source, or hands out one that is open. link: to the run before. states: the state
    outputs that get the verdicts. Raises ConfigError, SpecError, CalibrationError or SourceError.
    """
    check_keys(config)
    evidence = RunEvidence(config.evidence, shared=bool(config.outputs))
    spec = _read_spec(config)
    check_fallback(config.engine, spec)
    calibration = None
    if config.calibration.path is not None:
        calibration = load_calibration(Path(config.calibration.path))
    options = add_depth(config.source, spec)
    if opener is not None:
        source = opener(name or SINGLE, options)
    else:
        source = (recorded or open_source)(options)
    with contextlib.ExitStack() as stack:
        stack.callback(source.close)
        if source.info.frame_hw is not None:
            check_frames(config, spec, calibration, source.info.frame_hw)
        output, run_id = config.output, run_id or new_run_id()
        live = source.info.live and recorded is None
        guard = encoder = None
        if outputs is None:
            encoder = choose_video_encoder(output.video)
            folder = folder or reserve_folder(output.dir, run_id)
            stack.callback(remove_empty, output.dir, folder)
            check_folder(folder, overwrite=output.overwrite, inputs=input_paths(config))
            remote = make_outputs(
                insert_secrets(config.outputs, "outputs"),
                source=name,
                lines=evidence.lines,
                other_kinds=STATE_OUTPUTS,
            )
            # A locked or damaged outbox must end the run before old results are removed.
            guard = DiskGuard(folder, output.disk) if output.disk.enabled else None
            files = make_files(
                *(config, folder, evidence, guard, encoder), part_table=joiner is None, live=live
            )
            outputs = [*map(Output, remote), *make_vlm(config, spec, name), *files]
        folder = folder or Path(output.dir)
        names = run_id, name or SINGLE
        info = make_info(config, spec, calibration, source, folder, names, link, encoder)
        machine = states.link(info, config.parts)
        if machine is not None:
            outputs = [Output(machine), *outputs]
        recorders = (o.sink.add_row for o in outputs if isinstance(o.sink, EncoderFileSink))
        events = make_event_stages(
            config, spec, calibration, source, info, joiner, next(recorders, None)
        )
        run = _connect(
            *(config, spec, calibration, source, info, observers, outputs, events, evidence),
            *(guard, link, machine),
            live=live,
        )
        stack.pop_all()
    return run


def input_paths(config: Config) -> list[Path]:
    """Files and folders that the run reads. The run must not remove them."""
    engine = config.engine
    uri = insert_secrets(config.source.uri, "source.uri")
    paths = (engine.path, engine.fallback_path, config.calibration.path, config.tracking.encoder)
    of_parts = (config.parts.triggers, config.parts.empty)
    names = (uri, *paths, *of_parts)
    return [Path(strip_file_scheme(name)) for name in names if name is not None]


def _read_spec(config: Config) -> EngineSpec:
    path = Path(config.engine.path or "")
    return FakeEngine(path).spec if config.engine.backend == "fake" else read_spec(path)


def _connect(
    config: Config,
    spec: EngineSpec,
    calibration: Calibration | None,
    source: Source,
    run: RunInfo,
    observers: Sequence[Observer],
    outputs: Sequence[Output],
    events: EventStages,
    evidence: RunEvidence,
    guard: DiskGuard | None,
    link: RunLink,
    machine: BoardLink | None,
    *,
    live: bool,
) -> Run:
    """live: time is limited."""
    conditions = _make_health_stage(config, run)
    health = HealthCheck(
        spec, _health_options(config), live=source.info.live, report=conditions.report
    )
    preprocess = Preprocess(
        spec,
        None if calibration is None else calibration.check,
        health,
        allow_aspect=allows_aspect(config),
    )
    summary = DefectSummary(calibrated=calibration is not None)
    empty = EmptyFailures("" if run.source_name == SINGLE else run.source_name)

    def count(inspection: Inspection, _: Picture) -> None:
        summary.add(inspection)
        empty.see(inspection)

    follower = None if events.tracking is None else events.tracking.follower
    recall = None if follower is None else follower.recall
    parts = make_judge(config, spec, calibration, run, recall, live=live)
    judge = parts.judge
    ruler = make_ruler(
        spec,
        calibration,
        config.measure,
        pixel_threshold=run.pixel_threshold,
        failed=judge.fails,
    )
    engine_check = EngineCheck(config.engine, spec, ruler, run)
    render = _make_renderer(config, spec, run)
    stages = Stages(
        *(preprocess, engine_check.open, judge, render, judge.judge_map, judge.judge_unrefined),
        _chain(parts.explain, None if follower is None else follower.follow),
        foreground.SENTENCE if foreground.explains_infinity(spec) else "",
    )
    interruption = link.interruptions.get(run.source_name)
    pipeline = Pipeline(
        source,
        stages,
        outputs,
        run,
        event_stages=[
            *([] if guard is None else [guard]),
            conditions,
            *events.in_order(),
            *([ChangeStage(changes)] if (changes := link.changes(run)) else []),
            *([] if interruption is None else [interruption]),
            *evidence.connect(outputs, run),
            *([] if machine is None else [machine]),
        ],
        observers=(count, *observers),
        batch=config.engine.batch,
        deadline_s=parts.deadline_s,
        **dataclasses.asdict(config.pipeline),
    )
    events.connect(pipeline)
    if parts.live is not None:
        parts.live.waiting = lambda: pipeline.waiting
    return Run(
        pipeline=pipeline,
        source=source,
        stages=stages,
        outputs=outputs,
        info=run,
        defects=summary,
        warnings=(
            engine_check.warnings,
            preprocess.warnings,
            health.warnings,
            render.warnings,
            find_ignored_keys(config, source),
            empty.warnings,
            pipeline.drops.warnings,
            pipeline.background.warnings,
            [] if interruption is None else interruption.sentences,
            [] if events.tracking is None else events.tracking.warnings,
            [] if events.parts is None else events.parts.warnings,
            *(o.sink.warnings for o in outputs if isinstance(o.sink, CompletingSink)),
        ),
        running_on=engine_check.running_on,
        calibration=None if calibration is None else dataclasses.asdict(calibration),
        evidence=evidence,
        health=conditions.log,
        events=events,
        disk=guard,
    )


def _chain(first: Follow | None, second: Follow | None) -> Follow | None:
    if first is None or second is None:
        return first or second
    return lambda inspection: second(first(inspection))


def _health_options(config: Config) -> HealthOptions:
    """The fake engine has no good pictures, so it needs no warning about their limits."""
    if config.engine.backend != "fake":
        return config.health
    return dataclasses.replace(config.health, outside=IGNORE)


def _make_health_stage(config: Config, run: RunInfo) -> HealthStage:
    limit_s = config.health.stalled_s
    if run.source.live and limit_s is not None:
        return StallStage(limit_s, run.source_name)
    return HealthStage(run.source_name)


def _make_renderer(config: Config, spec: EngineSpec, run: RunInfo) -> SideBySide:
    return SideBySide(
        display_range=spec.display_range,
        unit=config.measure.unit,
        scale=config.output.video.scale,
        roi=None if spec.roi is None else (spec.roi.inspect, spec.roi.ignore, spec.roi.frame_hw),
        frame_hw=run.source.frame_hw,
        max_side=largest_side(run.video_encoder),
    )
