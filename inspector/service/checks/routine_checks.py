"""The routine checks of a line."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from inspector.core.clock import ms_since, now_ns
from inspector.core.errors import ConfigError
from inspector.core.schema import build, suggest
from inspector.service.attendants import Guard
from inspector.service.checks.kinds import make_check
from inspector.service.checks.options import FOLDER
from inspector.service.checks.routine_check import RUNNING
from inspector.service.line_requests import Reply
from inspector.service.line_state import CheckState
from inspector.store.requests import Request

if TYPE_CHECKING:
    from inspector.service.line import Line

_PERIOD_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class CheckArguments:
    name: str


class RoutineChecks:
    """An attendant of the line, which does requests of the kind `check`. Without the list `checks`
    it does nothing."""

    def __init__(self, line: "Line") -> None:
        self._line = line
        self._checks = [
            make_check(options, line, self._is_free) for options in line.config.base.checks
        ]
        self._turned_ns = 0
        self._guards = [Guard(f"check {check.options.name}") for check in self._checks]
        line.desk.add_kind("check", self._start)
        line.attendants.add(self)

    @property
    def has_unsaved_miss(self) -> bool:
        return any(check.has_unsaved_miss for check in self._checks)

    def states(self) -> tuple[CheckState, ...]:
        """Any thread may call this."""
        return tuple(check.state() for check in self._checks)

    def turn(self) -> None:
        is_time = ms_since(self._turned_ns) > 1000 * _PERIOD_S
        if is_time:
            self._turned_ns = now_ns()
        for check, guard in zip(self._checks, self._guards, strict=True):
            # A check that is running sees each state of the line.
            if is_time or check.phase == RUNNING:
                with guard.survive():
                    check.save()
                    check.turn()

    def stop(self) -> None:
        for check in self._checks:
            check.stop()

    def _start(self, request: Request) -> Reply:
        name = build(CheckArguments, request.arguments, ConfigError, request.kind).name
        checks = {check.options.name: check for check in self._checks}
        if name not in checks:
            listed = ", ".join(checks) or "none"
            raise ConfigError(f"there is no check {name!r:.70}: {listed}{suggest(name, checks)}")
        return checks[name].start(request.who)

    def _is_free(self) -> bool:
        return not any(c.phase == RUNNING for c in self._checks if c.options.kind == FOLDER)
