"""Inspects many recordings, each into its own result folder, and writes one summary."""

import contextlib
import dataclasses
import hashlib
import json
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Final

from loguru import logger
from tqdm import tqdm

from engines.spec_file import file_hash
from inspector.config import Config
from inspector.config.checks import check_keys
from inspector.core.errors import ConfigError
from inspector.core.files import write_whole
from inspector.core.records import new_run_id
from inspector.core.source_hash import hash_files
from inspector.early_signals import EarlySignals, stopping_signals
from inspector.fleet.jobs import Hooks, Job, Outcome, Task
from inspector.fleet.running import run_jobs
from inspector.outputs.folder import SUMMARY, ResultFolder, check_folder
from inspector.outputs.run_folder import reserve_folder
from inspector.recording_run import RecordingRun
from inspector.recordings import RECORD, Recording
from inspector.recordings_summary import RecordingResult, RecordingsSummary, read_result
from inspector.session_report import check_report, write_session_report
from inspector.standard_streams import write_error

BEGUN: Final = "begun "
"""Before the request of a recording in the record that is not finished."""

FUNCTION: Final = "inspector.recording_run:run_recording"


def run_recordings(
    config: Config, recordings: Sequence[Recording], early: EarlySignals | None
) -> int:
    """Inspects all recordings and returns the worst exit code, see RecordingsSummary.

    Results of an earlier call are kept if recording, configuration, engine and calibration are the
    same. A recording that fails does not stop the others. Raises ConfigError, SpecError and
    SourceError before anything is written, and SinkError if the summary cannot be written.
    """
    _check(config)
    run_id = new_run_id()
    requests = _make_requests(config, recordings)
    folder = reserve_folder(config.output.dir, run_id)
    record = _read_record(folder / RECORD)
    _check_folders(folder, config, recordings, record, requests)
    results = ResultFolder(folder, overwrite=config.output.overwrite or bool(record))
    summary = RecordingsSummary(folder, run_id, config)
    try:
        results.lock()
        results.clear()
        with _collect_signals(early) as signals:
            _run_all(config, folder, recordings, record, requests, summary, signals)
            code = summary.write(signals)
            if config.report.enabled and summary.has_results and len(signals) < 2:
                before = len(signals)
                write_session_report(folder, lambda: len(signals) > before)
    finally:
        results.close()
    if failed := summary.failed:
        text = f"{len(failed)} of {len(recordings)} recordings failed: {', '.join(failed)}"
        write_error(f"error: {text}")
        logger.bind(file_only=True).error("exit code {}: {}", code, text)
    return code


def _run_all(
    config: Config,
    folder: Path,
    recordings: Sequence[Recording],
    record: dict[str, str],
    requests: dict[str, str],
    summary: RecordingsSummary,
    signals: Sequence[int],
) -> None:
    """Inspects the recordings that are not finished."""
    jobs = []
    for recording in recordings:
        name = recording.name
        # A recording that was begun and not finished may still have results of an earlier call.
        same = record.get(name) == requests[name] and not config.output.overwrite
        earlier = read_result(name, folder / name / SUMMARY) if same else None
        if earlier is not None and earlier.status == "finished":
            logger.info("{}: kept, inspected with the same configuration and engine", name)
            summary.add(dataclasses.replace(earlier, reused=True))
        else:
            jobs.append(Job(name, RecordingRun(name, recording.path, folder / name)))
    paths = {recording.name: recording.path for recording in recordings}
    bar = tqdm(
        total=len(recordings),
        initial=len(recordings) - len(jobs),
        desc="inspecting",
        unit="recording",
        disable=not sys.stderr.isatty(),
        dynamic_ncols=True,
    )

    def note(name: str, state: str) -> None:
        record[name] = state
        write_whole(folder / RECORD, json.dumps(record, indent=1).encode())

    def begin(job: Job) -> None:
        note(job.key, BEGUN + requests[job.key])

    def finish(outcome: Outcome) -> None:
        result: RecordingResult = outcome.value or RecordingResult(
            outcome.key,
            str(paths[outcome.key]),
            *("failed", 1 if outcome.error is None else outcome.error.exit_code),
            error=f"{outcome.error}; `line-inspector recover {folder / outcome.key}` completes "
            "the results that it wrote; its frames are not in the totals",
        )
        summary.add(result)
        if result.status == "finished":
            note(result.name, requests[result.name])
        if result.status == "failed":
            logger.error("{}: {}", result.name, result.error)
        else:
            logger.info("{}: {}", result.name, result.describe())
        bar.update(1)

    shared = dataclasses.replace(config, fleet=type(config.fleet)())
    hooks = Hooks(begin, finish, signals)
    with contextlib.closing(bar):
        task = Task(FUNCTION, shared, "WARNING")
        outcomes = run_jobs(task, jobs, config.fleet, hooks, isolated=True)
    for outcome in outcomes:
        if outcome.not_started:
            path = str(paths[outcome.key])
            summary.add(RecordingResult(outcome.key, path, "not started", 0))


