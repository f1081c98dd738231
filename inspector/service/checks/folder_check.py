"""Starts the process of a routine check that judges pictures, and waits for its outcome."""

import contextlib
import json
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from inspector.config import Config, split_sources
from inspector.core.clock import ms_since, now_ns
from inspector.core.errors import DataError, InspectorError
from inspector.core.records import new_run_id
from inspector.core.schema import build
from inspector.core.types import SINGLE
from inspector.module_process import start_module
from inspector.outputs.run_folder import base_folder, remove_empty, reserve_folder
from inspector.service.checks.options import CheckOptions
from inspector.service.checks.pictures import CheckOrder, CheckOutcome
from inspector.sources.options import SourceOptions

FOLDER: Final = "checks"
"""Folder of the runs of checks, beside the runs of production."""

_WITHOUT: Final = ("tracking", "parts", "rolls", "explain", "report", "window", "fleet")
_LINE_ONLY: Final = ("service", "recipes", "store", "retention", "web", "checks", "sources")
_DEFAULT: Final = asdict(Config())


class FolderJob:
    """A running process. folder: of its results. Raises ConfigError if they cannot be written, and
    InspectorError if the process cannot start.

    config: of the line, with recipe and settings. content: see CheckOrder.
    """

    def __init__(
        self, config: Config, options: CheckOptions, recipe: str | None, content: str | None
    ) -> None:
        assert options.folder is not None
        base = base_folder(config.output.dir)
        self._pattern = str(base / FOLDER / options.name / "{date}" / "{time}")
        self.folder = reserve_folder(self._pattern, new_run_id())
        self._limit_s = 60 * options.minutes
        self._began_ns = now_ns()
        values = check_config(config, options.source, self.folder)
        order = CheckOrder(values, options.name, recipe, options.folder, content)
        try:
            self._process = start_module("inspector.service.checks.pictures", stdin=subprocess.PIPE)
        except InspectorError:
            remove_empty(self._pattern, self.folder)
            raise
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # poll() says that the process has ended
            self._process.stdin.write(json.dumps(asdict(order)))
            self._process.stdin.close()
        self._process.stdin = None

    def poll(self) -> CheckOutcome | None:
        """None while it judges."""
        if self._process.poll() is None:
            if ms_since(self._began_ns) < 1000 * self._limit_s:
                return None
            self.stop()
            text = f"the check was not done within {self._limit_s / 60:g} min"
            return CheckOutcome(passed=False, text=text)
        text, _ = self._process.communicate()
        remove_empty(self._pattern, self.folder)
        if self._process.returncode:
            text = f"the process of the check ended with code {self._process.returncode}"
            return CheckOutcome(passed=False, text=text)
        try:
            return build(CheckOutcome, json.loads(text), DataError, "the outcome")
        except ValueError as exc:
            text = f"the process of the check wrote no outcome: {exc}"
            return CheckOutcome(passed=False, text=text)

    def stop(self) -> None:
        """Ends the process without an outcome."""
        self._process.kill()
        self._process.communicate()
        remove_empty(self._pattern, self.folder)


def check_config(config: Config, source: str | None, folder: Path) -> dict[str, Any]:
    """The configuration of a run that judges single pictures as this source does.

    Engine, calibration, verdict, health and measuring are those of the line. What concerns a web,
    parts or other receivers is off, and so is the video. folder: of the results.
    """
    values = asdict(split_sources(config)[source or SINGLE])
    values |= {name: _DEFAULT[name] for name in (*_WITHOUT, *_LINE_ONLY) if name in _DEFAULT}
    values |= {"outputs": [], "fail_on_anomaly": False}
    values["log"] = values["log"] | {"path": None}
    # A picture that cannot be read is not FAIL; all of them must be named.
    reading = {key: values["source"][key] for key in ("bit_depth", "max_pixels")}
    values["source"] = asdict(SourceOptions()) | reading | {"max_unreadable": 1.0}
    output = values["output"]
    output |= {"dir": str(folder), "roll_map": False}
    for name in ("video", "originals", "four_points"):
        output[name] = output[name] | {"enabled": False}
    output["explained_pictures"] = output["explained_pictures"] | {"when": "none"}
    return values
