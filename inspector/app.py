"""The command that inspects: reads options and configuration, runs a session, returns its code."""

import argparse
import sys
import traceback
from pathlib import Path
from typing import Any

from loguru import logger

from inspector.config import DEFAULT_FILE, load_config, parse_setting
from inspector.console import screen_line
from inspector.core.errors import InspectorError
from inspector.logs import open_missing_streams, start_logging
from inspector.run import share_heaps
from inspector.session import INTERRUPTED, Session
from inspector.sources.uri import mask_secrets

FLAGS = {
    "source": "source.uri",
    "engine": "engine.path",
    "calibration": "calibration.path",
    "output": "output.dir",
    "overwrite": "output.overwrite",
    "on_parity_failure": "engine.on_parity_failure",
    "show": "window.show",
    "fail_on_anomaly": "fail_on_anomaly",
}
"""Option -> the key of config.yaml that it sets."""


def main(argv: list[str] | None = None) -> int:
    """argv without the program's name. The exit codes are those of docs/exit-codes.md."""
    open_missing_streams()
    share_heaps()
    try:
        arguments = _make_parser().parse_args(argv)
        path = _find_config(arguments.config)
        config = load_config(path, _collect_overrides(arguments))
        start_logging(config.log, write=screen_line)
        _log_origin(path)
        return Session(config).run()
    except InspectorError as exc:
        sys.stderr.write(f"error: {mask_secrets(str(exc))}\n")
        # The log file also gets the traceback, for the person who later finds the line stopped.
        traced = "".join(traceback.format_exception(exc)) if exc.__cause__ else str(exc)
        logger.bind(file_only=True).error("exit code {}: {}", exc.exit_code, traced)
        return exc.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return INTERRUPTED


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_program_name(),
        description="Inspects every frame of a video, a camera or a folder of pictures with an "
        "engine and writes the results. Every option is also a key of the configuration.",
    )
    parser.add_argument("--source", help="camera index, URL, video file, folder, glob or synthetic")
    parser.add_argument("--engine", metavar="ENGINE.onnx")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE.yaml",
        help=f"configuration; without it, {DEFAULT_FILE} of the working directory is read",
    )
    parser.add_argument("--calibration", metavar="CAL.yaml")
    parser.add_argument("--output", metavar="DIR")
    parser.add_argument(
        "--on-parity-failure",
        choices=("stop", "fallback"),
        help="if the backend does not reproduce the engine's golden pictures",
    )
    parser.add_argument("--show", action="store_true", default=None, help="live view")
    parser.add_argument("--no-video", action="store_true", help="no annotated.mp4")
    parser.add_argument("--overwrite", action="store_true", default=None)
    parser.add_argument(
        "--fail-on-anomaly", action="store_true", default=None, help="exit 3 on any FAIL or ERROR"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY.PATH=VALUE", help="any key of the config"
    )
    return parser


def _program_name() -> str:
    """How the user started the command, for its usage line."""
    command = Path(sys.argv[0]).stem
    return "line-inspector run" if command == "line-inspector" else "run_inspector.py"


def _collect_overrides(arguments: argparse.Namespace) -> dict[str, Any]:
    overrides: dict[str, Any] = dict(parse_setting(text) for text in arguments.set)
    for option, key in FLAGS.items():
        if (value := getattr(arguments, option)) is not None:
            overrides[key] = value
    if arguments.no_video:
        overrides["output.video.enabled"] = False
    return overrides


def _find_config(path: Path | None) -> Path | None:
    """The file to read; None where the defaults hold."""
    return DEFAULT_FILE if path is None and DEFAULT_FILE.exists() else path


def _log_origin(path: Path | None) -> None:
    if path is None:
        logger.info("no configuration file: the defaults hold")
    else:
        logger.info("the configuration is {}", path.resolve())