def _check(config: Config) -> None:
    check_keys(config)
    if config.window.show:
        raise ConfigError("--show needs one source: several recordings have no window")
    uses_outbox = bool(config.outputs) or config.explain.vlm.url is not None
    if uses_outbox and not config.fleet.is_loop:
        raise ConfigError(
            "outputs and explain.vlm: several workers cannot share an outbox: leave out --workers "
            "and --ray, or these outputs"
        )
    if config.triggers:
        raise ConfigError("triggers: nobody triggers the parts of recordings: leave out the list")
    check_report(config.report)


def _check_folders(
    folder: Path,
    config: Config,
    recordings: Sequence[Recording],
    record: dict[str, str],
    requests: dict[str, str],
) -> None:
    """Refuses folders with results of other runs, before anything is written."""
    inputs = [recording.path for recording in recordings]
    overwrite = config.output.overwrite
    check_folder(folder, overwrite=overwrite or bool(record), inputs=inputs)
    for recording in recordings:
        same = record.get(recording.name, "").removeprefix(BEGUN) == requests[recording.name]
        check_folder(folder / recording.name, overwrite=overwrite or same, inputs=inputs)


def _make_requests(config: Config, recordings: Sequence[Recording]) -> dict[str, str]:
    """What the results of each recording depend on, as one hash. Raises SpecError, ConfigError and
    SourceError."""
    plain = config.plain()
    for name in ("fleet", "log", "window", "report"):
        del plain[name]
    plain["source"] = plain["source"] | {"uri": None}
    plain["output"] = plain["output"] | {"dir": None, "overwrite": None}
    files = [config.engine.path, config.engine.fallback_path, config.calibration.path]
    files += [config.parts.triggers, config.tracking.encoder]
    hashes = [_hash(path) for path in files if path is not None]
    return {
        recording.name: hashlib.sha256(
            json.dumps([plain, hashes, hash_files([recording.path])], sort_keys=True).encode()
        ).hexdigest()
        for recording in recordings
    }


def _hash(path: str) -> str:
    if not Path(path).is_file():
        raise ConfigError(f"{path} does not exist or is no file")
    return file_hash(Path(path))


def _read_record(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        raw: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise ConfigError(
            f"{path} cannot be read: {exc}; name another --output, or delete it"
        ) from exc
    if not isinstance(raw, dict):
        raise ConfigError(f"{path} is no table of recordings; name another --output, or delete it")
    return {str(name): str(request) for name, request in raw.items()}


@contextlib.contextmanager
def _collect_signals(early: EarlySignals | None) -> Iterator[list[int]]:
    """The signals that arrived before and in the block. The workers get the same signals."""
    signals: list[int] = []

    def add(number: int, _: FrameType | None) -> None:
        signals.append(number)

    is_main = threading.current_thread() is threading.main_thread()
    before = {n: signal.signal(n, add) for n in (stopping_signals() if is_main else [])}
    if early is not None:
        signals[:0] = early.hand_over()
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
