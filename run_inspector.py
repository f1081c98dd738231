"""Inspects a video, a camera or pictures: argv -> config -> pipeline -> exit code."""

import argparse
import os
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from loguru import logger

from inspector.build import build
from inspector.config import Config, load_config, parse_setting
from inspector.console import Progress, screen_line
from inspector.core.arrays import Image
from inspector.core.channel import Channel
from inspector.core.errors import ConfigError, InspectorError, SinkError
from inspector.core.protocols import Picture
from inspector.core.types import Inspection
from inspector.logs import open_missing_streams, start_logging
from inspector.outputs.window import CLOSE, PAUSE, QUIT, Window
from inspector.run import Run, share_heaps
from inspector.sources.uri import mask_secrets

ANOMALY, INTERRUPTED = 3, 130
STOPPING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Signals that end a run in good order."""

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
        config = _config(argv)
        log = config.log
        start_logging(
            log.level,
            None if log.path is None else Path(log.path),
            rotation_mb=log.rotation_mb,
            keep=log.keep,
            write=screen_line,
        )
        return _Session(config).run()
    except InspectorError as exc:
        print(f"error: {mask_secrets(str(exc))}", file=sys.stderr)
        # The log says it too, with where it came from, for whoever finds the machine stopped.
        traced = "".join(traceback.format_exception(exc)) if exc.__cause__ else str(exc)
        logger.bind(file_only=True).error("exit code {}: {}", exc.exit_code, traced)
        return exc.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def _config(argv: list[str] | None) -> Config:
    parser = argparse.ArgumentParser(
        prog="run_inspector.py",
        description="Judges every frame of a video, a camera or a folder with an engine and writes "
        "what it found. Every option is also a key of the configuration.",
    )
    parser.add_argument("--source", help="camera index, URL, video file, folder, glob or synthetic")
    parser.add_argument("--engine", metavar="ENGINE.onnx")
    parser.add_argument("--config", type=Path, metavar="config.yaml")
    parser.add_argument("--calibration", metavar="CAL.yaml")
    parser.add_argument("--output", metavar="DIR")
    parser.add_argument(
        "--on-parity-failure",
        choices=("stop", "fallback"),
        help="where the backend does not reproduce the engine's golden pictures",
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
    given = parser.parse_args(argv)
    overrides: dict[str, Any] = dict(parse_setting(text) for text in given.set)
    for option, key in FLAGS.items():
        if (value := getattr(given, option)) is not None:
            overrides[key] = value
    if given.no_video:
        overrides["output.video.enabled"] = False
    return load_config(given.config, overrides)


def _window() -> Window:
    """Asked of the environment first, for SDL writes lines of its own where nothing answers."""
    names = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")
    if sys.platform.startswith("linux") and not any(map(os.environ.get, names)):
        raise ConfigError("--show: there is no display (DISPLAY and WAYLAND_DISPLAY are not set)")
    return Window("inspector")


class _Session:
    """Runs the pipeline on its threads; window, signals and progress on this one."""

    def __init__(self, config: Config) -> None:
        self._config = config
        # Refused here where there is no display: before the source is opened.
        self._window = _window() if config.window.show else None
        self._view: Channel[Image] = Channel(1, drop_oldest=True)
        self._signals: list[int] = []
        self._quit = False
        self._waiting = False
        self._run: Run = build(config, [self._to_window] if self._window else [])
        self._pipeline = self._run.pipeline

    def run(self) -> int:
        before = {n: signal.signal(n, self._on_signal) for n in STOPPING}
        try:
            # The summary is written in here too: one more signal must not cost it.
            return self._end(self._run_to_its_end())
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _run_to_its_end(self) -> InspectorError | None:
        """What it failed of."""
        error: InspectorError | None = None
        ended = False
        try:
            self._drive()
            ended = True
        except InspectorError as exc:
            error, ended = exc, True
        finally:
            if not ended:
                # A fault of this thread must cost no result of the others.
                self._abandon()
            if self._window is not None:
                self._window.close()
        return error

    def _drive(self) -> None:
        self._pipeline.start()
        progress = Progress(self._run.info.source, self._pipeline.stats)
        try:
            while self._goes_on():
                progress.update()
                self._obey_signals()
                self._obey_window()
        finally:
            progress.close()
        self._pipeline.finish()

    def _goes_on(self) -> bool:
        # Python takes a thread for ended when an exception reaches whoever waits for it.
        self._waiting = True
        try:
            return not self._pipeline.wait(0.03 if self._window else 0.1)
        finally:
            self._waiting = False

    def _abandon(self) -> None:
        self._pipeline.abort()
        try:
            self._pipeline.finish()
        except InspectorError as exc:
            logger.error("{}", exc)
        if self._pipeline.reporting:
            self._run.write_summary("failed", 1, "the main thread failed")

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        self._signals.append(number)
        if len(self._signals) > 2 and not self._waiting:
            raise KeyboardInterrupt

    def _obey_signals(self) -> None:
        """The first asks for an orderly end, the second throws away what is on its way, the third
        gives up."""
        if len(self._signals) > 2:
            raise KeyboardInterrupt
        if len(self._signals) == 1:
            self._pipeline.stop()
        elif self._signals:
            self._pipeline.abort()

    def _to_window(self, _: Inspection, picture: Picture) -> None:
        if self._window is not None:
            self._view.put(picture.bgr())

    def _obey_window(self) -> None:
        """A window that fails is closed; the inspection goes on without it."""
        if self._window is None:
            return
        asked: set[str] = set()
        try:
            image = self._view.get(timeout_s=0)
            if isinstance(image, np.ndarray) and not self._window.paused:
                self._window.show(image)
            asked = self._window.poll()
        except SinkError as exc:
            logger.warning("the window is closed: {}", exc)
            asked = {CLOSE}
        if PAUSE in asked:
            self._pipeline.pause(self._window.paused)
        if QUIT in asked:
            self._quit = True
            self._pipeline.stop()
        if CLOSE in asked:
            self._window.close()
            self._window = None
            self._view.close()
            self._pipeline.pause(False)

    def _end(self, error: InspectorError | None) -> int:
        stats = self._pipeline.stats
        code, status = 0, "stopped" if self._signals or self._quit else "finished"
        error = error or self._run.nothing_inspected()
        if error is not None:
            code, status = error.exit_code, "failed"
        elif signal.SIGINT in self._signals:
            code = INTERRUPTED
        elif self._config.fail_on_anomaly and stats.failed + stats.errored > 0:
            code = ANOMALY
        sentence = None if error is None else mask_secrets(str(error))
        if self._pipeline.reporting:
            try:
                self._run.write_summary(status, code, sentence)
            except SinkError as exc:
                if error is None:
                    raise
                logger.error("{}", exc)
        if error is not None:
            raise error
        self._tell()
        return code

    def _tell(self) -> None:
        stats = self._pipeline.stats
        logger.info(
            "{}; {} failed; {:.1f} frames per s; results in {}",
            stats.equation(),
            stats.failed,
            stats.frames_per_s,
            self._run.info.output_dir,
        )


if __name__ == "__main__":
    sys.exit(main())
