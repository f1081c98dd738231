"""Inspects one of many recordings, in a worker process."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from inspector.config import Config
from inspector.core.errors import InspectorError
from inspector.core.memory import share_heaps
from inspector.core.secrets import mask_secrets
from inspector.early_signals import Stopped, stop_early
from inspector.outputs.folder import SUMMARY, ResultFolder
from inspector.recordings_summary import RecordingResult, read_result
from inspector.session import Session


@dataclass(frozen=True, slots=True)
class RecordingRun:
    """name: of the recording. folder: of its results."""

    name: str
    path: Path
    folder: Path


def run_recording(shared: Config, run: RecordingRun) -> RecordingResult:
    """Inspects a recording like the command `run --source PATH --output FOLDER`.

    Results that a worker wrote before it died, or an earlier call, are replaced. Every
    InspectorError becomes part of the result.
    """
    share_heaps()
    config = dataclasses.replace(
        shared,
        source=dataclasses.replace(shared.source, uri=str(run.path)),
        output=dataclasses.replace(shared.output, dir=str(run.folder)),
    )
    code, error, is_cleared = 0, None, False
    try:
        with stop_early() as early:
            _clear(run.folder)
            is_cleared = True
            code = Session(config).run(early)
    except Stopped as stop:
        code = stop.exit_code
    except InspectorError as exc:
        code, error = exc.exit_code, mask_secrets(str(exc))
    result = read_result(run.name, run.folder / SUMMARY) if is_cleared else None
    if result is not None:
        return dataclasses.replace(result, exit_code=code, error=error)
    status = "failed" if error is not None else "stopped"
    return RecordingResult(run.name, str(run.path), status, code, error=error)


def _clear(folder: Path) -> None:
    """Removes the results of a worker that died. The folder was checked before."""
    results = ResultFolder(folder, overwrite=True)
    results.lock()
    results.clear()
    results.close()
