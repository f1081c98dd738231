"""Does the requests to a running line, one change after the other, and answers them."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from loguru import logger

from inspector.core.clock import ms_since, now_ns
from inspector.core.errors import ConfigError, InspectorError
from inspector.core.mode import LOCKED_KINDS, check_open
from inspector.core.schema import build
from inspector.service.line_state import describe
from inspector.service.preparing import Plan
from inspector.service.settings import ThresholdSetting
from inspector.service.stale_requests import refuse_stale
from inspector.store.requests import Request

if TYPE_CHECKING:
    from inspector.service.line import Line

PERIOD_S: Final = 0.2
"""Time between two looks for requests."""

AT_ONCE: Final = ("stop", "acknowledge", "status")
"""Kinds that do not wait for a change that is being prepared."""

PROGRAM: Final = "line-inspector"
"""Who changes something without a request of a person."""


@dataclass(frozen=True, slots=True)
class RecipeArguments:
    """source: the one that uses the recipe from now on; None: all sources use it."""

    name: str
    source: str | None = None


@dataclass(frozen=True, slots=True)
class AlarmArguments:
    """alarm: its number. note: what the person found."""

    alarm: int
    note: str | None = None


@dataclass(frozen=True, slots=True)
class NoArguments:
    pass


@dataclass(frozen=True, slots=True)
class Reply:
    """The result of a request. text: the answer. renews: a new session begins, which reads recipe
    and engine again; the answer is given when it has begun. undo: called if it cannot begin.
    check: name of the routine check that this session is; None: it is production."""

    text: str
    renews: bool = False
    undo: Callable[[], None] | None = None
    check: str | None = None


Handler = Callable[[Request], Reply]
"""Does a request of another part of the program. Raises InspectorError to refuse it."""


class RequestDesk:
    """The requests of a line. The main thread calls all methods."""

    def __init__(self, line: "Line") -> None:
        self._line = line
        self._waiting: deque[Request] = deque()
        self._looked_ns = 0
        self._renewed_ns = now_ns()
        self._reloads_done = 0
        self._do: dict[str, Callable[[Request], None]] = {
            "recipe": self._change_recipe,
            "thresholds": self._change_thresholds,
            "reload": self._reload,
            "start": self._start,
            "stop": self._stop,
            "acknowledge": self._acknowledge,
            "status": self._status,
        }

    def add_kind(self, kind: str, handle: Handler) -> None:
        """From now on requests of this kind are done by `handle`."""
        self._do[kind] = partial(self._hand_on, handle)

    def note_new_run(self) -> None:
        """The time until the next rotation begins."""
        self._renewed_ns = now_ns()

    def turn(self) -> None:
        """Does what came, as far as possible now: a SIGHUP, a rotation and requests."""
        line = self._line
        if self._reloads_done < line.reloads and not line.is_changing:
            self._reloads_done = line.reloads
            self._reload_on_hangup()
        hours = line.plan.base.service.rotate_hours
        is_due = hours is not None and ms_since(self._renewed_ns) > hours * 3.6e6
        if is_due and line.is_running and not line.is_changing:
            self.note_new_run()  # if it fails, it is tried again after the same time
            self._change(self._next_plan(PROGRAM, "rotation", "a new run began"))
        self._serve_all()

    def _serve_all(self) -> None:
        if ms_since(self._looked_ns) > PERIOD_S * 1e3:
            self._looked_ns = now_ns()
            self._waiting.extend(self._line.store.take())
        for request in list(self._waiting):
            if request.kind in AT_ONCE or not self._line.is_changing:
                self._waiting.remove(request)
                self._serve(request)

    def refuse_waiting(self) -> None:
        """Answers what cannot be done any more, because the line ends."""
        while self._waiting:
            self._refuse(self._waiting.popleft(), "the line has ended")

    def _reload_on_hangup(self) -> None:
        """Reads the configuration again, without a request."""
        try:
            self._change(self._plan_reload(None, PROGRAM, "SIGHUP"))
        except (InspectorError, OSError) as exc:
            logger.error("SIGHUP: {}", exc)

    def end_check(self) -> None:
        """Goes on with production."""
        text = f"the check {self._line.plan.check} is over"
        self._change(self._next_plan(PROGRAM, text, text, check=None))

    def answer(self, plan: Plan, *, done: bool, text: str) -> None:
        """The end of a change."""
        if plan.undo is not None and not done:
            try:
                plan.undo()
            except (InspectorError, OSError) as exc:
                text = f"{text}; but this could not be taken back: {exc}"
        if plan.request is not None:
            self._line.store.answer(plan.request, done=done, text=text)
        if done:
            logger.info("{} ({}: {})", text, plan.who, plan.why or "no reason given")
        else:
            logger.error("{} ({}: {})", text, plan.who, plan.why or "no reason given")

    def _serve(self, request: Request) -> None:
        do = self._do.get(request.kind)
        try:
            if do is None:
                raise ConfigError(f"this line cannot do {request.kind!r:.70}")
            if request.kind in LOCKED_KINDS:
                check_open(self._line.plan.base.mode)
            do(
                refuse_stale(request, self._line.state())
                if "expected" in request.arguments
                else request
            )
        except (InspectorError, OSError) as exc:
            self._refuse(request, str(exc))

    def _refuse(self, request: Request, text: str) -> None:
        logger.error("{} ({}: {})", text, request.who, request.why or request.kind)
        self._line.store.answer(request, done=False, text=text)

    def _change(self, plan: Plan) -> None:
        """Changes the running line, or what the next start uses. Raises InspectorError."""
        if self._line.is_running:
            self._line.change(plan)
            return
        self._line.config.compose(plan.base, plan.recipe, plan.settings)
        self._line.set_plan(plan)
        self.answer(plan, done=True, text=f"{plan.text} from the next start on")

    def _change_recipe(self, request: Request) -> None:
        arguments = build(RecipeArguments, request.arguments, ConfigError, request.kind)
        name, source, plan = arguments.name, arguments.source, self._line.plan
        if source is not None:
            self._check_source(source, request.kind)
            if len(self._line.config.source_names) == 1:
                source = None
        settings = plan.settings.with_recipe(name, source)
        recipe = name if source is None else plan.recipe
        text = f"recipe {name} is in use{'' if source is None else f' for {source}'}"
        self._change(self._plan(request, text, recipe=recipe, settings=settings))

    def _check_source(self, source: Any, kind: str) -> str:
        known = self._line.config.source_names
        if source not in known:
            raise ConfigError(f"{kind}.source must be one of {', '.join(known)}")
        return str(source)

    def _change_thresholds(self, request: Request) -> None:
        """Keys that the request does not have stay as they are; null removes the setting."""
        plan = self._line.plan
        source = self._check_source(request.arguments.get("source"), request.kind)
        recipe = plan.find_recipe(source)
        existing = plan.settings.find_thresholds(source, recipe)
        values = {} if existing is None else asdict(existing)
        values |= request.arguments | {"recipe": recipe}
        setting = build(ThresholdSetting, values, ConfigError, request.kind)
        if not all(math.isfinite(value) for value in setting.section.values()):
            raise ConfigError("thresholds must be finite numbers")
        text = f"the thresholds of {source} are changed"
        self._change(self._plan(request, text, settings=plan.settings.with_thresholds(setting)))

    def _reload(self, request: Request) -> None:
        build(NoArguments, request.arguments, ConfigError, request.kind)
        self._change(self._plan_reload(request, request.who, request.why))

    def _plan_reload(self, request: Request | None, who: str, why: str | None) -> Plan:
        base = self._line.config.read_again()
        text = "the configuration was read again"
        return self._next_plan(who, why, text, base=base, request=request)

    def _start(self, request: Request) -> None:
        build(NoArguments, request.arguments, ConfigError, request.kind)
        if self._line.is_running:
            raise ConfigError("the line is inspecting already")
        plan = self._plan(request, "the line inspects")
        self._line.start(plan)
        self._line.store.record(request.who, "start", None, None, request.why)
        self.answer(plan, done=True, text=plan.text)

    def _stop(self, request: Request) -> None:
        build(NoArguments, request.arguments, ConfigError, request.kind)
        if not self._line.is_running:
            raise ConfigError("the line is stopped already")
        self._line.stop_inspecting()
        self._line.store.record(request.who, "stop", None, None, request.why)
        text = "the line stops; everything captured is still inspected"
        self.answer(self._plan(request, text), done=True, text=text)

    def _acknowledge(self, request: Request) -> None:
        arguments = build(AlarmArguments, request.arguments, ConfigError, request.kind)
        note = arguments.note or request.why
        self._line.store.acknowledge(arguments.alarm, who=request.who, note=note)
        text = f"alarm {arguments.alarm} is acknowledged"
        self._line.store.record(request.who, f"alarm {arguments.alarm}", "open", "closed", note)
        self.answer(self._plan(request, text), done=True, text=text)

    def _hand_on(self, handle: Handler, request: Request) -> None:
        reply = handle(request)
        plan = self._plan(request, reply.text, undo=reply.undo, check=reply.check)
        if reply.renews and self._line.is_running:
            self._line.change(plan)
            return
        text = f"{reply.text} from the next start on" if reply.renews else reply.text
        self.answer(plan, done=True, text=text)

    def _status(self, request: Request) -> None:
        self._line.store.answer(request, done=True, text=describe(self._line.state()))

    def _plan(self, request: Request, text: str, **changes: Any) -> Plan:
        return self._next_plan(request.who, request.why, text, request=request, **changes)

    def _next_plan(self, who: str, why: str | None, text: str, **changes: Any) -> Plan:
        """The current plan with these changes."""
        fresh = {"who": who, "why": why, "text": text, "request": None, "undo": None}
        return replace(self._line.plan, **(fresh | changes))
