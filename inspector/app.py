"""Runs the command: reads options and configuration, runs a session, returns the exit code."""

import argparse
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from loguru import logger

from inspector.command_line import CommandParser, ShowVersion
from inspector.config import DEFAULT_FILE, find_config, load_config, parse_setting
from inspector.console import write_screen_line
from inspector.core.errors import ConfigError, InspectorError
from inspector.core.memory import share_heaps
from inspector.core.secrets import VISIBLE, mask_secrets, shows_secret
from inspector.early_signals import EarlySignals
from inspector.fleet.options import LOCAL
from inspector.logs import log_to_screen, start_logging
from inspector.recordings import find_recordings
from inspector.recordings_run import run_recordings
from inspector.service.notify import Notifier, take_notifier
from inspector.session import Session
from inspector.standard_streams import write_error
from inspector.state_outputs import make_state_outputs

FLAGS = {
    "source": "source.uri",
    "engine": "engine.path",
    "calibration": "calibration.path",
    "output": "output.dir",
    "overwrite": "output.overwrite",
    "on_parity_failure": "engine.on_parity_failure",
    "allow_aspect": "engine.allow_aspect",
    "show": "window.show",
    "workers": "fleet.workers",
    "ray": "fleet.ray",
    "fail_on_anomaly": "fail_on_anomaly",
}
"""Option -> the key of config.yaml that the option sets."""


def main(argv: list[str] | None = None, early: EarlySignals | None = None) -> int:
    """Runs the command and returns its exit code; docs/exit-codes.md lists the codes.

    argv: without the name of the program. early: the signals before the session handles them.
    """
    # Until the configuration is read, the first handler of loguru would show tracebacks.
    log_to_screen(write_screen_line)
    share_heaps()
    notifier = take_notifier(os.environ)
    try:
        arguments = _make_parser().parse_args(argv)
        path = find_config(arguments.config)
        overrides = _collect_overrides(arguments)
        config = load_config(path, overrides)
        start_logging(config.log, write=write_screen_line)
        _log_config_path(path)
        if config.is_line:
            return _run_line(path, overrides, early, notifier)
        recordings = find_recordings(config)
        states = make_state_outputs(config)
        session = None if recordings else Session(config, states=states)
        if shows_secret(overrides):
            logger.warning("{}", VISIBLE)
        if session is None and states.boards:
            logger.warning("the state outputs are not used: recordings drive no machine")
        if session is None:
            return run_recordings(config, recordings, early)
        if not config.fleet.is_loop:
            logger.warning("--workers and --ray have no effect: there are not several recordings")
        return session.run(early, notifier)
    except InspectorError as exc:
        write_error(f"error: {mask_secrets(str(exc))}")
        # The log file also gets the traceback, which explains later why the line stopped.
        traced = "".join(traceback.format_exception(exc)) if exc.__cause__ else str(exc)
        logger.bind(file_only=True).error("exit code {}: {}", exc.exit_code, traced)
        return exc.exit_code


def _run_line(
    path: Path | None,
    overrides: dict[str, Any],
    early: EarlySignals | None,
    notifier: Notifier,
) -> int:
    # A plain run needs no store.
    from inspector.service.attending import attend
    from inspector.service.line import Line
    from inspector.web.loading import start_web_view

    line = Line(lambda: load_config(path, overrides))
    attend(line, notifier)
    if shows_secret(overrides):
        logger.warning("{}", VISIBLE)
    web = line.config.base.web
    if web.port is not None:
        line.attendants.add(start_web_view(web, line.store.store, line))
    return line.run(early)


def _make_parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog=_program_name(),
        description="Inspects every frame of a video, a camera or a folder of pictures with an "
        "engine and writes the results. Every option is also a key of the configuration.",
    )
    parser.add_argument(
        "--source",
        several="list several sources in the configuration file under `sources:`",
        help="camera index, URL, video file, folder or glob of pictures, folder or glob of "
        "recordings (each gets its own result folder), or synthetic",
    )
    parser.add_argument("--engine", metavar="ENGINE.onnx", help="engine file")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE.yaml",
        help=f"configuration file; default: {DEFAULT_FILE} in the working directory",
    )
    parser.add_argument("--calibration", metavar="CAL.yaml", help="calibration file")
    parser.add_argument("--output", metavar="DIR", help="folder of the results")
    parser.add_argument(
        "--on-parity-failure",
        choices=("stop", "fallback"),
        help="what to do if the runtime does not give the results stored in the engine file",
    )
    parser.add_argument(
        "--allow-aspect",
        action="store_true",
        default=None,
        help="accept frames of another aspect ratio than the pictures of fitting",
    )
    parser.add_argument("--show", action="store_true", default=None, help="show a live view")
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="number of recordings that are inspected at the same time",
    )
    parser.add_argument(
        "--ray",
        nargs="?",
        const=LOCAL,
        metavar="ADDRESS",
        help="inspect recordings on the Ray cluster at this address; without an address, start Ray "
        "on this machine (needs the extra fleet)",
    )
    parser.add_argument("--no-video", action="store_true", help="do not write annotated.mp4")
    parser.add_argument(
        "--overwrite", action="store_true", default=None, help="remove earlier results first"
    )
    parser.add_argument(
        "--fail-on-anomaly",
        action="store_true",
        default=None,
        help="exit code 3 if any frame is FAIL or ERROR",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY.PATH=VALUE",
        help="set a key of config.yaml",
    )
    parser.add_argument("--version", action=ShowVersion)
    return parser


def _program_name() -> str:
    """The command that the user typed. The usage line shows it."""
    command = Path(sys.argv[0]).stem
    return "line-inspector run" if command == "line-inspector" else "run_inspector.py"


def _collect_overrides(arguments: argparse.Namespace) -> dict[str, Any]:
    """Raises ConfigError for a key that gets two values."""
    options = [
        (FLAGS[option], value)
        for option in FLAGS
        if (value := getattr(arguments, option)) is not None
    ]
    if arguments.no_video:
        options.append(("output.video.enabled", False))
    overrides: dict[str, Any] = {}
    for key, value in [*map(parse_setting, arguments.set), *options]:
        if key in overrides and overrides[key] != value:
            raise ConfigError(
                f"the command line sets {key} to two values: leave one of the options out"
            )
        for earlier in overrides:
            if earlier.startswith(f"{key}."):
                raise ConfigError(
                    f"--set {key} would replace {earlier}, which is set before: name it last"
                )
        overrides[key] = value
    return overrides


def _log_config_path(path: Path | None) -> None:
    if path is None:
        logger.info("there is no configuration file: the defaults are used")
    else:
        logger.info("configuration file: {}", path.resolve())
