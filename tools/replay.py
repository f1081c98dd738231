"""Judges the recorded frames of a run again, and compares the results."""

import argparse
import itertools
import sys
from pathlib import Path
from typing import Any

from evaluation.replay.page import write_page
from evaluation.replay.rebuild import ReplayOptions
from evaluation.replay.recorded import RecordedRun, read_runs
from evaluation.replay.result_file import write_result
from evaluation.replay.running import ReplayResult, replay_run
from evaluation.replay.wording import describe_changes, describe_log
from inspector.command_line import CommandParser
from inspector.config import parse_setting
from inspector.core.errors import ConfigError
from inspector.core.memory import share_heaps
from tools._cli import guarded, program

DIFFERENT = 1


@guarded
def main(argv: list[str] | None = None) -> int:
    share_heaps()
    arguments = _parser().parse_args(argv)
    runs = read_runs(arguments.run)
    options = ReplayOptions(
        source=arguments.source,
        engine=arguments.engine,
        calibration=arguments.calibration,
        settings=_read_settings(arguments.set),
    )
    if arguments.source is not None and len(runs) > 1:
        raise ConfigError(
            "--source cannot be used with a run of several sources: replay each source"
        )
    out = arguments.out or _new_folder(arguments.run)
    several = len(runs) > 1
    results = [_replay(run, options, out / run.folder.name if several else out) for run in runs]
    return DIFFERENT if any(r.log is not None and not r.log.identical for r in results) else 0


def _replay(run: RecordedRun, options: ReplayOptions, out: Path) -> ReplayResult:
    result = replay_run(run, options, out)
    lines = [f"{run.folder}: {run.frames} frames", *(f"note: {each}" for each in result.notes)]
    if result.log is not None:
        lines += describe_log(result.log)
    paths = [write_result(result)]
    if result.changes is not None:
        lines += describe_changes(result)
        paths.append(write_page(result))
    print("\n".join(lines))
    print(f"written to {' and '.join(map(str, paths))}")
    return result


def _read_settings(texts: list[str]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for key, value in map(parse_setting, texts):
        if key in settings and settings[key] != value:
            raise ConfigError(f"the command line sets {key} to two values: leave one out")
        settings[key] = value
    return settings


def _new_folder(run: Path) -> Path:
    """The first of RUN-replay, RUN-replay-2 and so on that does not exist."""
    folder = (run if run.is_dir() else run.parent).resolve()
    names = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
    paths = (folder.with_name(f"{folder.name}-replay{name}") for name in names)
    return next(path for path in paths if not path.exists())


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(prog=program("replay"), description=__doc__)
    add = parser.add_argument
    add("run", type=Path, metavar="RUN", help="output folder of a run, or of all its sources")
    add("--engine", type=Path, metavar="ENGINE.onnx", help="judge with this engine")
    add("--calibration", type=Path, metavar="CAL.yaml", help="measure with this calibration")
    add("--source", help="where the source is now, if it was moved")
    add("--out", type=Path, metavar="DIR", help="new folder of the results; default: RUN-replay")
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY.PATH=VALUE",
        help="judge with another value of a key of config.yaml",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
