"""Judges a recorded run again and compares the two logs, or counts what changes."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from evaluation.replay.changes import ChangeCounter, Changes
from evaluation.replay.rebuild import STOPPED, ReplayOptions, rebuild
from evaluation.replay.recorded import WHOLE_LINES, RecordedRun, read_run
from evaluation.replay.same_log import OF_PARTS, OF_TRACKS, LogComparison, compare_logs
from evaluation.replay.same_parts import parts_agree
from evaluation.replay.same_web import tracks_agree
from evaluation.replay.sources import OriginalsSource
from inspector.build import build_run
from inspector.core.errors import ConfigError, InspectorError
from inspector.core.events import Checkpoint
from inspector.core.protocols import Source
from inspector.core.secrets import mask_secrets
from inspector.core.types import SINGLE
from inspector.early_signals import INTERRUPTED
from inspector.pipeline.runner import Pipeline
from inspector.run import Run
from inspector.sources.options import SourceOptions


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """log: comparison of the whole logs, if nothing was changed on purpose. changes: what the
    changed engine, calibration or settings changed; None if log is set. why: what was changed.
    not_replayed: frames without an original."""

    run: RecordedRun
    out: Path
    why: tuple[str, ...]
    notes: tuple[str, ...]
    log: LogComparison | None
    changes: Changes | None
    not_replayed: tuple[int, ...]


def replay_run(run: RecordedRun, options: ReplayOptions, out: Path) -> ReplayResult:
    """Judges the frames of the run again and writes the new results to the folder `out`.

    Raises ConfigError, SourceError, CalibrationError or EngineError if the run cannot be judged
    again, and the errors of a run.
    """
    if run.last_frame_id < 0:
        raise ConfigError(f"{run.log} holds no frame, so there is nothing to judge again")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"--out {out}: it exists and is not empty: name a new folder")
    rebuilt = rebuild(run, options, out)
    counter = None
    if rebuilt.changes or run.format < WHOLE_LINES:
        counter = ChangeCounter(run, out)
    opened: list[Source] = []

    def open_frames(source_options: SourceOptions) -> Source:
        opened.append(rebuilt.open_frames(source_options))
        return opened[-1]

    with contextlib.ExitStack() as stack:
        name = None if run.source_name == SINGLE else run.source_name
        built = build_run(
            rebuilt.config,
            [counter.see] if counter is not None else [],
            name=name,
            folder=out,
            recorded=open_frames,
            link=run.link,
        )
        stack.callback(built.source.close)
        if counter is not None:
            counter.info = built.info
        built.pipeline.stats.stopped = run.status == STOPPED  # its last part was cut
        _drive(built)
    changes = None if counter is None else counter.finish()
    skipped = tuple(opened[-1].skipped) if isinstance(opened[-1], OriginalsSource) else ()
    log = None
    if counter is None:
        left_out = [] if tracks_agree(run) and not skipped else list(OF_TRACKS)
        left_out += [] if parts_agree(run) and not skipped else OF_PARTS
        # Checkpoints come after a number of frames.
        left_out += [Checkpoint.type] if skipped else []
        log = compare_logs(run, read_run(out), skipped=skipped, left_out=left_out)
    return ReplayResult(run, out, rebuilt.changes, rebuilt.notes, log, changes, skipped)


def _drive(run: Run) -> None:
    """Runs the pipeline to its end and writes the summary."""
    status, code, sentence = "stopped", INTERRUPTED, None
    try:
        _wait(run.pipeline)
        status, code = "finished", 0
    except InspectorError as exc:
        status, code, sentence = "failed", exc.exit_code, mask_secrets(str(exc))
        raise
    finally:
        if run.pipeline.reporting:
            run.write_summary(status, code, sentence)


def _wait(pipeline: Pipeline) -> None:
    ended = False
    try:
        pipeline.start()
        while not pipeline.wait(0.2):
            pass
        ended = True
    finally:
        if not ended:
            pipeline.abort()
            with contextlib.suppress(InspectorError):
                pipeline.finish()
    pipeline.finish()
