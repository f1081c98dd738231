"""Starts a refit in another process with low priority, so that it does not slow the inspection."""

import json
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engines.engine_changes import candidate_path
from inspector.core.clock import ms_since, now_ns
from inspector.core.errors import EngineError
from inspector.core.mode import check_open
from inspector.module_process import start_module
from inspector.teaching.options import TeachingOptions

PRIORITY: Final = 15
"""Nice value of the process, 0 to 19."""

MOST_TEXT: Final = 4000
"""Characters of its messages that are returned, from the end."""

_SILENT: Final = "it reads the engine and the pictures"
_LEVEL: Final = re.compile(r"^[A-Z]+ +(refit: )?")


@dataclass(frozen=True, slots=True)
class RefitOutcome:
    """How a refit ended. done: there is a candidate. text: for people; the reason if there is none.
    candidate, page: its file and the page of the comparison. result: the JSON values of
    docs/teaching.md. All three are None if there is no candidate."""

    done: bool
    text: str
    candidate: Path | None = None
    page: Path | None = None
    result: dict[str, Any] | None = None


class RefitProcess:
    """A refit that works in another process. Use it from one thread. Raises EngineError if it
    cannot start."""

    def __init__(self, engine: Path, arguments: Sequence[str], limit_s: float) -> None:
        self._candidate = candidate_path(engine)
        self._json = self._candidate.with_suffix(".json")
        self._log = self._candidate.with_suffix(".log")
        self._limit_s, self._began_ns = limit_s, now_ns()
        self._outcome: RefitOutcome | None = None
        try:
            with self._log.open("wb") as log:  # a full pipe would stop the process
                self._process = start_module(
                    "tools",
                    "refit",
                    str(engine),
                    *arguments,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    variables={"OPENBLAS_NUM_THREADS": "1"},
                )
        except OSError as exc:
            raise EngineError(f"the refit of {engine} cannot start: {exc}") from exc
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, PRIORITY)

    def poll(self) -> RefitOutcome | None:
        """The outcome; None while the refit works. A refit that works longer than limit_s is ended
        without a candidate."""
        if self._outcome is None and self._process.poll() is not None:
            self._outcome = self._read()
        elif self._outcome is None and ms_since(self._began_ns) > 1000 * self._limit_s:
            self.stop()
            text = f"the refit was not done within {self._limit_s / 60:g} min (teaching.minutes)"
            self._outcome = RefitOutcome(False, text)
        return self._outcome

    def last_line(self) -> str:
        """What the refit said last, without level and command."""
        try:
            lines = self._log.read_text(encoding="utf-8", errors="replace").split("\n")
        except OSError:
            return _SILENT
        last = next((line for line in reversed(lines) if line.strip()), _SILENT)
        return _LEVEL.sub("", last).strip()

    def wait(self, timeout_s: float | None = None) -> RefitOutcome:
        """Raises EngineError if it takes longer."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired as exc:
            raise EngineError(f"the refit takes longer than {timeout_s:g} s") from exc
        outcome = self.poll()
        assert outcome is not None
        return outcome

    def stop(self) -> None:
        """Ends the refit, if it still works. The engine is not changed."""
        self._process.kill()
        self._process.wait()

    def _read(self) -> RefitOutcome:
        try:
            text = self._log.read_text(encoding="utf-8", errors="replace").strip()[-MOST_TEXT:]
            if self._process.returncode != 0:
                return RefitOutcome(False, text or f"it ended with code {self._process.returncode}")
            result = json.loads(self._json.read_text(encoding="utf-8"))
        except (OSError, ValueError) as exc:
            return RefitOutcome(False, f"the result of the refit cannot be read: {exc}")
        return RefitOutcome(
            True, text, self._candidate, self._candidate.with_suffix(".html"), result
        )


def start_refit(
    engine: Path,
    *,
    mode: str,
    options: TeachingOptions,
    store: Path | None = None,
    normal: Sequence[Path] = (),
) -> RefitProcess:
    """Starts `line-inspector refit` for the engine.

    store: its answers "fine" and "missed" are used. normal: more pictures of good product. Raises
    ConfigError in the mode locked, and EngineError if no process can start.
    """
    check_open(mode)
    # The mode was checked here; the working folder may have the configuration of another line.
    arguments = ["--config", os.devnull, "--threads", str(options.threads)]
    arguments += ["--compare", str(options.compare)]
    if store is not None:
        arguments += ["--store", str(store)]
    if named := [*options.normal, *map(str, normal)]:
        arguments += ["--normal", *named]
    if options.full:
        arguments.append("--full")
    return RefitProcess(engine, arguments, 60 * options.minutes)
