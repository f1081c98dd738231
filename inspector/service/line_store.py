"""The store of a line: its requests and changes, and the logs of its runs."""

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from loguru import logger

from inspector.config import Config
from inspector.core.errors import SinkError
from inspector.core.files import sole_writer
from inspector.core.types import SINGLE, RunInfo
from inspector.outputs.run_folder import base_folder
from inspector.run_link import find_changes
from inspector.service.last_runs import UNKNOWN, find_askers, find_last_runs
from inspector.store.alarms import acknowledge_alarm, is_release_locked, raise_alarm
from inspector.store.audit import add_change
from inspector.store.database import Store
from inspector.store.follower import Follower
from inspector.store.requests import Request, answer_request, expire_requests, take_requests

FILE = "store.sqlite"


def store_path(config: Config) -> Path:
    """The file of the store of a line."""
    if config.store.path is not None:
        return Path(config.store.path)
    return base_folder(config.output.dir) / FILE


class LineStore:
    """A disk that fails does not stop the inspection: there are no requests then, with one line in
    the log. Raises ConfigError if the store cannot be opened, or if another line uses it.

    last_runs: name of a source -> its last run in production.
    """

    def __init__(self, config: Config) -> None:
        path = store_path(config)
        self.folder = path.parent
        self._lock = contextlib.ExitStack()
        self._lock.enter_context(sole_writer(self.folder))
        self.store = Store(path, thorough=True)
        self._follower: Follower | None = None
        self._failure: str | None = None
        self._follower_failure: str | None = None
        expire_requests(self.store)
        names = [entry.name for entry in config.sources] or [SINGLE]
        self.last_runs: Mapping[str, RunInfo] = find_last_runs(self.store, names)
        if config.store.enabled or config.web.port is not None:
            most = config.store.max_inspections
            self._follower = Follower(self.store, max_inspections=most)
            self._follower.catch_up()

    @property
    def is_release_locked(self) -> bool:
        """Whether an alarm forbids to release products. Raises SinkError."""
        return is_release_locked(self.store)

    def follow(self, folder: Path) -> None:
        """Reads the logs of a session from now on. folder: of its results."""
        if self._follower is not None:
            self._follower.watch(folder)

    def leave(self, folder: Path | None) -> None:
        """See Follower.leave()."""
        if self._follower is not None:
            self._follower.leave(folder)

    def take(self) -> list[Request]:
        """The requests since the last call."""
        try:
            self._report_follower()
            requests = take_requests(self.store)
        except SinkError as exc:
            self._note(exc)
            return []
        self._failure = None
        return requests

    def answer(self, request: Request, *, done: bool, text: str) -> None:
        """text: a sentence."""
        try:
            answer_request(self.store, request.number, done=done, text=text)
        except SinkError as exc:
            self._note(exc)

    def acknowledge(self, alarm: Any, *, who: str, note: str | None) -> None:
        """alarm: its number. Raises ConfigError."""
        acknowledge_alarm(self.store, alarm, who=who, note=note)

    def record(self, who: str, what: str, old: Any, new: Any, why: str | None) -> None:
        """Adds one entry to the audit trail."""
        try:
            add_change(self.store, who=who, what=what, old=old, new=new, why=why)
        except SinkError as exc:
            self._note(exc)

    def find_askers(self) -> tuple[str, str | None]:
        """Who asked for changes since the last runs began, and why."""
        try:
            return find_askers(self.store, self.last_runs)
        except SinkError as exc:
            self._note(exc)
            return UNKNOWN, None

    def record_changes(
        self,
        before: Mapping[str, RunInfo],
        after: Iterable[RunInfo],
        *,
        who: str,
        why: str | None,
    ) -> None:
        """Adds each setting that differs between two runs to the audit trail. before: by name of
        the source; a source without one is left out. A change of all sources is one entry."""
        entries: dict[str, list[tuple[str, Any, Any]]] = {}
        for info in [info for info in after if info.source_name in before]:
            for key, (old, new) in find_changes(before[info.source_name], info).items():
                entries.setdefault(key, []).append((info.source_name, old, new))
        for key, changes in entries.items():
            first = changes[0][1:]
            if len(changes) == len(before) and all(change[1:] == first for change in changes):
                self.record(who, key, *first, why)
            else:
                for source, old, new in changes:
                    self.record(who, f"{source}: {key}", old, new, why)

    def close(self) -> None:
        if self._follower is not None:
            self._follower.stop()
        self.store.close()
        self._lock.close()

    def _report_follower(self) -> None:
        """Raises SinkError; it is then tried again."""
        failure = None if self._follower is None else self._follower.failure
        if failure is not None and failure != self._follower_failure:
            text = f"the store does not get the inspections, the logs are complete: {failure}"
            raise_alarm(self.store, kind="store", text=text)
        self._follower_failure = failure

    def _note(self, exc: SinkError) -> None:
        if self._failure is None:
            logger.error("the store fails, inspecting continues: {}", exc)
        self._failure = str(exc)
