"""One routine check: its schedule, its results, and the alarm after a missed one."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final

from loguru import logger

from inspector.core.clock import now_ns, utc_text, wall_ms
from inspector.service.checks.options import CheckOptions
from inspector.service.checks.schedule import make_schedule
from inspector.service.line_requests import Reply
from inspector.service.line_state import CheckState
from inspector.store.alarms import raise_alarm
from inspector.store.checks import add_check_result, find_last_result

if TYPE_CHECKING:
    from inspector.service.line import Line

IDLE: Final = "idle"
WAITING: Final = "waiting"
RUNNING: Final = "running"

_LATE_MS: Final = 300_000
"""A check that begins later than this after its time says so."""


class RoutineCheck(ABC):
    """The main thread of the line calls all methods but state(), which any thread may call.

    Raises SinkError if the store cannot be read.
    """

    def __init__(self, options: CheckOptions, line: "Line") -> None:
        self.options = options
        self.line = line
        self.store = line.store.store
        self.phase = IDLE
        self.task: str | None = None
        """What people have to do now, as a sentence."""
        self.last = find_last_result(self.store, options.name)
        self.last_scheduled = find_last_result(self.store, options.name, scheduled_only=True)
        last_ms = None if self.last_scheduled is None else self.last_scheduled.slot_ms
        self._was_done = self.last_scheduled is not None
        self._schedule = make_schedule(options, last_ms, wall_ms(), now_ns())
        self._unsaved: list[dict[str, Any]] = []
        """The results that the store has not got yet."""

    @property
    def has_unsaved_miss(self) -> bool:
        """Whether a missed check has no alarm yet, because the store cannot be written."""
        return any(not values["passed"] for values in self._unsaved)

    @property
    def is_due(self) -> bool:
        return self._schedule.due(wall_ms(), now_ns()) is not None

    @abstractmethod
    def turn(self) -> None:
        """Called about twice a second, and on each turn of the line while the check is running. It
        must return at once. Raises SinkError."""

    @abstractmethod
    def start(self, who: str) -> Reply:
        """A person asks for the check. Raises ConfigError if it cannot be done now."""

    def stop(self) -> None:  # noqa: B027
        """The line ends. A check without an outcome has no result; it is due at the next start."""

    def state(self) -> CheckState:
        last = self.last
        next_ms = self._schedule.next(wall_ms(), now_ns())
        return CheckState(
            name=self.options.name,
            kind=self.options.kind,
            state=self.phase,
            task=self.task,
            next_utc=None if next_ms is None else utc_text(next_ms),
            last_utc=None if last is None else last.wall_time_utc,
            last_passed=None if last is None else last.passed,
            last_text=None if last is None else last.text,
        )

    def finish(
        self, *, passed: bool, text: str, fulfils: bool = True, late: str = "", **values: Any
    ) -> None:
        """Keeps a result. fulfils: it is that of the schedule. late: see late_text(). values: see
        CheckResult. Raises SinkError; it is then tried again by save()."""
        self.phase, self.task = IDLE, None
        if fulfils:
            values["slot_ms"] = self._schedule.done(wall_ms(), now_ns())
            self._was_done = True
        text += late
        log = logger.info if passed else logger.error
        log("check {}: {}: {}", self.options.name, "passed" if passed else "missed", text)
        named = {"name": self.options.name, "kind": self.options.kind, "passed": passed}
        self._unsaved.append(named | {"text": text} | values)
        self.save()

    def save(self) -> None:
        """Stores the results that are not stored yet. Raises SinkError."""
        if not self._unsaved:
            return
        while self._unsaved:
            values = self._unsaved[0]
            # The alarm comes first. After a kill in between, the check is due again.
            if not values["passed"]:
                number = raise_alarm(
                    self.store,
                    kind=f"check {self.options.name}",
                    text=f"routine check {self.options.name}: {values['text']}",
                    locks_release=True,
                )
                logger.error("alarm {} locks the release until it is acknowledged", number)
            add_check_result(self.store, **values)
            self._unsaved.pop(0)
        self.last = find_last_result(self.store, self.options.name)

    def late_text(self) -> str:
        """End of a text about a check that begins now, if it begins late: when it was due."""
        now = wall_ms()
        due_ms = self._schedule.due(now, now_ns())
        if due_ms is None or now - due_ms < _LATE_MS or not self._was_done:
            return ""
        return f"; it was due at {utc_text(due_ms)}"
